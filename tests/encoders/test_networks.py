"""Networks of timm, open_clip, torchvision and files: the right layer, the right weights, whatever the batch."""

import numpy as np
import pytest
import timm
import torch

from harness.base.errors import UsageError
from harness.encoders.anytimm import Timm
from harness.encoders.clip import CLIP
from harness.encoders.dinov2 import DINOv2, adapted
from harness.encoders.onnx import Onnx
from harness.encoders.torchscript import TorchScript
from harness.encoders.vision import VGG16

pytestmark = pytest.mark.slow


def images(n, side, seed=0):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (n, side, side, 3)).astype(np.float32)


def channels_first(rows):
    return torch.from_numpy(rows).permute(0, 3, 1, 2)


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.fixture(scope="module")
def as_published():
    """A DINOv2 ViT-S/14 at 518 with random weights, and its state dict in the authors' names."""
    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0).eval()
    state = {name: value + 0.02 * torch.randn_like(value) for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    return network, {**state, "mask_token": torch.zeros(1, 384)}


def at(side, state, registers=False):
    network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0, img_size=side).eval()
    network.load_state_dict(adapted(dict(state), network, side, registers))
    return network


def test_dinov2_at_its_own_size_is_the_published_network(as_published):
    network, state = as_published
    x = channels_first(images(1, 518))
    with torch.inference_mode():
        assert torch.equal(at(518, state)(x), network(x))


def test_dinov2_positions_are_resized_by_the_authors_rule_and_not_by_timms(as_published):
    _, state = as_published
    ours = at(224, state).pos_embed
    own = state["pos_embed"][:, 1:].reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    scale = (16 + 0.1) / 37
    rule = torch.nn.functional.interpolate(own, scale_factor=(scale, scale), mode="bicubic")
    assert torch.equal(ours[:, 1:], rule.permute(0, 2, 3, 1).reshape(1, 256, 384))
    assert torch.equal(ours[:, :1], state["pos_embed"][:, :1])
    from timm.layers import resample_abs_pos_embed

    theirs = resample_abs_pos_embed(state["pos_embed"], (16, 16))
    assert (ours - theirs).abs().max() > 1e-3


def test_dinov2_is_the_network_of_transformers(as_published):
    from transformers import Dinov2Config, Dinov2Model

    _, state = as_published
    config = Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=224)
    theirs = Dinov2Model(config).eval()
    resized = at(224, state).state_dict()
    named = {
        "embeddings.cls_token": resized["cls_token"],
        "embeddings.mask_token": torch.zeros(1, 384),
        "embeddings.position_embeddings": resized["pos_embed"],
        "embeddings.patch_embeddings.projection.weight": resized["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": resized["patch_embed.proj.bias"],
        "layernorm.weight": resized["norm.weight"],
        "layernorm.bias": resized["norm.bias"],
    }
    for i in range(12):
        here, there = f"blocks.{i}.", f"encoder.layer.{i}."
        for kind in ("weight", "bias"):
            for part, value in zip(
                ("q_proj", "k_proj", "v_proj"), resized[f"{here}attn.qkv.{kind}"].chunk(3), strict=True
            ):
                named[f"{there}attention.{part}.{kind}"] = value
            for ours, other in (
                ("attn.proj", "attention.o_proj"),
                ("norm1", "norm1"),
                ("norm2", "norm2"),
                ("mlp.fc1", "mlp.fc1"),
                ("mlp.fc2", "mlp.fc2"),
            ):
                named[f"{there}{other}.{kind}"] = resized[f"{here}{ours}.{kind}"]
        for k in (1, 2):
            named[f"{there}layer_scale{k}.lambda1"] = resized[f"{here}ls{k}.gamma"]
    theirs.load_state_dict(named)
    rows = images(2, 224)
    with torch.inference_mode():
        expected = theirs(channels_first(rows)).last_hidden_state[:, 0].numpy()
        found = at(224, state)(channels_first(rows)).numpy()
    assert relative(found, expected) < 1e-5


@pytest.mark.parametrize(
    ("encoder", "side", "dim"),
    [
        (lambda seed: DINOv2(architecture="vits14", weights="random", seed=seed, side=56), 56, 384),
        (lambda seed: DINOv2(architecture="vits14", registers=True, weights="random", seed=seed, side=56), 56, 384),
        (lambda seed: CLIP(weights="random", seed=seed, normalise=True), 224, 512),
        (lambda seed: Timm(model="test_vit.r160_in1k", weights="random", seed=seed), 160, 64),
        (lambda seed: VGG16(weights="random", seed=seed), 224, 4096),
    ],
)
def test_rows_are_float32_one_an_image_whatever_the_batch_and_the_seed_decides_the_weights(encoder, side, dim):
    one = encoder(1)
    rows = one.encode(images(5, side))
    assert (rows.shape, rows.dtype, one.dim) == ((5, dim), np.float32, dim)
    apart = np.concatenate([one.encode(images(5, side)[i : i + 1]) for i in range(5)])
    assert relative(apart, rows) < 1e-5
    assert encoder(1).identity == one.identity != encoder(2).identity
    with pytest.raises(ValueError, match="set resize"):
        one.encode(images(1, side + 8))


def test_clip_embeddings_have_length_one_only_when_asked():
    rows = images(2, 224)
    long, unit = (CLIP(weights="random", normalise=n).encode(rows) for n in (False, True))
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    assert np.allclose(long / np.linalg.norm(long, axis=1, keepdims=True), unit, atol=1e-6)
    assert abs(np.linalg.norm(long[0]) - 1) > 0.01


def test_vgg16_is_read_after_the_second_relu():
    from torchvision.models import vgg16

    torch.manual_seed(3)
    network = vgg16(weights=None).eval()
    seen = {}
    network.classifier[4].register_forward_hook(lambda *told: seen.update(out=told[2].clone()))
    rows = images(2, 224)
    with torch.inference_mode():
        network(channels_first(rows))
    found = VGG16(weights="random", seed=3).encode(rows)
    assert relative(found, seen["out"].numpy()) < 1e-6
    assert found.min() == 0


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_timm_takes_weights_from_a_file(tmp_path, suffix):
    from safetensors.torch import save_file

    torch.manual_seed(5)
    network = timm.create_model("test_vit.r160_in1k", pretrained=False).eval()
    file = tmp_path / f"net{suffix}"
    (torch.save if suffix == ".pth" else save_file)(
        *((network.state_dict(), file) if suffix == ".pth" else (network.state_dict(), str(file)))
    )
    rows = images(2, 160)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(channels_first(rows)), pre_logits=True).numpy()
    assert relative(Timm(model="test_vit.r160_in1k", file=str(file)).encode(rows), expected) < 1e-6


@pytest.mark.parametrize("model", ["test_resnet.r160_in1k", "test_vit.r160_in1k"])
def test_timm_takes_images_of_the_side_that_is_declared_also_where_a_network_takes_any(model):
    """A convolutional network has no `img_size` to be made with: `side` passed the check and failed in the run."""
    rows = images(2, 96)
    encoder = Timm(model=model, weights="random", side=96, seed=1)
    assert encoder.encode(rows).shape == (2, encoder.dim)
    with pytest.raises(ValueError, match=r"must be floats \(n, 96, 96, 3\)"):
        encoder.encode(images(2, 160))
    if model.startswith("test_resnet"):
        torch.manual_seed(1)
        network = timm.create_model(model, pretrained=False, num_classes=0).eval()
        with torch.inference_mode():
            assert relative(encoder.encode(rows), network(channels_first(rows)).numpy()) < 1e-6


class Means(torch.nn.Module):
    def forward(self, x):
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def test_torchscript_and_onnx_files_are_encoders(tmp_path):
    script, onnx = tmp_path / "net.pt", tmp_path / "net.onnx"
    torch.jit.script(Means()).save(str(script))
    torch.onnx.export(
        Means(), (torch.zeros(1, 3, 16, 16),), str(onnx), input_names=["x"], dynamic_axes={"x": {0: "n"}}, dynamo=False
    )
    rows = images(11, 16)
    expected = Means()(channels_first(rows)).numpy()
    for made in (TorchScript(file=str(script), dim=6), Onnx(file=str(onnx), dim=6)):
        assert relative(made.encode(rows), expected) < 1e-6
        assert len(made.identity["weights"]) == 64
    with pytest.raises(UsageError, match="one row an image"):
        TorchScript(file=str(script), dim=5).encode(rows)
    with pytest.raises(UsageError, match="one row an image"):
        Onnx(file=str(onnx), dim=5).encode(rows)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: Timm(model="vit_of_dreams", weights="random"), "cannot be built"),
        (lambda path: Timm(model="test_vit.r160_in1k", file=str(path)), "does not load as weights"),
        (lambda path: Timm(model="test_vit.r160_in1k"), "give either"),
        (lambda path: TorchScript(file=str(path), dim=3), "does not load as TorchScript"),
        (lambda path: Onnx(file=str(path), dim=3), "does not load as ONNX"),
        (lambda path: DINOv2(architecture="vits14", weights="random", side=100), "multiple of 14"),
        (lambda path: DINOv2(architecture="vits14"), "dinov2_vits14_pretrain.pth not found"),
        (lambda path: CLIP(architecture="ViT-B-16"), r"ViT-B-16.pt not found"),
    ],
)
def test_what_does_not_load_costs_one_sentence(tmp_path, monkeypatch, make, words):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    path = tmp_path / "net.pth"
    path.write_bytes(b"no network")
    with pytest.raises(UsageError, match=words):
        make(path)


def test_a_benchmark_takes_a_file_beside_it_and_its_bytes_are_in_the_key(small):
    torch.jit.script(Means()).save(str(small.folder / "net.pt"))
    small.edit("  pixels: {}", "  script: {use: torchscript, file: net.pt, dim: 6, preprocessing: {range: [0, 1]}}")
    small.edit("encoders:\n  digits_convnet: {}\n", "encoders:\n")
    small.edit("encoder: digits_convnet", "encoder: script")
    outcome = small.run()
    assert outcome.returncode == 0, outcome.stderr
    lock = (small.folder / "results/small/benchmark.lock.yaml").read_text()
    from harness.base.keys import digest_file

    assert digest_file(small.folder / "net.pt") in lock
    assert str(small.folder) not in lock
    (small.folder / "net.pt").unlink()
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "encoders.script.file:" in outcome.stderr
    assert "no such file" in outcome.stderr
