"""The variants that an audit makes of a declaration, and what published pipelines would have printed."""

import json

import numpy as np
import pytest
from PIL import Image

from harness.base.errors import UsageError
from harness.benchmark import model as benchmark
from harness.images.preprocessing.recipes import RECIPES
from harness.metrics.analyses import analyse
from harness.studies.audit.changes import fake_variance_of_change
from harness.studies.audit.compute import ways_of
from harness.studies.audit.result import Audited, Printed
from harness.studies.audit.variants import variants
from harness.studies.audit.words import markdown
from harness.uncertainty.analysis import MetricCall
from tests.conftest import ROOT

BENCH = """\
name: audited
seed: 3
datasets: {datasets}
dataset: photographs
n_real: 64
n_fake: 64
batch_size: 32
preprocessing: {{resize: {{library: pillow, filter: bicubic, size: [24, 32]}}, quantise: none, range: [0, 1]}}
encoders: {{random_convnet: {{seed: 0, channels: 3}}}}
generators: {{holdout: {{}}}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: random_convnet}}
audit: {audit}
"""


@pytest.fixture
def declared(tmp_path):
    """Makes the benchmark of an `audit` and returns its variants by name."""

    def make(audit):
        path = tmp_path / "bench.yaml"
        path.write_text(BENCH.format(datasets=ROOT / "datasets.yaml", audit=audit))
        return {variant.name: variant for variant in variants(benchmark.load(path), "random_convnet")}

    return make


def test_a_crop_goes_before_the_resize_or_after_it_or_nowhere(declared):
    found = declared("{crop: [first, last, squash]}")
    assert list(found) == ["crop: first", "crop: last"]  # squash is the pinned recipe itself
    first, last = (found[name].recipe for name in found)
    assert (first.crop.size, first.crop.order, first.resize.size) == (None, "crop-then-resize", (24, 32))
    assert (last.resize.size, last.resize.edge, last.crop.size) == (None, 24, (24, 32))
    assert last.output_size((48, 80)) == (24, 32)


def test_a_pipeline_gives_its_way_to_pixels_and_keeps_size_and_values(declared):
    found = declared("{pipelines: [pytorch-fid, clip-fid, cmmd-folder]}")
    torch, clip, cmmd = (variant.recipe for variant in found.values())
    published = RECIPES["pytorch-fid"].resize
    assert (torch.resize.library, torch.resize.antialias) == (published.library, published.antialias)
    assert (torch.resize.size, torch.range, torch.normalise) == ((24, 32), (0, 1), None)
    assert (clip.resize.edge, clip.crop.size) == (24, (24, 32))
    assert (cmmd.crop.size, cmmd.crop.order, cmmd.resize.size) == (None, "crop-then-resize", (24, 32))
    assert all(variant.same_unit for variant in found.values())


def test_a_protocol_is_taken_whole_with_its_encoder(declared):
    found = declared("{protocols: [ttur, pytorch-fid], protocol_weights: random}")
    for name, variant in found.items():
        assert not variant.same_unit
        entry = variant.encoder
        assert entry.preprocessing == RECIPES[name.removeprefix("protocol: ")]
        assert (entry.use, entry.parameters["weights"]) == ("inception", "random")
        assert entry.protocol.startswith(name.removeprefix("protocol: "))


def test_what_no_variant_can_be_made_of_is_named(declared):
    for audit, words in (
        ("{n_fake: [64]}", "must be less than the benchmark's 64"),
        ("{protocols: [pytorch_fid]}", "pytorch-fid"),
        ("{range: [[1, 0]]}", "low < high"),
        ("{crop: [middle]}", "audit.crop.0"),
        ("{protocols: [prdc]}", "cannot be run"),
    ):
        with pytest.raises(UsageError, match=words):
            declared(audit)


def test_an_encoder_without_a_resize_is_refused_with_the_way_around_it(tmp_path):
    path = tmp_path / "bench.yaml"
    text = BENCH.format(datasets=ROOT / "datasets.yaml", audit="{resize: [pillow nearest]}")
    bare = "plain: {use: random_convnet, seed: 0, channels: 3, preprocessing: {quantise: none, range: [0, 1]}}"
    path.write_text(text.replace("encoders: {", "encoders: {" + bare + ", "))
    found = benchmark.load(path)
    with pytest.raises(UsageError, match=r"the recipe of plain does not resize.*`--encoder random_convnet` audits"):
        ways_of(found, None)
    assert list(ways_of(found, ["random_convnet"])) == ["random_convnet"]
    with pytest.raises(UsageError) as alone:
        ways_of(found, ["plain"])
    assert "--encoder" not in str(alone.value)


def test_the_interval_of_fewer_images_covers():
    """FD of the first 60 of 120 images less that of all; the truth is the mean change over many draws."""
    rng = np.random.default_rng(1)
    real = rng.standard_normal((150, 4))
    changes, reaches, unpaired = [], [], []
    for r in range(300):
        fake = rng.standard_normal((120, 4)) + 0.5
        after, before = (
            analyse({"fd": MetricCall("fd")}, real, rows, real_seed=0, fake_seed=r)["fd"] for rows in (fake[:60], fake)
        )
        changes.append(after.value - before.value)
        reaches.append(1.96 * np.sqrt(fake_variance_of_change(before, after)))
        unpaired.append(1.96 * np.sqrt(sum(a.form.influence_fake.var(ddof=1) / a.n_fake for a in (before, after))))
    hits = np.abs(np.array(changes) - np.mean(changes)) <= np.array(reaches)
    assert 0.92 < hits.mean() <= 1.0
    assert np.mean(reaches) < 0.8 * np.mean(unpaired)
    same = np.abs(np.array(changes) - np.mean(changes)) <= 0.5 * np.array(reaches)
    assert same.mean() < 0.85  # half the interval would not do


def test_repeated_images_leave_the_change_without_an_interval():
    rng = np.random.default_rng(2)
    real, fake = rng.standard_normal((50, 3)), rng.standard_normal((40, 3))
    fake[1] = fake[0]
    after, before = (
        analyse({"fd": MetricCall("fd")}, real, rows, real_seed=0, fake_seed=0)["fd"] for rows in (fake[:20], fake)
    )
    assert fake_variance_of_change(before, after) is None
    assert fake_variance_of_change(before, before) == 0.0


@pytest.mark.slow
def test_the_table_of_published_pipelines_has_ranks_and_says_whose_encoder(small):
    """Two sets of photographs, the pinned pixels, one pipeline's pixels, and one protocol with its own network."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    rng = np.random.default_rng(0)
    for name, spread in (("real", 0), ("near", 4), ("far", 60)):
        folder = small.folder / name
        folder.mkdir()
        for i in range(24):
            top, left = rng.integers(0, 300), rng.integers(0, 500)
            crop = photographs[i % 2][top : top + 64, left : left + 64] + rng.normal(0, spread, (64, 64, 3))
            Image.fromarray(np.clip(crop, 0, 255).astype(np.uint8)).save(folder / f"{i:02d}.png")
    made = small.harness("score", "real", "near", "far", "--encoder", "random_convnet", "--out", "scored")
    assert made.returncode == 0, made.stderr
    path = small.folder / "scored.yaml"
    text = path.read_text()
    recipe = "preprocessing:\n  channels: rgb\n"
    assert recipe in text
    path.write_text(
        text.replace(recipe, recipe + "  resize: {library: pillow, filter: bicubic, size: 32}\n")
        + "audit: {n_fake: [16], batch_sizes: [5], pipelines: [ttur], protocols: [pytorch-fid],"
        " protocol_weights: random}\n"
    )
    outcome = small.harness("audit", "scored.yaml", "--out", "audited", "--details")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads((small.folder / "audited/audit.json").read_text())
    printed = {(one["pipeline"], one["generator"]): one for one in found["printed"]}
    own = printed["protocol: pytorch-fid", "far"]
    assert own["whole"]
    assert own["random"]
    assert printed["pinned", "near"]["rank"] == printed["protocol: pytorch-fid", "near"]["rank"] == 1
    assert all(one["low"] < one["high"] for one in found["printed"])
    assert "(own encoder), random weights" in outcome.stdout
    changed = {one["variant"] for one in found["changes"]}
    assert changed == {"n_fake: 16", "batch size: 5", "pipeline: ttur"}  # another network's distance is no change
    batches = [one for one in found["changes"] if one["variant"] == "batch size: 5"]
    assert all(abs(one["change"]) <= 1e-5 * max(abs(one["pinned"]), 1) for one in batches)
    fewer = [one for one in found["changes"] if one["variant"] == "n_fake: 16" and one["metric"] == "fd"]
    assert all(one["low"] < one["change"] < one["high"] for one in fewer)
    path.write_text(path.read_text().partition("audit:")[0] + "audit: {encoder: [{dim: 8}]}\n")
    outcome = small.harness("audit", "scored.yaml", "--out", "other", "--details")
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads((small.folder / "other/audit.json").read_text())["changes"] == []
    assert "Every variant has its own encoder" in outcome.stdout
    assert "  encoder: dim 8 (own encoder), random weights" in outcome.stdout


def test_an_encoder_that_could_take_no_variant_is_not_said_to_keep_its_order():
    printed = (Printed("e", "pinned", "g", 1.0, 0.5, 1.5, 1, False, False),)
    found = Audited("b", "fd", 0.95, ("e", "f"), (), (), (), printed, ("e under dtype: float16: no such",))
    text = markdown(found, "e", {})
    assert "**e**: none of the variants could be taken" in text
    assert "**f**: fd, which ranks, is not computed under it" in text
    assert "- not audited: e under dtype" in text
    assert "no order of two generators" not in text
