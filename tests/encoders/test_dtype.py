"""The numbers that a network computes in: what each type changes, what it leaves, and the audit that varies it."""

import json
import re

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.encoders import torchnet
from harness.encoders.anytimm import Timm
from harness.encoders.clip import CLIP
from harness.encoders.convnext import ConvNeXt
from harness.encoders.data2vec import Data2Vec
from harness.encoders.dinov2 import DINOv2
from harness.encoders.inception import Inception, RandomInception
from harness.encoders.inception_graph import random_state
from harness.encoders.mae import MAE
from harness.encoders.simclr import SimCLRv2
from harness.encoders.swav import SwAV
from harness.encoders.torchscript import TorchScript
from harness.encoders.vision import VGG16, InceptionTorchvision
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.plan import Plan
from harness.studies.audit.variants import variants

TYPES = ("float32", "float64", "float16", "bfloat16")


def images(n, side, seed=0):
    return np.random.default_rng(seed).standard_normal((n, side, side, 3)).astype(np.float32).clip(-1, 1)


def relative(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize(
    ("make", "side"),
    [
        (lambda dtype: DINOv2(architecture="vits14", weights="random", side=28, dtype=dtype), 28),
        (lambda dtype: Timm(model="test_vit.r160_in1k", weights="random", dtype=dtype), 160),
        (lambda dtype: RandomInception(layer="64", dtype=dtype), 299),
    ],
)
def test_features_stay_float32_and_leave_those_of_float32_by_the_width_of_the_type(make, side):
    rows = images(2, side)
    found = {dtype: make(dtype).encode(rows) for dtype in TYPES}
    assert {(one.dtype, one.shape) for one in found.values()} == {(np.dtype(np.float32), found["float32"].shape)}
    away = {dtype: relative(one, found["float32"]) for dtype, one in found.items()}
    assert 0 < away["float64"] < 1e-5 < away["float16"] < away["bfloat16"] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: CLIP(weights="random", dtype=dtype),
        lambda dtype: VGG16(weights="random", dtype=dtype),
        lambda dtype: InceptionTorchvision(weights="random", dtype=dtype),
        lambda dtype: SwAV(weights="random", dtype=dtype),
        lambda dtype: SimCLRv2(weights="random", dtype=dtype),
        lambda dtype: ConvNeXt(weights="random", architecture="small", dtype=dtype),
        lambda dtype: MAE(weights="random", architecture="base", dtype=dtype),
        lambda dtype: Data2Vec(weights="random", architecture="base", dtype=dtype),
    ],
    ids=["clip", "vgg16", "inception_torchvision", "swav", "simclr", "convnext", "mae", "data2vec"],
)
def test_every_network_computes_in_bfloat16_and_in_float64(make):
    side = make("float32")._side
    exact = make("float64").encode(images(1, side))
    assert relative(make("float32").encode(images(1, side)), exact) < 1e-4
    assert 1e-4 < relative(make("bfloat16").encode(images(1, side)), exact) < 0.5


def test_a_type_other_than_float32_is_part_of_the_identity_and_float32_is_not():
    made = {dtype: RandomInception(layer="64", dtype=dtype).identity for dtype in TYPES}
    assert "dtype" not in made["float32"]
    assert all(made[dtype]["dtype"] == dtype for dtype in TYPES[1:])
    assert len({one["weights"] for one in made.values()}) == 1  # a name of the weights, not of how they are held
    assert "float32" in made["float32"]["architecture"]


def test_folding_in_float64_leaves_nothing_of_float32s_rounding():
    state = random_state(0)
    plain = Inception.of(state, layer="64", fold=False)
    plain.dtype, plain._cast = "float64", False
    folded = RandomInception(layer="64", dtype="float64")
    rows = images(1, 299)
    expected = plain.encode(rows)
    assert relative(folded.encode(rows), expected) < 5e-8
    assert relative(RandomInception(layer="64").encode(rows), expected) > 8e-8  # the control


class Cancels(torch.nn.Module):
    """The mean of the image, found again under a large number: nothing of it is left in float32."""

    def forward(self, x):
        small = x.mean((2, 3))
        return torch.cat([small, small + 1e9 - 1e9], 1)


class Grows(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) * 1e6


class Inverts(torch.nn.Module):
    def forward(self, x):
        return torch.linalg.inv(x[:, 0] + 4 * torch.eye(x.shape[-1], dtype=x.dtype)).mean(1)


class Mixes(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 12, 3)

    def forward(self, x):
        return self.convolution(x).relu().mean((2, 3))


@pytest.fixture
def file(tmp_path):
    def save(network):
        path = tmp_path / f"{type(network).__name__}.pt"
        torch.jit.script(network.eval()).save(str(path))
        return str(path)

    return save


def test_sums_are_made_in_the_type_that_is_declared(file):
    rows = np.full((1, 8, 8, 3), 0.5, np.float32)
    path = file(Cancels())
    exact, single = (TorchScript(file=path, dim=6, dtype=dtype).encode(rows) for dtype in ("float64", "float32"))
    assert np.allclose(exact, 0.5, atol=1e-6)
    assert np.allclose(single[:, :3], 0.5)
    assert np.allclose(single[:, 3:], 0)


def test_what_a_type_or_a_device_cannot_hold_is_refused_in_words(file):
    rows = images(2, 8)
    with pytest.raises(UsageError, match=r"in float16, whose largest number is 6.55e\+04, features become infinite"):
        TorchScript(file=file(Grows()), dim=3, dtype="float16").encode(rows)
    assert np.isfinite(TorchScript(file=file(Grows()), dim=3, dtype="bfloat16").encode(rows)).all()  # the control
    with pytest.raises(UsageError, match=r"does not compute in bfloat16 on cpu: .*BFloat16"):
        TorchScript(file=file(Inverts()), dim=8, dtype="bfloat16").encode(rows)
    assert TorchScript(file=file(Inverts()), dim=8).encode(rows).shape == (2, 8)
    with pytest.raises(UsageError, match=r"not supported on Apple GPUs .mps"):
        TorchScript(file=file(Means()), dim=3, dtype="float64").to("mps")
    assert torchnet.lacks("cpu", "float64") is None
    assert torchnet.lacks("mps", "float32") is None
    with pytest.raises(UsageError, match="dtype is 'tf32'; an encoder computes in float32, bfloat16"):
        TorchScript(file=file(Means()), dim=3, dtype="tf32")


class Means(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


NET = "  net: {use: torchscript, file: net.pt, dim: 12, preprocessing: {channels: rgb, range: [0, 1]}%s}\n"


def with_network(small, more=""):
    torch.manual_seed(0)
    torch.jit.script(Mixes().eval()).save(str(small.folder / "net.pt"))
    small.edit("  digits_convnet: {}\n", NET % more)
    small.edit("encoder: digits_convnet", "encoder: net")
    small.edit("  kde: {}\n", "")
    return small


def test_keys_of_features_change_with_the_type_and_not_with_float32_written_out(small):
    def key():
        plan = Plan(benchmark.load(small.bench), small.folder / "store", "cpu")
        return plan.identity("encoders", "net"), plan.benchmark.resolved()["encoders"]["net"]["parameters"]

    with_network(small)
    before = key()
    assert set(before[1]) == {"file", "dim"}
    small.edit("dim: 12", "dim: 12, dtype: float32")
    assert key() == before
    small.edit("dtype: float32", "dtype: bfloat16")
    identity, parameters = key()
    assert identity["parameters"]["dtype"] == parameters["dtype"] == "bfloat16"
    small.edit("dtype: bfloat16", "dtype: float8")
    with pytest.raises(UsageError, match=r"bench.yaml:12:\d+: encoders.net.dtype: .*Allowed: float32, bfloat16"):
        key()


@pytest.mark.parametrize(
    ("audit", "words"),
    [
        ("[{dtype: float8}]", "audit.encoder.0.dtype: found the text 'float8'"),
        ("[{dtype: float64}, {dtpe: bfloat16}]", "audit.encoder.1.dtpe: no encoder .* did you mean 'dtype'"),
        ("[{}]", "audit.encoder.0: found an empty mapping; need at least 1"),
        ("[bfloat16]", "audit.encoder.0: found the text 'bfloat16'; expected a mapping"),
        ("[{use: pixels}]", "audit.encoder.0.use: no encoder of this benchmark has this parameter"),
        ("[{file: other.pt}]", "audit.encoder.0: with this, encoders.net.file: .*other.pt: no such file"),
    ],
)
def test_a_change_that_no_encoder_can_take_is_refused_with_its_line(small, audit, words):
    with_network(small)
    small.edit("rank_by:", f"audit: {{encoder: {audit}}}\nrank_by:")
    with pytest.raises(UsageError) as told:
        benchmark.load(small.bench)
    line = next(i for i, text in enumerate(small.bench.read_text().splitlines(), 1) if text.startswith("audit:"))
    assert re.search(rf"bench.yaml:{line}:\d+: {words}", str(told.value)), told.value


def test_a_change_to_a_size_needs_images_of_that_size(small):
    small.edit(
        "  digits_convnet: {}\n",
        "  digits_convnet: {}\n  net: {use: dinov2, weights: random, architecture: vits14, side: 28, "
        "preprocessing: {channels: rgb, resize: {library: pillow, filter: bicubic, size: 28}, range: [0, 1]}}\n",
    )
    small.edit("rank_by:", "audit: {encoder: [{dtype: bfloat16}, {side: 42}, {weights: official}]}\nrank_by:")
    with pytest.raises(UsageError) as told:
        benchmark.load(small.bench)
    text = str(told.value)
    assert "audit.encoder.1: with this, encoders.net.preprocessing: dinov2 needs resize to 42×42 (found 28×28)" in text
    assert "audit.encoder.2: with this, encoders.net: weights dinov2_vits14_pretrain.pth not found" in text
    assert "audit.encoder.0" not in text


def test_a_benchmark_with_another_audit_resolves_to_what_it_did_before(small):
    small.edit("rank_by:", "audit: {jpeg: [90]}\nrank_by:")
    assert "encoder" not in benchmark.load(small.bench).resolved()["audit"]
    with_network(small).edit("jpeg: [90]", "encoder: [{dtype: float64}]")
    assert benchmark.load(small.bench).resolved()["audit"]["encoder"] == [{"dtype": "float64"}]


def test_only_arithmetic_leaves_values_in_their_unit_and_the_pinned_type_is_no_variant(small):
    with_network(small)
    changes = "[{dtype: float32}, {dtype: float64}, {dim: 12, dtype: bfloat16}]"
    small.edit("rank_by:", f"audit: {{encoder: {changes}}}\nrank_by:")
    found = list(variants(benchmark.load(small.bench), "net"))
    assert [(v.name, v.same_unit) for v in found] == [
        ("encoder: dtype float64", True),
        ("encoder: dim 12, dtype bfloat16", False),
    ]
    assert all(
        v.refused == "pixels has no parameter dtype" for v in list(variants(benchmark.load(small.bench), "pixels"))[:2]
    )


@pytest.mark.slow
def test_an_audit_tells_what_the_type_of_numbers_does_to_scores(small):
    with_network(small)
    small.edit("metrics: {fd: {}, kd: {}, precision: {}, recall: {}, density: {}, coverage: {}}", "metrics: {fd: {}}")
    small.edit("rank_by:", "audit: {encoder: [{dtype: bfloat16}, {dtype: float64}]}\nrank_by:")
    outcome = small.harness("audit", "bench.yaml", "--workers", "1", "--device", "cpu")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads((small.folder / "results/small/audit.json").read_text())
    away = {}
    for one in found["changes"]:
        assert one["encoder"] == "net"
        assert one["low"] <= one["change"] <= one["high"]
        away.setdefault(one["variant"], []).append(abs(one["change"]) / one["pinned"])
    assert set(away) == {"encoder: dtype bfloat16", "encoder: dtype float64"}
    assert max(away["encoder: dtype float64"]) < 1e-4 < max(away["encoder: dtype bfloat16"]) < 0.5
    shift = {one["variant"]: one["distance"] for one in found["shifts"]}
    assert shift["encoder: dtype float64"] < shift["encoder: dtype bfloat16"]
    assert "pixels under encoder: dtype bfloat16: pixels has no parameter dtype" in found["failed"]
    assert "net: no order of two generators flips beyond noise" in outcome.stdout
    assert "\n  encoder: dtype bfloat16 " in outcome.stdout
    assert "not audited: pixels under encoder: dtype float64" in outcome.stdout
    assert small.run("--workers", "1", "--device", "cpu").returncode == 0
    board = Leaderboard.from_json((small.folder / "results/small/leaderboard.json").read_text())
    values = {row.generator: row.metrics["fd"].value for row in board.of("net")}
    assert all(one["pinned"] == pytest.approx(values[one["generator"]], rel=1e-9) for one in found["changes"])
