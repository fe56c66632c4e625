"""Protocols are data that hold together: each loads, names its sources, and differs from another in what it says."""

import re
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner

from harness.base.errors import UsageError
from harness.benchmark.from_folders import weight_file
from harness.benchmark.protocols.catalogue import INPUT_PARTS, _effects, differences, load, names
from harness.cli.main import main
from harness.encoders import weights
from harness.images.preprocessing.recipes import NORMALISATIONS, RECIPES


@pytest.mark.parametrize("name", names())
def test_every_protocol_is_sound_and_says_where_its_facts_come_from(name):
    protocol = load(name)
    assert protocol.name == name
    assert all(re.search(r"arXiv:\d{4}\.\d{5}|github\.com/", source) for source in protocol.sources)
    sha256 = protocol.encoder.get("sha256")
    assert sha256 is None or re.fullmatch(r"[0-9a-f]{64}", sha256)


@pytest.mark.parametrize("name", names())
def test_the_weight_file_that_is_read_is_the_one_that_the_protocol_names(name):
    """A port of a graph that PyTorch cannot read, or of a checkpoint elsewhere, has no digest in the protocol."""
    protocol = load(name)
    if (sha256 := protocol.encoder.get("sha256")) is None or "use" not in protocol.encoder:
        return
    assert weights.find(weight_file(protocol)).sha256 == sha256


@pytest.mark.parametrize("name", [name for name in names() if load(name).recipe])
def test_the_recipe_does_what_the_facts_say(name):
    """Library, filter, antialiasing, size, crop, rounding, range and normalisation, fact by fact."""
    protocol = load(name)
    said, recipe = protocol.resize, RECIPES[protocol.recipe]
    resize, crop = recipe.resize, recipe.crop
    words = said["library"].lower()
    library = "tf1" if "tensorflow" in words else "pillow" if "pillow" in words else "torch"
    assert (resize.library, resize.filter, resize.antialias) == (library, said["filter"], said["antialias"])
    assert said["half_pixel_centres"] == (library != "tf1")
    assert said.get("align_corners", False) is False
    assert resize.edge == said.get("shorter_edge")
    assert resize.size == (tuple(said["size"]) if "size" in said else None)
    if "crop" in said:
        side = int(said["crop"].removeprefix("centre, "))
        assert (crop.size, crop.order) == ((side, side), "resize-then-crop")
    elif "order" in said:
        assert (crop.size, crop.order) == (None, "crop-then-resize")
    else:
        assert crop is None
    assert (recipe.quantise == "uint8") == said["rounded_to_uint8"]
    rule = protocol.values["rule"].partition(", after")[0]
    assert recipe.range == {"x / 255": (0, 1), "2 x / 255 - 1": (-1, 1), "(x - 128) / 128": (-1, 127 / 128)}[rule]
    named = {"ImageNet": "imagenet", "OpenAI CLIP": "openai-clip", "mean 0.5, sd 0.5": "half"}
    normalise = protocol.values.get("normalise")
    assert recipe.normalise == (None if normalise is None else NORMALISATIONS[named[normalise]])


def test_the_protocols_that_papers_name_are_there():
    asked = (
        "ttur pytorch-fid torch-fidelity clean clean-legacy-pytorch clean-legacy-tensorflow torchmetrics-1.7 "
        "torchmetrics-1.8 adm stylegan3 edm edm2-dinov2 dgm-eval-dinov2 cmmd cmmd-jax prdc improved-pr clip-fid"
    )
    assert set(asked.split()) <= set(names())


def test_no_two_protocols_have_the_same_facts():
    digests = {load(name).digest() for name in names()}
    assert len(digests) == len(names())


def test_a_protocol_does_not_differ_from_itself_and_differences_are_mutual():
    for one, other in combinations(map(load, names()), 2):
        assert not differences(one, one)
        there, back = differences(one, other), differences(other, one)
        assert {(d.fact, repr(d.first), repr(d.second)) for d in there} == {
            (d.fact, repr(d.second), repr(d.first)) for d in back
        }
        assert there


def test_torchmetrics_changed_its_resize_in_1_8_and_nothing_else():
    changed = {one.fact for one in differences(load("torchmetrics-1.7"), load("torchmetrics-1.8"))}
    assert changed == {"resize.library", "resize.antialias", "resize.half_pixel_centres"}


def test_one_network_behind_two_programs_is_one_kind_of_features():
    """EDM and StyleGAN3 share the pickled network and its resize; their covariances divide by n - 1 and by n."""
    edm, stylegan3 = load("edm"), load("stylegan3")
    assert edm.digest(parts=INPUT_PARTS) == stylegan3.digest(parts=INPUT_PARTS)
    assert "fid.ddof" in {one.fact for one in differences(edm, stylegan3)}


def test_prose_and_sources_do_not_decide_the_digest_but_every_fact_does():
    clean = load("clean")
    assert clean.model_copy(update={"title": "another", "notes": [], "sources": ["x"]}).digest() == clean.digest()
    other = clean.model_copy(update={"fid": {**clean.fid, "ddof": 0}})
    assert other.digest() != clean.digest()
    assert other.digest(parts=INPUT_PARTS) == clean.digest(parts=INPUT_PARTS)


def test_effects_speak_of_facts_that_protocols_have():
    facts = {fact for name in names() for fact in load(name).facts()}
    assert set(_effects()) <= facts


def test_an_unknown_protocol_is_named_with_its_nearest():
    with pytest.raises(UsageError, match="no protocol 'cleen'; did you mean 'clean'"):
        load("cleen")


def test_diff_says_when_features_must_not_be_compared_and_when_they_may():
    told = CliRunner().invoke(main, ["diff", "clean", "pytorch-fid"]).output
    assert "resize.antialias" in told
    assert "no number of one may be compared" in told
    assert "do not differ" in CliRunner().invoke(main, ["diff", "clean", "clean"]).output


def test_show_prints_facts_and_digest():
    shown = CliRunner().invoke(main, ["show", "adm"])
    assert shown.exit_code == 0
    assert "mixed_6/conv, first 7 channels" in shown.output
    assert load("adm").digest() in shown.output
    assert CliRunner().invoke(main, ["show", "cleen"]).exit_code == 2


def declared(small, entry):
    small.edit("  pixels: {}", f"  fid: {entry}")
    return small.harness("check", "bench.yaml")


@pytest.mark.parametrize("name", ["clean", "pytorch-fid", "ttur", "torchmetrics-1.8", "adm"])
def test_an_encoder_of_a_benchmark_can_be_a_protocols(small, name):
    from harness.benchmark.model import load as load_benchmark
    from harness.images.preprocessing.recipes import RECIPES

    outcome = declared(small, f"{{protocol: {name}, weights: random}}")
    assert outcome.returncode == 0, outcome.stderr
    entry = load_benchmark(small.bench).encoders["fid"]
    assert entry.preprocessing == RECIPES[load(name).recipe]
    nvidias = name == "clean"
    assert entry.component.name == ("inception_nvidia" if nvidias else "inception")
    assert entry.parameters.get("layer") == (None if nvidias else "pool3")
    assert entry.protocol == f"{name} 1 {load(name).digest()}"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{protocol: cleen}", "no protocol 'cleen'; did you mean 'clean'"),
        ("{protocol: 3}", "expected a protocol's name"),
        ("{protocol: clean, preprocessing: none, weights: random}", "protocol clean sets this"),
        ("{protocol: prdc}", "prdc cannot be run: it fixes metrics"),
        ("{protocol: edm2-dinov2}", "weights dinov2_vitl14_pretrain.pth not found"),
        ("{protocol: clean}", "weights inception-2015-12-05.pt not found"),
    ],
)
def test_a_protocol_that_cannot_be_run_is_refused_with_its_place(small, entry, words):
    outcome = declared(small, entry)
    assert outcome.returncode == 2
    assert words in outcome.stderr
    assert "bench.yaml:" in outcome.stderr


def test_an_average_is_one_entry_in_a_benchmark_and_stands_for_its_encoders(small):
    from harness.benchmark.model import load as load_benchmark

    small.edit("  pixels: {}", "  six: {protocol: fdr6, weights: random}")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 0, outcome.stderr
    encoders = load_benchmark(small.bench).encoders
    assert list(encoders) == ["digits_convnet", *load("fdr6").constants]
    assert all(encoders[name].protocol == f"{name} 1 {load(name).digest()}" for name in load("fdr6").constants)
    assert encoders["fdr6-siglip"].parameters["weights"] == "random"


def test_two_folders_under_an_average_are_its_distance_under_each_encoder(tmp_path):
    from PIL import Image

    from harness.benchmark.from_folders import declare
    from harness.benchmark.model import load as load_benchmark

    rng = np.random.default_rng(0)
    for side in ("real", "fake"):
        (tmp_path / side).mkdir()
        for i in range(8):
            Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(tmp_path / side / f"{i}.png")
    declared = declare(
        tmp_path / "real",
        [tmp_path / "fake"],
        out=tmp_path / "out",
        protocol="fdr6",
        encoder=None,
        n=None,
        random_weights=True,
        seed=0,
    )
    found = load_benchmark(declared.bench)
    assert list(found.encoders) == list(load("fdr6").constants)
    assert list(found.metrics) == ["fd"]
    assert found.rank_by.encoder == "fdr6-inception"
