"""Judges of images and prompts: torchmetrics and transformers with the same drawn weights, published formulas."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.base import UsageError
from harness.encoders.judges import pickscore, towers
from harness.encoders.judges.aesthetic import aesthetic
from harness.encoders.judges.clip_score import clip_score
from harness.encoders.judges.contract import RECIPE
from harness.encoders.judges.table import JUDGE_SETS, JUDGES, judges_named, made
from harness.images.preprocessing.applying import apply
from harness.images.preprocessing.recipes import RECIPES

PROMPTS = ["A red cube on two blue spheres!", "naïve  café, 12 o'clock", "a dog", "a dog"]
TINY = {
    "projection_dim": 16,
    "text_config": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
        "hidden_act": "quick_gelu",
        "bos_token_id": 49406,
        "eos_token_id": 49407,
        "pad_token_id": 49407,
    },
    "vision_config": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "patch_size": 32,
        "image_size": 224,
        "projection_dim": 16,
        "hidden_act": "quick_gelu",
    },
}


@pytest.fixture(scope="module")
def tokenizer():
    """transformers' CLIP tokenizer, from the merges that open_clip ships."""
    from transformers import CLIPTokenizer

    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    own = open_clip.tokenizer.SimpleTokenizer().encoder
    file = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(file.read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    vocabulary = {names.get(token, token): number for token, number in own.items()}
    return CLIPTokenizer(vocab=vocabulary, merges=[tuple(line.split()) for line in lines])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 256, 240, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny():
    """The towers, and transformers' model that they were made of."""
    found = towers.of_transformers(TINY, file=None, what="tiny")
    return found, found.network


class Before5:
    """A CLIPModel whose features are tensors, as torchmetrics 1.9 takes them; transformers 5 gives outputs."""

    def __init__(self, model):
        self.model, self.config = model, model.config

    def to(self, device):
        return self

    def get_image_features(self, pixels):
        return self.model.get_image_features(pixel_values=pixels).pooler_output

    def get_text_features(self, tokens, mask):
        return self.model.get_text_features(input_ids=tokens, attention_mask=mask).pooler_output


def test_tokens_are_transformers(tokenizer):
    ours = towers.tokenised(PROMPTS)
    theirs = tokenizer(PROMPTS, padding="max_length", max_length=towers.CONTEXT)["input_ids"]
    for own, other in zip(ours.tolist(), theirs, strict=True):
        end = own.index(49407)
        assert own[: end + 1] == other[: end + 1]
        assert set(other[end:]) == {49407}
    long = "word " * 90
    assert towers.too_long(["short", long]) == [long]
    assert towers.tokenised([long])[0, -1] == 49407


def test_clip_score_is_torchmetrics_with_the_same_weights(tiny, tokenizer, images):
    from torchmetrics.multimodal import CLIPScore
    from transformers import CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    ours = clip_score(tiny[0], "tiny", scale=100.0, prefix="", name="clip_score", weights="random")
    assert ours.label == "clip_score (random weights)"
    found = ours.score(apply(RECIPES[RECIPE], images), PROMPTS)
    processor = CLIPProcessor(CLIPImageProcessorPil(), tokenizer)
    tensors = [torch.from_numpy(image).permute(2, 0, 1) for image in images]
    metric = CLIPScore(lambda: (Before5(tiny[1]), processor))
    each = [float(metric(tensor, prompt)) for tensor, prompt in zip(tensors, PROMPTS, strict=True)]
    assert found.shape == (4,)
    assert found == pytest.approx(each, abs=2e-3)
    assert (found > 0).any()


def test_the_published_scale_and_words_are_hessels(tiny, images):
    pixels = apply(RECIPES[RECIPE], images)
    plain = clip_score(tiny[0], "tiny", scale=100.0, prefix="A photo depicts ", name="a", weights="random")
    published = clip_score(tiny[0], "tiny", scale=2.5, prefix="A photo depicts ", name="b", weights="random")
    bare = clip_score(tiny[0], "tiny", scale=2.5, prefix="", name="c", weights="random")
    assert published.score(pixels, PROMPTS) == pytest.approx(plain.score(pixels, PROMPTS) / 40, rel=1e-6)
    assert bare.score(pixels, [f"A photo depicts {p}" for p in PROMPTS]) == pytest.approx(
        published.score(pixels, PROMPTS), rel=1e-5
    )
    assert published.identity["weights"] == plain.identity["weights"]
    assert published.identity != bare.identity  # the words are part of what decides a score


def test_a_negative_cosine_scores_nothing(tiny):
    seen, read = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    judge = clip_score(tiny[0], "tiny", scale=100.0, prefix="", name="x", weights="random")
    assert judge.measure(seen, read).tolist() == pytest.approx([0.0, 60.0])


def test_pickscore_is_the_model_cards_formula_from_a_file(tiny, images, tmp_path, tokenizer):
    """The score of the model card: logit_scale.exp() times text · image, of a file in transformers' names."""
    file = tmp_path / "pickscore.safetensors"
    state = {name: x.contiguous() + 0.01 for name, x in tiny[1].state_dict().items() if x.is_floating_point()}
    save_file(state, file)
    ours = pickscore.pickscore(towers.of_transformers(TINY, file=file, what="tiny"), weights="official")
    assert ours.label == "pickscore"
    pixels = apply(RECIPES[RECIPE], images)
    found = ours.score(pixels, PROMPTS)
    from transformers import CLIPConfig, CLIPModel

    theirs = CLIPModel(CLIPConfig(**TINY)).eval()
    theirs.load_state_dict(state, strict=False)
    with torch.no_grad():
        tokens = tokenizer(PROMPTS, padding=True, return_tensors="pt")
        out = theirs(pixel_values=torch.from_numpy(pixels).permute(0, 3, 1, 2), **tokens)
    assert found == pytest.approx(out.logits_per_image.diagonal().numpy(), rel=1e-4)
    save_file({name: x for name, x in state.items() if "visual" not in name}, file)
    with pytest.raises(UsageError, match="these are not the weights of tiny"):
        towers.of_transformers(TINY, file=file, what="tiny")


def test_open_clips_towers_score_as_transformers_of_the_same_kind(images):
    """OpenAI's files are read by open_clip: its towers, tiny, give embeddings that do not hang on the batch."""
    vision = {"image_size": 224, "patch_size": 32, "width": 64, "layers": 1, "head_width": 32}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    model = open_clip.model.CLIP(16, vision, text, quick_gelu=True)
    judge = clip_score(towers.of_open_clip(model), "t", scale=100.0, prefix="", name="clip_score", weights="random")
    pixels = apply(RECIPES[RECIPE], images)
    whole = judge.score(pixels, PROMPTS)
    alone = [judge.score(pixels[i : i + 1], PROMPTS[i : i + 1])[0] for i in range(4)]
    assert whole == pytest.approx(alone, abs=1e-3)
    head = nn.Linear(16, 1)
    pleasing = aesthetic(towers.of_open_clip(model), head, weights="official")
    with torch.no_grad():
        embedded = nn.functional.normalize(model.encode_image(torch.from_numpy(pixels).permute(0, 3, 1, 2)), dim=1)
        wanted = head(embedded).squeeze(1)
    assert pleasing.score(pixels, None) == pytest.approx(wanted.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", JUDGES)
def test_absent_weights_say_what_to_place_where(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    file = JUDGES[name].files[0]
    with pytest.raises(UsageError, match=rf"weights {file} not found.*without a network, put https.*{tmp_path}"):
        made(JUDGES[name], weights="official")


def test_a_set_is_its_judges_once_each():
    assert [one.name for one in judges_named(["clip_score", "text-to-image"])] == list(JUDGE_SETS["text-to-image"])
    with pytest.raises(UsageError, match="no judge 'clip-score'; did you mean 'clip_score'"):
        judges_named(["clip-score"])
