"""The generator `diffusers`: without the package a sentence; with it, pipelines made here with random weights."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.base.keys import derive_seed
from harness.benchmark import model as benchmark
from harness.benchmark import registry
from harness.generators.contract import PlacedGenerator
from harness.generators.from_diffusers import Diffusers, DiffusersParameters
from harness.generators.labels import offered
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.score import load_analyses, make_scores
from harness.studies.judges.benchmark import prompts
from tests.conftest import ROOT

PROMPTED = """\
name: prompted
seed: 1
dataset: digits
datasets: {datasets}
n_real: 60
n_fake: 30
batch_size: 15
preprocessing: {{channels: grey, resize: {{size: 8, library: pillow, filter: bilinear}}, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  cycled: {{use: diffusers, folder: pipeline, prompts: five.txt, labels: balanced, steps: 2}}
  all: {{use: diffusers, folder: pipeline, prompts: five.txt, labels: balanced, steps: 2, groups: strata}}
metrics: {{kd: {{}}}}
interval: {{replicates: 50}}
rank_by: {{metric: kd, encoder: pixels}}
"""
SEEDS = [derive_seed("pipelines", i) for i in range(6)]
installed = pytest.mark.skipif(importlib.util.find_spec("diffusers") is None, reason="the extra `generators`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    path = tmp_path_factory.mktemp("pipelines") / "ddpm"
    DDPMPipeline(network, DDPMScheduler(num_train_timesteps=100)).save_pretrained(path)
    return path


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)  # what an import finds where the package is missing
    with pytest.raises(UsageError, match=r"needs the package diffusers: pip install '\.\[generators\]'"):
        Diffusers(folder=str(tmp_path))


def test_a_folders_content_decides_its_identity_and_what_tools_hide_in_it_does_not(tmp_path):
    (tmp_path / "pipe" / "unet").mkdir(parents=True)
    (tmp_path / "pipe" / "unet" / "weights.bin").write_text("1")
    of = lambda name: registry.identity("generators", "diffusers", {"folder": name}, tmp_path)  # noqa: E731
    before = of("pipe")
    (tmp_path / "pipe" / ".cache").mkdir()
    (tmp_path / "pipe" / ".cache" / "lock").write_text("")
    assert of("pipe") == before
    (tmp_path / "pipe").rename(tmp_path / "moved")
    assert of("moved") == before
    (tmp_path / "moved" / "unet" / "weights.bin").write_text("2")
    assert of("moved") != before


@installed
def test_a_folder_with_the_half_precision_variant_alone_is_read_when_it_is_named(tmp_path, folder):
    import torch
    from diffusers import DiffusionPipeline

    whole = DiffusionPipeline.from_pretrained(folder)
    whole.to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    assert list((tmp_path / "half").rglob("*.fp16.safetensors"))
    with pytest.raises(UsageError, match=r"as a diffusers pipeline: .*; it holds the variant fp16: set `variant`"):
        Diffusers(folder=str(tmp_path / "half"), steps=2)
    made = Diffusers(folder=str(tmp_path / "half"), steps=2, variant="fp16").sample([1, 2])
    full = Diffusers(folder=str(folder), steps=2).sample([1, 2])
    assert np.abs(made.astype(int) - full).max() <= 2  # weights rounded to half precision, computed in float32
    assert "variant" not in DiffusersParameters(folder="x").model_dump()
    with pytest.raises(UsageError, match="does not load as a diffusers pipeline"):
        Diffusers(folder=str(folder), variant="bf16")


def test_images_are_those_of_the_pipeline_called_directly_one_at_a_time(folder):
    import torch
    from diffusers import DDPMPipeline

    images = Diffusers(folder=str(folder), steps=5).sample(SEEDS)
    assert (images.shape, images.dtype) == ((6, 8, 8, 3), np.uint8)
    assert images.std() > 10
    pipeline = DDPMPipeline.from_pretrained(folder)
    for seed, image in zip(SEEDS, images, strict=True):
        made = pipeline(generator=[torch.Generator().manual_seed(seed)], num_inference_steps=5).images[0]
        assert np.abs(np.asarray(made).astype(int) - image).mean() < 0.1


@installed
def test_an_image_depends_on_its_seed_alone_and_on_the_rule(folder):
    generator = Diffusers(folder=str(folder), steps=5)
    whole = generator.sample(SEEDS)
    assert np.abs(generator.sample(SEEDS[::-1])[::-1].astype(int) - whole).mean() < 0.1
    assert np.abs(generator.sample(SEEDS[2:4]).astype(int) - whole[2:4]).mean() < 0.1
    assert len(np.unique(whole.reshape(6, -1), axis=0)) == 6
    adm = Diffusers(folder=str(folder), steps=5, quantise="adm").sample(SEEDS).astype(int)
    assert set(np.unique(whole - adm)) <= {0, 1}
    assert (whole != adm).any()


@installed
def test_a_pipeline_whose_noise_the_seeds_do_not_reach_is_refused(folder):
    import torch

    generator = Diffusers(folder=str(folder), steps=5)
    unseeded = generator._pipeline
    generator._pipeline = lambda **asked: unseeded(**{**asked, "generator": torch.Generator().manual_seed(next(fresh))})
    fresh = iter(range(10))
    with pytest.raises(UsageError, match="ignores the given random generators"):
        generator.sample(SEEDS)


@installed
def test_each_image_gets_the_prompt_of_its_seed_or_of_its_place(folder, tmp_path):
    (tmp_path / "prompts.txt").write_text("a cat\n\n a dog \nan owl\n", encoding="utf-8")
    asked: list[list[str]] = []

    class Made:
        def __init__(self, n):
            self.images = np.full((n, 2, 2, 3), 0.5, np.float32)

    def pipeline(*, prompt, generator, output_type):
        asked.append(prompt)
        return Made(len(prompt))

    drawn = Diffusers(folder=str(folder), prompts=str(tmp_path / "prompts.txt"))
    drawn._pipeline = pipeline
    drawn.sample(SEEDS)
    whole = asked[0]
    assert set(whole) <= {"a cat", "a dog", "an owl"}
    assert len(set(whole)) > 1
    drawn.sample(SEEDS[2:4])
    assert asked[-1] == whole[2:4]
    balanced = Diffusers(folder=str(folder), prompts=str(tmp_path / "prompts.txt"), labels="balanced")
    balanced._pipeline = pipeline
    assert isinstance(balanced, PlacedGenerator)
    balanced.sample_at(SEEDS, range(1, 7))
    assert asked[-2] == ["a dog", "an owl", "a cat", "a dog", "an owl", "a cat"]
    with pytest.raises(UsageError, match="sample_at"):
        balanced.sample(SEEDS)
    # What is said of the images' groups is what they were made with.
    assert offered(drawn, SEEDS, range(6)) == {"clusters": whole}
    assert offered(balanced, SEEDS, range(1, 7)) == {"clusters": asked[-2]}
    assert offered(Diffusers(folder=str(folder)), SEEDS, range(6)) == {}


def test_prompts_are_clusters_unless_there_is_one_only():
    made = Diffusers.__new__(Diffusers)  # without the package no pipeline loads, and none is asked here
    made._prompts, made._labels, made._classes = ["a cat", "a dog", "a cat"], "balanced", None
    assert offered(made, SEEDS[:4], range(4)) == {"clusters": ["a cat", "a dog", "a cat", "a cat"]}
    made._labels = "drawn"
    labels = offered(made, SEEDS, range(6))["clusters"]
    assert labels[2:4] == offered(made, SEEDS[2:4], range(2))["clusters"]
    for alone in (["a cat"], ["a cat", "a cat"], None):
        made._prompts = alone
        assert offered(made, SEEDS, range(6)) == {}


@installed
@pytest.mark.slow
def test_a_benchmark_counts_the_prompts_of_a_pipeline_and_not_its_images(text_folder):
    (text_folder / "five.txt").write_text("a cat\nan owl\na dog\na hen\nan ox\n")
    path = text_folder / "prompted.yaml"
    path.write_text(PROMPTED.format(datasets=ROOT / "datasets.yaml"))
    plan = Plan(benchmark.load(path), text_folder / "store", "cpu")
    found = {}
    for generator in ("cycled", "all"):
        source = FakeSet(generator, None, 0)
        make_scores(plan, source, "pixels")
        found[generator] = load_analyses(plan, source, "pixels")["kd"]
    assert found["cycled"].clustered
    assert found["cycled"].units_fake == 5
    assert found["cycled"].value == found["all"].value
    assert found["all"].units_fake == 30
    assert not found["all"].clustered
    assert len(np.unique(found["all"].strata_fake)) == 5
    # Judges of images read the prompts back from the store, however the entry counts them.
    shown = tuple(plan.component("generators", "cycled").groups(range(30), range(30))["clusters"])
    assert [prompts(plan, FakeSet(name, None, 0)) for name in ("cycled", "all")] == [shown, shown]
    assert len(set(shown)) == 5


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    """A latent diffusion pipeline that reads prompts, every part of it tiny and random."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("text")
    letters = [letter + end for letter in "abcdefghijklmnopqrstuvwxyz" for end in ("", "</w>")]
    words = {token: row for row, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
        pad_token_id=1,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
    )
    with torch.no_grad():  # with its own the prompt would hardly be heard
        unet.conv_out.weight *= 3
        for name, weight in unet.named_parameters():
            if "attn2" in name:
                weight *= 8
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4),
        unet=unet,
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "pipeline")
    (folder / "prompts.txt").write_text("a cat\nan owl\n")
    return folder


@installed
def test_a_text_pipeline_shows_each_images_own_prompt(text_folder):
    asked = {"folder": str(text_folder / "pipeline"), "prompts": str(text_folder / "prompts.txt"), "steps": 3}
    made = Diffusers(**asked, labels="balanced")
    images = made.sample_at(SEEDS, range(6)).astype(int)
    assert (images.shape[0], images.shape[3]) == (6, 3)
    again = made.sample_at(SEEDS[2:5], range(2, 5))
    assert np.abs(again - images[2:5]).mean() < 0.1
    others = made.sample_at(SEEDS, range(1, 7))
    assert np.abs(others - images).mean(axis=(1, 2, 3)).min() > 0.5  # the prompt is heard, in every image
    unguided = Diffusers(**asked, labels="balanced", guidance=1.0).sample_at(SEEDS, range(6))
    assert np.abs(unguided - images).mean() > 0.5
    with pytest.raises(UsageError, match=r"does not accept batch_size.*see `prompts`"):
        Diffusers(folder=asked["folder"]).sample(SEEDS)


@installed
def test_what_is_no_pipeline_and_what_a_pipeline_does_not_take_are_the_users_mistakes(folder, tmp_path):
    with pytest.raises(UsageError, match="does not load as a diffusers pipeline"):
        Diffusers(folder=str(tmp_path))
    with pytest.raises(UsageError, match="DDPMPipeline does not accept"):
        Diffusers(folder=str(folder), guidance=3.0).sample(SEEDS)
    videos = Diffusers(folder=str(folder))
    videos._pipeline = lambda **asked: object()
    with pytest.raises(UsageError, match="gives no images"):
        videos.sample(SEEDS)
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(UsageError, match="holds no prompt"):
        Diffusers(folder=str(folder), prompts=str(tmp_path / "empty.txt"))


def test_a_missing_folder_is_named_with_its_line(small):
    small.edit("  kde: {}\n", "  kde: {}\n  pipe: {use: diffusers, folder: pipes/none}\n")
    with pytest.raises(UsageError, match=r"bench.yaml:\d+:\d+: generators.pipe.folder: .*none: no such folder"):
        benchmark.load(small.bench)


def test_labels_of_prompts_that_are_not_given_are_refused(small):
    (small.folder / "pipe").mkdir()
    small.edit("  kde: {}\n", "  kde: {}\n  pipe: {use: diffusers, folder: pipe, labels: balanced}\n")
    with pytest.raises(UsageError, match="`labels` assigns `prompts` or `classes`"):
        benchmark.load(small.bench)


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    """A diffusion transformer that is called with class labels, every part of it tiny and random."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    torch.manual_seed(0)
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        norm_num_groups=4,
        sample_size=8,
        patch_size=2,
        num_embeds_ada_norm=1000,
    )
    with torch.no_grad():  # with its own the label would hardly be heard
        transformer.transformer_blocks[0].norm1.emb.class_embedder.embedding_table.weight *= 20
    path = tmp_path_factory.mktemp("classes") / "dit"
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4)
    DiTPipeline(transformer, vae, DDIMScheduler(num_train_timesteps=100)).save_pretrained(path)
    return path


@installed
def test_a_pipeline_that_takes_class_labels_gets_those_of_seeds_or_places(class_folder):
    made = Diffusers(folder=str(class_folder), classes=3, labels="balanced", steps=3, guidance=1.5)
    images = made.sample_at(SEEDS, range(6)).astype(int)
    assert images.shape[0] == 6
    again = made.sample_at(SEEDS[2:5], range(2, 5))
    assert np.abs(again - images[2:5]).mean() < 0.1
    others = made.sample_at(SEEDS, range(1, 7))
    assert np.abs(others - images).mean(axis=(1, 2, 3)).min() > 0.05  # the label is heard, in every image
    same_labels = made.sample_at(SEEDS, range(3, 9))
    assert np.abs(same_labels - images).mean() < 0.1
    assert offered(made, SEEDS, range(6)) == {"strata": [0, 1, 2, 0, 1, 2]}
    drawn = Diffusers(folder=str(class_folder), classes=3, steps=3)
    assert len(drawn.sample(SEEDS)) == 6
    assert offered(drawn, SEEDS, range(6)) == {}
    with pytest.raises(UsageError, match=r"does not accept batch_size.*`classes`"):
        Diffusers(folder=str(class_folder), steps=3).sample(SEEDS)


def test_prompts_and_classes_are_not_both_given(small):
    (small.folder / "pipe").mkdir()
    (small.folder / "prompts.txt").write_text("a cat\n")
    entry = "pipe: {use: diffusers, folder: pipe, prompts: prompts.txt, classes: 3}"
    small.edit("  kde: {}\n", f"  kde: {{}}\n  {entry}\n")
    with pytest.raises(UsageError, match="found both `prompts` and `classes`"):
        benchmark.load(small.bench)


@installed
def test_the_toys_sampling_parameters_are_the_pipelines_schedulers(folder, text_folder):
    from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler

    drawn = {name: Diffusers(folder=str(folder), steps=4, sampler=name) for name in ("ddpm", "ddim", "dpm++")}
    kinds = {name: type(made._pipeline.scheduler) for name, made in drawn.items()}
    assert kinds == {"ddpm": DDPMScheduler, "ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}
    images = {name: made.sample(SEEDS) for name, made in drawn.items()}
    assert np.array_equal(images["ddpm"], Diffusers(folder=str(folder), steps=4).sample(SEEDS))  # its own scheduler
    assert np.abs(images["ddim"].astype(int) - images["ddpm"]).mean() > 1
    assert np.abs(images["dpm++"].astype(int) - images["ddim"]).mean() > 0.1
    assert {made.evaluations for made in drawn.values()} == {4}
    unet = DDPMPipeline.from_pretrained(folder).unet
    assert drawn["ddpm"].parameters == sum(weights.numel() for weights in unet.parameters())
    prompts = {"folder": str(text_folder / "pipeline"), "prompts": str(text_folder / "prompts.txt"), "steps": 3}
    guided = Diffusers(**prompts, sampler="ode", guidance=2.0)
    assert isinstance(guided._pipeline.scheduler, HeunDiscreteScheduler)
    guided.sample(SEEDS[:2])
    assert guided.evaluations == 2 * (2 * 3 - 1)  # twice for guidance, twice a step but for the last
    plain = Diffusers(**prompts, sampler="ddim", guidance=1.0)
    deterministic = plain.sample(SEEDS[:2]).astype(int)
    assert plain.evaluations == 3
    fresh = Diffusers(**prompts, sampler="ddim", guidance=1.0, eta=1.0).sample(SEEDS[:2])
    assert np.abs(fresh - deterministic).mean() > 0.1


@installed
def test_a_class_pipeline_counts_guidance_and_takes_another_sampler(class_folder):
    for guidance, rows in ((1.0, 2), (3.0, 4)):
        made = Diffusers(folder=str(class_folder), classes=3, steps=2, guidance=guidance, sampler="dpm++")
        made.sample(SEEDS[:2])
        assert made.evaluations == rows


def test_eta_without_ddim_is_refused_and_unused_sampling_leaves_a_declaration_as_it_was():
    with pytest.raises(ValueError, match="`eta` is for `sampler: ddim`"):
        DiffusersParameters(folder="x", sampler="dpm++", eta=0.5)
    assert not {"sampler", "eta"} & set(DiffusersParameters(folder="x").model_dump())


@installed
@pytest.mark.parametrize("place", ["pipeline.py", "unet/mine.py"])
def test_a_pipeline_that_brings_python_along_is_refused_unrun(folder, tmp_path, place):
    shutil.copytree(folder, tmp_path / "theirs")
    ran = tmp_path / "ran"
    (tmp_path / "theirs" / place).write_text(f"open({str(ran)!r}, 'w').close()\n")
    index = json.loads((tmp_path / "theirs/model_index.json").read_text())
    index["_class_name"] = ["pipeline", "Theirs"]
    (tmp_path / "theirs/model_index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match=rf"contains Python code \({place}\)"):
        Diffusers(folder=str(tmp_path / "theirs"), steps=2)
    assert not ran.exists()


@installed
def test_a_pipeline_of_other_libraries_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "theirs")
    index = json.loads((tmp_path / "theirs/model_index.json").read_text())
    index["unet"] = ["subprocess", "Popen"]
    (tmp_path / "theirs/model_index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match="takes parts from subprocess"):
        Diffusers(folder=str(tmp_path / "theirs"), steps=2)
