"""Presets: what the table says of a network, its images and its layer is what the library and the authors say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from harness.base.component import Expects
from harness.base.document import Document
from harness.base.errors import UsageError
from harness.benchmark import presets
from harness.benchmark.registry import TABLE
from harness.cli.main import main

NAMES = presets.names()
OF_TIMM = [name for name in NAMES if presets.load(name).use == "timm"]
COMPONENTS = {component.name: component for component in TABLE if component.kind == "encoders"}


def test_the_encoders_that_were_asked_for_are_there():
    asked = (
        "swav-rn50 simclrv2-rn50 mae-vitb16 mae-vitl16 convnext-l-in22k data2vec-vitl16 dinov2-vits14 dinov3-vitb16 "
        "dinov2-vitg14-reg4 dinov3-vitl16 clip-vitb32 clip-vitb16 clip-vitl14 clip-vitl14-336 siglip2-vitb16-224 "
        "eva02-clip-vitl14 eva02-vitl14-448 random-vgg16 random-inception-v3 vgg16-fc2 inception-v3-fid"
    )
    assert set(asked.split()) <= set(NAMES)
    assert not set(NAMES) & set(COMPONENTS)  # `--encoder NAME` means one thing


@pytest.mark.parametrize("name", NAMES)
def test_a_presets_images_are_those_of_its_encoder(name):
    preset, recipe = presets.load(name), presets.recipe(name)
    assert recipe.output_size((427, 427)) == (preset.side, preset.side)
    component = COMPONENTS[preset.use]
    assert component.expects is not None
    assert component.expects.size in (None, (preset.side, preset.side))
    assert isinstance(component.dim, type(None)) or component.dim == preset.dim
    parameters = component.parameters.model_fields
    assert set(preset.parameters) <= set(parameters)


def test_features_of_dinov2_clip_and_the_rest_are_those_of_their_classes():
    from harness.encoders import clip, convnext, data2vec, dinov2, inception, mae, simclr_resnet

    tables = {
        "dinov2": {size: dim for size, (_, dim) in dinov2.DINOV2.items()},
        "clip": {size: dim for size, (dim, _) in clip.CLIPS.items()},
        "mae": mae.DIMS,
        "convnext": convnext.DIMS,
        "data2vec": {size: facts[0] for size, facts in data2vec.SIZES.items()},
        "simclr": {"r50_1x_sk1": simclr_resnet.resnet("r50_1x_sk1").dim},
    }
    checked = 0
    for name in NAMES:
        preset = presets.load(name)
        if preset.use in tables:
            assert tables[preset.use][preset.parameters["architecture"]] == preset.dim, name
            checked += 1
        if preset.use in ("inception", "random_inception"):
            assert inception.DIMS["pool3"] == preset.dim
    assert checked == 21
    assert {presets.load(f"clip-vit{n}").side for n in ("b32", "b16", "l14")} == {224}
    assert clip.CLIPS["ViT-L-14-336px"][1] == presets.load("clip-vitl14-336").side


@pytest.mark.parametrize("name", OF_TIMM)
def test_size_features_pool_and_normalisation_are_timms(name):
    import timm

    preset, recipe = presets.load(name), presets.recipe(name)
    model, pool = preset.parameters["model"], preset.parameters["pool"]
    with torch.device("meta"):
        network = timm.create_model(model, pretrained=False, num_classes=0, global_pool=pool)
    published = timm.get_pretrained_cfg(model)
    assert network.num_features == preset.dim
    assert published.input_size == (3, preset.side, preset.side)
    assert network.global_pool == pool
    mean, sd = recipe.normalise.mean, recipe.normalise.sd
    assert (mean * (3 // len(mean)), sd * (3 // len(sd))) == (published.mean, published.std)
    assert recipe.range == (0, 1)
    assert recipe.resize.filter == ("bilinear" if name.startswith("dinov3") else "bicubic")
    assert preset.file.startswith(f"model.safetensors of {published.hf_hub_id}")


@pytest.mark.parametrize(
    ("name", "model", "tag"),
    [
        ("siglip2-vitb16-224", "ViT-B-16-SigLIP2", "webli"),
        ("siglip2-vitl16-512", "ViT-L-16-SigLIP2-512", "webli"),
        ("siglip2-so400m14-378", "ViT-SO400M-14-SigLIP2-378", "webli"),
        ("siglip2-vitg16-384", "ViT-gopt-16-SigLIP2-384", "webli"),
        ("eva02-clip-vitb16", "EVA02-B-16", "merged2b_s8b_b131k"),
        ("eva02-clip-vitl14-336", "EVA02-L-14-336", "merged2b_s6b_b61k"),
    ],
)
def test_images_of_siglip2_and_eva02_clip_are_open_clips(name, model, tag):
    import open_clip

    published = open_clip.get_pretrained_cfg(model, tag)
    recipe = presets.recipe(name)
    squashed = published["resize_mode"] == "squash"
    assert squashed == (recipe.resize.size is not None) == (recipe.crop is None)
    assert published["interpolation"] == recipe.resize.filter == "bicubic"
    for ours, theirs in ((recipe.normalise.mean, published["mean"]), (recipe.normalise.sd, published["std"])):
        assert tuple(ours * (3 // len(ours))) == tuple(theirs)
    assert open_clip.get_model_config(model)["vision_cfg"]["image_size"] == presets.load(name).side


@pytest.mark.slow
def test_dinov3s_layer_is_the_class_token_of_transformers_and_not_timms_average():
    import timm
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    from harness.encoders.anytimm import Timm

    model = presets.load("dinov3-vits16").parameters["model"]
    ours, averaged = (Timm(model=model, weights="random", seed=2, pool=pool) for pool in ("token", None))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        own = timm.create_model(model, pretrained=False, num_classes=0).state_dict()
    theirs = DINOv3ViTModel(
        DINOv3ViTConfig(
            hidden_size=384,
            intermediate_size=1536,
            num_hidden_layers=12,
            num_attention_heads=6,
            num_register_tokens=4,
            image_size=256,
            query_bias=False,
            value_bias=False,
            key_bias=False,
        )
    ).eval()
    theirs.load_state_dict(in_transformers_names(own, theirs.state_dict()))
    rows = np.random.default_rng(0).uniform(-2, 2, (2, 256, 256, 3)).astype(np.float32)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(rows).permute(0, 3, 1, 2)).pooler_output.numpy()
    largest = np.abs(expected).max()
    assert np.abs(ours.encode(rows) - expected).max() / largest < 1e-5
    assert np.abs(averaged.encode(rows) - expected).max() / largest > 0.01
    assert ours.identity != averaged.identity


def in_transformers_names(own, wanted):
    """timm's tensors of a DINOv3 in the names of transformers."""
    named = {
        "embeddings.cls_token": own["cls_token"],
        "embeddings.mask_token": torch.zeros(1, 1, 384),
        "embeddings.register_tokens": own["reg_token"],
        "embeddings.patch_embeddings.weight": own["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.bias": own["patch_embed.proj.bias"],
        "norm.weight": own["norm.weight"],
        "norm.bias": own["norm.bias"],
    }
    prefix = next(name for name in wanted if ".0.norm1.weight" in name).removesuffix("0.norm1.weight")
    for i in range(12):
        here, there = f"blocks.{i}.", f"{prefix}{i}."
        for part, value in zip("qkv", own[f"{here}attn.qkv.weight"].chunk(3), strict=True):
            named[f"{there}attention.{part}_proj.weight"] = value
        for k in (1, 2):
            named[f"{there}layer_scale{k}.lambda1"] = own[f"{here}gamma_{k}"]
        for ours, other in (
            ("attn.proj", "attention.o_proj"),
            ("norm1", "norm1"),
            ("norm2", "norm2"),
            ("mlp.fc1", "mlp.up_proj"),
            ("mlp.fc2", "mlp.down_proj"),
        ):
            for kind in ("weight", "bias"):
                named[f"{there}{other}.{kind}"] = own[f"{here}{ours}.{kind}"]
    return named


@pytest.mark.slow
def test_siglip2s_layer_is_its_attention_pool():
    import timm

    from harness.encoders.anytimm import Timm

    parameters = presets.load("siglip2-vitb16-224").parameters
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = timm.create_model(parameters["model"], pretrained=False, num_classes=0).eval()
    rows = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    with torch.inference_mode():
        expected = network.attn_pool(network.forward_features(torch.from_numpy(rows).permute(0, 3, 1, 2))).numpy()
    found = Timm(**parameters, weights="random", seed=4).encode(rows)
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-5


# ---------------------------------------------------------------- in a benchmark and at the command line


def test_a_benchmark_can_take_every_preset(small):
    weights = {name: "" if COMPONENTS[presets.load(name).use].random else ", weights: random" for name in NAMES}
    lines = [f"  {name}: {{preset: {name}{weights[name]}}}" for name in NAMES]
    small.edit("  pixels: {}", "\n".join(lines))
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 0, outcome.stderr
    from harness.benchmark.model import load

    bench = load(small.bench)
    for name in NAMES:
        assert bench.recipe(name) == presets.recipe(name)
        assert presets.load(name).parameters.items() <= bench.encoders[name].parameters.items()
        assert bench.is_random(name)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{preset: dinov3-vitb}", "no preset 'dinov3-vitb'; did you mean 'dinov3-vitb16'"),
        ("{preset: 3}", "no preset '3'"),
        ("{preset: swav-rn50, preprocessing: none}", "preset swav-rn50 sets this; leave it out"),
        ("{preset: mae-vitl16, architecture: base}", "preset mae-vitl16 sets this; leave it out"),
        ("{preset: mae-vitl16, protocol: clean}", "preset mae-vitl16 sets this; leave it out"),
        ("{preset: mae-vitl16}", "weights mae_pretrain_vit_large.pth not found"),
        ("{preset: dinov3-vitb16, file: absent.safetensors}", "no such file"),
        ("{preset: dinov3-vitb16}", "give either `file`, a state dict, or `weights: random`"),
        ("{preset: data2vec-vitl16}", "`weights: file` needs both `file`, a path, and `sha256`"),
    ],
)
def test_a_preset_that_cannot_be_taken_is_refused_with_its_place(small, entry, words):
    small.edit("  pixels: {}", f"  deep: {entry}")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert words in outcome.stderr
    assert "bench.yaml:" in outcome.stderr


def test_an_unknown_preset_is_named_with_its_nearest():
    with pytest.raises(UsageError, match="no preset 'clip-vitb31'; did you mean"):
        presets.load("clip-vitb31")
    assert presets.taken(Document("bench.yaml"), "deep", {"preset": "clip-vitb31"}) is None


def test_the_command_tells_size_and_layer_of_all_and_everything_of_one():
    told = CliRunner().invoke(main, ["encoders"]).output.splitlines()
    assert len(told) == len(NAMES)
    line = next(line for line in told if line.startswith("siglip2-vitl16-384"))
    assert "1024 features" in line
    assert "384×384" in line
    assert "attention pool" in line
    shown = CliRunner().invoke(main, ["encoders", "dinov3-vitb16"]).output
    assert "class token after the last norm" in shown
    assert "dinov3-vitb16: {preset: dinov3-vitb16, file: PATH}" in shown
    assert "facebookresearch/dinov3" in shown
    assert "random weights" in next(line for line in told if line.startswith("random-vgg16"))


def test_docs_encoders_md_is_the_table_of_the_code():
    page = (Path(__file__).parents[2] / "docs/encoders.md").read_text()
    table = page.split("<!-- encoders -->\n")[1].split("\n<!-- /encoders -->")[0]
    assert table == "\n".join(presets.rows())


def test_the_encoders_that_presets_do_not_name_are_general_or_the_digits():
    named = {presets.load(name).use for name in NAMES}
    assert set(COMPONENTS) - named == {
        "digits_convnet",
        "mnist_convnet",
        "random_convnet",
        "pixels",
        "torchscript",
        "onnx",
        "inception_nvidia",
        "fd_loss",
    }
    assert COMPONENTS["swav"].expects == Expects(None, (224, 224), 3)


@pytest.mark.slow
def test_random_weights_are_labelled_in_every_output_and_trained_ones_are_not(small):
    small.edit("  pixels: {}", '  drawn: {preset: random-inception-v3, layer: "64", seed: 1}')
    small.edit("n_real: 120\nn_fake: 100", "n_real: 24\nn_fake: 20")
    small.edit(f'  mine: {{use: "{small.module}:Shifted"}}\n', "")
    small.edit("  kde: {}\n", "  blur: {}\n")
    small.edit("training_split: train\n", "")  # 597 images more under the large network
    small.edit("training_seeds: [0, 1]\nsampling_seeds: [0, 1]", "training_seeds: [0]\nsampling_seeds: [0]")
    small.edit("recall: {}, density: {}, coverage: {}", "recall: {}")
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    out, label = small.folder / "results/small", "random weights"
    assert label in outcome.stdout
    for file in ("leaderboard.md", "leaderboard.json", "leaderboard.csv", "records.jsonl", "report.html"):
        assert label in (out / file).read_text(), file
    pair = (str(out), "holdout", "noise")
    power = ("power", *pair, "--difference", "1000", "--reference", "fixed")
    for asked in (("compare", *pair), power, ("gate", str(out), "--baseline", str(out))):
        told = [CliRunner().invoke(main, [*asked, "--encoder", name]) for name in ("drawn", "digits_convnet")]
        assert [one.exit_code for one in told] == [0, 0], [one.output for one in told]
        assert label in told[0].output, asked
        assert label not in told[1].output, asked
    assert f"drawn ({label}: not a measure of quality)" in CliRunner().invoke(main, ["rerank", str(out)]).output
