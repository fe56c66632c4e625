"""A protocol's metric conventions in a benchmark, and what may be said beside a protocol's encoder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.base.errors import UsageError
from harness.benchmark import protocols, registry
from harness.benchmark.from_folders import _left_out, _metrics, declare
from harness.benchmark.model import load as load_benchmark
from harness.benchmark.protocols.metric_conventions import conventions, filled
from harness.images.preprocessing.recipes import RECIPES


@pytest.mark.parametrize("name", protocols.names())
def test_every_convention_is_one_that_its_metric_takes(name):
    for metric, convention in conventions(protocols.load(name)).items():
        component = registry.find("metrics", metric, Path())
        given = {**convention.parameters, **dict.fromkeys(convention.open, 4)}
        taken = component.parameters.model_validate(given).model_dump()
        assert {key: taken[key] for key in given} == given


def test_the_conventions_are_those_that_the_programs_have():
    """Read off guided-diffusion's evaluator.py, torch-fidelity's defaults.py, dgm-eval's __main__.py and mmd.py."""
    adm, fidelity, dgm = (
        {metric: dict(one.parameters) for metric, one in conventions(protocols.load(name)).items()}
        for name in ("adm", "torch-fidelity", "dgm-eval-dinov2")
    )
    assert adm["inception_score"] == {"split_size": 5000, "shuffle": None}
    assert adm["precision"] == adm["recall"] == {"k": 3, "closed": True}
    assert "kid_subsets" not in adm
    assert fidelity["inception_score"] == {"splits": 10, "shuffle": 2020}
    assert fidelity["kid_subsets"]["seed"] == 2020
    assert dgm["density"] == {"k": 5, "closed": False}
    assert dgm["kid_subsets"] == {"subsets": 100, "subset_size": 1000, "degree": 3, "coef": 1.0}


def of_metrics(small, metrics):
    text = small.bench.read_text()
    line = next(line for line in text.splitlines() if line.startswith("metrics:"))
    small.bench.write_text(text.replace(line, f"metrics: {metrics}"))
    return small.harness("check", "bench.yaml")


def test_a_metric_of_a_benchmark_takes_a_protocols_conventions(small):
    outcome = of_metrics(
        small,
        "{fd: {protocol: adm}, strict: {use: precision, protocol: dgm-eval-dinov2}, "
        "density: {protocol: prdc, k: 4}, kid: {use: kid_subsets, protocol: torch-fidelity, subset_size: 50}}",
    )
    assert outcome.returncode == 2  # fixed by the protocol, and so not for the entry to say
    assert "metrics.kid.protocol: protocol torch-fidelity says subset_size of kid_subsets itself" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    small.edit(", kid: {use: kid_subsets, protocol: torch-fidelity, subset_size: 50}", "")
    metrics = load_benchmark(small.bench).metrics
    assert dict(metrics["fd"].parameters) == {}
    assert dict(metrics["strict"].parameters) == {"k": 5, "closed": False}
    assert dict(metrics["density"].parameters) == {"k": 4, "closed": False}


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("fd: {protocol: admm}", "metrics.fd.protocol: no protocol 'admm'; did you mean 'adm'"),
        ("fd: {protocol: [adm]}", "expected a protocol's name"),
        ("precision: {protocol: clean}", "protocol clean does not have precision; it has fd, kid_subsets"),
        ("recall: {protocol: prdc}", "protocol prdc leaves k of recall to its user; give it"),
        ("precision: {protocol: adm, closed: true}", "protocol adm says closed of precision itself; leave it out"),
        (
            "precision: {protocol: adm, kay: 3}",
            "metrics.precision.kay: unknown key. Allowed: use, encoders, protocol, k, closed",
        ),
    ],
)
def test_a_convention_that_cannot_be_taken_is_refused_with_its_place(small, metric, words):
    outcome = of_metrics(small, f"{{{metric}, kd: {{}}}}")
    assert outcome.returncode == 2
    assert words in outcome.stderr
    assert "bench.yaml:" in outcome.stderr


def test_a_protocol_without_the_draw_of_a_convention_is_not_an_open_parameter():
    assert filled("adm", "inception_score", {})["shuffle"] is None
    with pytest.raises(UsageError, match="says shuffle of inception_score itself"):
        filled("adm", "inception_score", {"shuffle": 7})


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("{protocol: edm2-dinov2, architecture: vits14, weights: random}", "architecture"),
        ("{protocol: adm, layer: logits_unbiased, weights: random}", "layer"),
        ("{protocol: dgm-eval-dinov2, side: 28, weights: random}", "side"),
        ("{protocol: clip-fid, normalise: true, weights: random}", "normalise"),
    ],
)
def test_another_network_cannot_carry_a_protocols_name(small, entry, key):
    small.edit("  pixels: {}", f"  fid: {entry}")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    line = next(line for line in outcome.stderr.splitlines() if "sets this;" in line)
    number = next(i for i, text in enumerate(small.bench.read_text().splitlines(), 1) if "fid:" in text)
    assert f"bench.yaml:{number}:" in line
    assert f"encoders.fid.{key}: protocol" in line
    assert "only weights, file, sha256, key can be added" in line


def test_the_same_network_from_a_file_of_ones_own_keeps_the_protocols_name(small):
    (small.folder / "mine.pth").write_bytes(b"weights")
    sha256 = "a" * 64
    small.edit("  pixels: {}", f"  fid: {{protocol: adm, weights: file, file: mine.pth, sha256: {sha256}}}")
    outcome = small.harness("check", "bench.yaml")
    assert "sets this;" not in outcome.stderr
    assert "encoders.fid.sha256" in outcome.stderr  # the digest of another file


@pytest.mark.parametrize("name", ["prdc", "improved-pr"])
def test_a_protocol_of_metrics_alone_says_how_to_take_them(small, name):
    small.edit("  pixels: {}", f"  fid: {{protocol: {name}}}")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert f"{name} cannot be run: it fixes metrics, not how images are resized" in outcome.stderr
    assert f"`metrics: {{NAME: {{protocol: {name}}}}}`" in outcome.stderr


def test_what_a_two_folder_run_lacks_of_its_protocol_is_said_with_the_remedy():
    subsets, features = _left_out("torch-fidelity", 999)
    assert "kid_subsets of protocol torch-fidelity is left out: it needs subsets of 1,000" in subsets
    assert "precision and recall here use inception features, not VGG16" in features
    assert len(_left_out("torch-fidelity", 1000)) == 1
    assert _left_out("dgm-eval-dinov2", 1000) == []
    (port,) = _left_out("adm", 9)
    assert port.startswith("protocol adm uses classify_image_graph_def.pb; here pt_inception-2015-12-05-6726825d.pth")
    assert _left_out("adm", 9, drawn=True) == []
    assert _metrics("adm", 9)["precision"] == {"k": 3, "closed": True}
    for name in ("cmmd", "cmmd-jax"):
        assert any("--protocol cmmd-folder" in line for line in _left_out(name, 9))
    assert not any("--protocol" in line for line in _left_out("cmmd-folder", 9))


@pytest.mark.parametrize("name", [name for name in protocols.names() if protocols.load(name).recipe])
def test_every_protocol_that_can_be_run_says_what_it_lacks_and_has_its_metrics(name):
    assert all(isinstance(line, str) and len(line) > 20 for line in _left_out(name, 1000))
    assert {"fd", "kd", "precision"} <= set(_metrics(name, 1000))


def a_dozen_images(small):
    """Two folders of twelve small images each: (real, fake)."""
    rng = np.random.default_rng(1)
    folders = small.folder / "real", small.folder / "fake"
    for folder in folders:
        folder.mkdir()
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folders


@pytest.mark.parametrize("name", protocols.names())
def test_a_dozen_images_are_enough_for_every_protocol_or_it_says_why_not(small, name):
    real, fake = a_dozen_images(small)
    given = {"protocol": name, "encoder": None, "n": None, "random_weights": True, "seed": 0}
    if name in ("prdc", "improved-pr"):
        with pytest.raises(UsageError, match="cannot be run: it fixes metrics, not how images are resized"):
            load_benchmark(declare(real, [fake], out=small.folder / "out", **given).bench)
        return
    made = declare(real, [fake], out=small.folder / "out", **given)
    own = {"fd"} if name == "fdr6" else {"fd", "kd", "precision", "recall"}
    assert set(load_benchmark(made.bench).metrics) >= own


def test_a_two_folder_run_reads_every_layer_that_its_protocol_does(small):
    real, fake = a_dozen_images(small)
    declared = declare(
        real, [fake], out=small.folder / "out", protocol="adm", encoder=None, n=None, random_weights=True, seed=0
    )
    assert declared.notes == ()
    found = load_benchmark(declared.bench)
    assert {name: one.parameters["layer"] for name, one in found.encoders.items()} == {
        "adm": "pool3",
        "adm-sfid": "sfid",
        "adm-logits_unbiased": "logits_unbiased",
    }
    assert {one.preprocessing for one in found.encoders.values()} == {RECIPES["ttur"]}
    assert {use: one.encoders for use, one in found.metrics.items()} == {
        **dict.fromkeys(("fd", "kd", "precision", "recall", "density", "coverage"), ("adm",)),
        "sfid": ("adm-sfid",),
        "inception_score": ("adm-logits_unbiased",),
    }


def test_the_remedy_for_a_network_without_the_layer_is_a_benchmark_that_passes(small):
    metric = "inception_score"
    (line,) = (line for line in _left_out("stylegan3", 1000) if line.startswith(metric))
    entry = line.partition("encoders: {layer: ")[2].partition("}, metrics")[0]
    assert "layer: logits_unbiased" in entry
    small.edit("  digits_convnet: {}\n  pixels: {}", f"  layer: {entry.removesuffix('}')}, weights: random}}")
    small.edit("metric: fd, encoder: digits_convnet", f"metric: {metric}, encoder: layer")
    outcome = of_metrics(small, line.partition("metrics: ")[2])
    assert outcome.returncode == 0, outcome.stderr
    found = load_benchmark(small.bench)
    assert found.encoders["layer"].preprocessing == RECIPES["ttur"]
    assert dict(found.metrics[metric].parameters) != {"shuffle": 2020}
