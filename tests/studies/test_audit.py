"""The same images under other preprocessing: published orders come out, changes are paired, flips told from noise."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from harness.base.record import read_records
from harness.metrics.analyses import analyse
from harness.metrics.frechet.distance import frechet_distance
from harness.report.finding import read_findings
from harness.studies.audit.changes import reach_of
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.compare import difference
from harness.uncertainty.design import Design
from harness.uncertainty.reversals import Table, shared_level, sure_orders, turned
from harness.uncertainty.seeds import SeedMember, means
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

BENCH = """\
name: audited
seed: 3
datasets: {datasets}
dataset: photographs
n_real: 300
n_fake: 300
preprocessing:
  resize: {{library: pillow, filter: bicubic, size: 32}}
  quantise: none
  range: [0, 1]
encoders:
  random_convnet: {{seed: 0, channels: 3, dim: 12}}
generators:
  holdout: {{}}
  one: {{use: mode_drop, keep: [0]}}
  noise: {{sd: 100}}
metrics: {{fd: {{}}, recall: {{}}}}
rank_by: {{metric: fd, encoder: random_convnet}}
audit:
  resize: [pillow lanczos, pillow bilinear, torch bicubic antialiased, torch bilinear, torch bicubic, pillow nearest]
  jpeg: [100, 90, 75]
  quantise: [none]
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """The audit's folder and its audit.json."""
    from tests.conftest import Small

    small = Small(tmp_path_factory.mktemp("audited"))
    small.bench.write_text(BENCH.format(datasets=ROOT / "datasets.yaml"))
    outcome = small.harness("audit", "bench.yaml")
    assert outcome.returncode == 0, outcome.stderr
    out = small.folder / "results/audited"
    return small, outcome.stdout, json.loads((out / "audit.json").read_text())


def test_the_published_order_of_resizers_and_of_jpeg_comes_out(audited):
    """Parmar et al. 2022: antialiased filters lie close, the others far away, nearest last; JPEG by quality."""
    _, _, found = audited
    shift = {one["variant"]: one["distance"] for one in found["shifts"]}
    assert shift["resize: pillow lanczos"] < shift["resize: pillow bilinear"]
    assert 3 * shift["resize: pillow bilinear"] < shift["resize: torch bilinear"] < shift["resize: torch bicubic"]
    assert shift["resize: torch bicubic"] < shift["resize: pillow nearest"]
    assert shift["jpeg: 100"] < shift["jpeg: 90"] < shift["jpeg: 75"] < shift["resize: pillow bilinear"]
    assert shift["resize: torch bicubic antialiased"] < 1e-6  # the same filter in another library
    assert not any("quantise" in name for name in shift)  # the pinned rule is no variant


def test_an_order_that_a_resize_turns_is_told_beyond_noise_and_others_are_not(audited):
    """Pixel noise averages out under an antialiased filter and stays under nearest; a missing motif does neither."""
    _, printed, found = audited
    turned = {(flip["variant"], flip["first"], flip["second"]) for flip in found["flips"] if flip["resolved"]}
    assert ("resize: pillow nearest", "one", "noise") in turned
    assert not any(variant.startswith("jpeg") for variant, _, _ in turned)
    assert "flips beyond noise: one and noise under" in printed
    assert "random weights: not a measure of quality" in printed


def test_a_change_is_known_better_than_the_values_that_it_is_between(audited):
    small, _, found = audited
    assert small.harness("run", "bench.yaml", "--no-tracking").returncode == 0
    of_values = {
        r.cell.generator: r.estimate.high - r.estimate.low
        for r in read_records(small.folder / "results/audited/records.jsonl")
        if (r.level, r.metric, r.estimate.reference) == ("cell", "fd", "random")
    }
    fd = [one for one in found["changes"] if one["metric"] == "fd" and "jpeg" in one["variant"]]
    assert all(one["low"] <= one["change"] <= one["high"] for one in fd)
    assert all(one["high"] - one["low"] < 0.5 * of_values[one["generator"]] for one in fd)
    recall = [one for one in found["changes"] if one["metric"] == "recall"]
    assert all(one["low"] is None for one in recall)


def test_the_audit_is_a_section_of_the_report_and_the_run_still_runs(audited):
    small, *_ = audited
    outcome = small.harness("run", "bench.yaml", "--no-tracking")
    assert outcome.returncode == 0, outcome.stderr
    page = (small.folder / "results/audited/report.html").read_text()
    assert "Audit of preprocessing" in page
    assert "resize: pillow nearest" in page


def test_an_audit_of_another_declaration_is_no_section_and_a_changed_run_drops_the_old_one(audited):
    small, *_ = audited
    out = small.folder / "results/audited"
    assert small.harness("run", "bench.yaml", "--no-tracking").returncode == 0
    assert list(read_findings(out)) == ["audit"]  # an audit before its run is about that run, and one without `audit:`
    whole = small.bench.read_text()
    few = whole.partition("audit:")[0]
    small.bench.write_text(few + "audit: {jpeg: [90]}\n")
    assert small.harness("run", "bench.yaml", "--no-tracking").returncode == 0
    assert list(read_findings(out)) == ["audit"]
    small.bench.write_text(whole + "interval: {level: 0.9}\n")
    assert small.harness("run", "bench.yaml", "--no-tracking").returncode == 0
    assert read_findings(out) == {}
    small.bench.write_text(few + "interval: {level: 0.8}\naudit: {jpeg: [90]}\n")
    told = small.harness("audit", "bench.yaml")
    assert told.returncode == 0, told.stderr
    assert "gets no section: the run there differs in interval" in told.stderr
    assert read_findings(out) == {}


def test_a_benchmark_without_an_audit_and_a_wrong_setting_are_refused(small):
    outcome = small.harness("audit", "bench.yaml")
    assert outcome.returncode == 2
    assert "declares no `audit`" in outcome.stderr
    small.edit("rank_by:", "audit: {resize: [pillow cubic]}\nrank_by:")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "audit.resize.0:" in outcome.stderr
    small.edit("pillow cubic", "pillow lanczos")
    outcome = small.harness("audit", "bench.yaml")
    assert outcome.returncode == 2
    assert "does not resize" in outcome.stderr


def test_paired_intervals_of_a_change_cover_and_are_narrower_than_unpaired_ones():
    """Two encodings of the same rows; the truth is the mean change over many draws."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((6, 6)) / 6

    def draw(shift):
        rows = rng.standard_normal((150, 6)) + shift
        return rows, rows + 0.3 * rows @ mixing

    def analysed(real, fake, seed):
        return analyse({"fd": MetricCall("fd")}, real, fake, real_seed=seed, fake_seed=seed)["fd"]

    changes, reaches, apart = [], [], []
    for r in range(250):
        (real, real_), (fake, fake_) = draw(0.0), draw(0.6)
        before, after = analysed(real, fake, r), analysed(real_, fake_, r)
        changes.append(after.value - before.value)
        reaches.append(reach_of(*(means([SeedMember(None, 0, a)]) for a in (before, after)), 0.95))
        spread = [a.form.influence_real.var() / 150 + a.form.influence_fake.var() / 150 for a in (before, after)]
        apart.append(1.96 * math.sqrt(sum(spread)))
    pairs = [(draw(0.0), draw(0.6)) for _ in range(2000)]  # paired: a quarter of the noise of two separate means
    truth = np.mean(
        [frechet_distance(real_, fake_) - frechet_distance(real, fake) for (real, real_), (fake, fake_) in pairs]
    )

    def hits(wanted, widths):
        return np.mean(np.abs(np.array(changes) - wanted) <= np.array(reaches) * widths)

    assert abs(np.mean(changes) - truth) < 0.02  # five Monte-Carlo errors; the change is of -0.12
    assert 0.90 < hits(truth, 1) < 0.99
    assert hits(truth, 0.5) < 0.80  # controls: narrower intervals and a change half as large are found out
    assert hits(truth / 2, 1) < 0.88
    assert 0.85 < np.mean(reaches) / (1.96 * np.std(changes, ddof=1)) < 1.25
    assert np.mean(reaches) < 0.6 * np.mean(apart)


def test_generators_that_are_equal_under_a_variant_rarely_flip_beyond_noise_and_pair_by_pair_often_would():
    """Eight generators well apart as pinned, one and the same under the variant: every order there is noise."""
    rng = np.random.default_rng(3)
    count, n, d, audits, level = 8, 100, 2, 40, 0.95
    names = [f"g{i}" for i in range(count)]

    def table(real, shifts, seed):
        groups = {}
        for name, shift in zip(names, shifts, strict=True):
            rows = rng.normal([shift, 0], 1, (n, d))
            own = analyse({"fd": MetricCall("fd")}, real, rows, real_seed=seed, fake_seed=int(rng.integers(1e9)))
            groups[name] = [SeedMember(None, 0, own["fd"])]
        return Table("fd", groups, True)

    false, plain = 0, 0
    for _ in range(audits):
        reals = rng.standard_normal((2, n, d))
        tables = table(reals[0], 1.0 + np.arange(count), 1), table(reals[1], np.ones(count), 2)
        orders = [sure_orders(t, names, level=shared_level(level, 2), reference="random") for t in tables]
        found = turned(*tables, orders=orders)
        assert len(found) > 4  # about half of the pairs seem to
        false += any(sure for *_, sure in found)
        gaps = [[difference(t.groups[a], t.groups[b]) for t in tables] for a, b, _ in found]
        plain += any(all(gap.p < 0.05 for gap in both) for both in gaps)
    assert false <= 5  # of 40, at most .05 each: more has a chance of .02
    assert plain >= 8


def test_a_true_flip_is_sure_and_has_both_directions():
    rng = np.random.default_rng(4)
    real = rng.standard_normal((200, 2))

    def table(shifts, lower=True):
        groups = {}
        for number, (name, shift) in enumerate(zip("abc", shifts, strict=True)):
            rows = rng.normal([shift, 0], 1, (200, 2))
            own = analyse({"fd": MetricCall("fd")}, real, rows, real_seed=1, fake_seed=number)
            groups[name] = [SeedMember(None, 0, own["fd"])]
        return Table("fd", groups, lower)

    for lower in (True, False):
        pinned, other = table((0.5, 1.5, 3), lower), table((1.5, 0.5, 3), lower)
        orders = [sure_orders(t, "abc", level=0.975, reference="random") for t in (pinned, other)]
        assert turned(pinned, other, orders=orders) == [("a", "b", True)]


def test_sampling_seeds_that_share_prompts_do_not_narrow_the_interval_of_a_change():
    """Six image sets of the same 25 prompts: over other prompts their mean change varies as that of one set does."""
    rng = np.random.default_rng(5)
    prompts, per, sets = 25, 4, 6
    labels = np.repeat(np.arange(prompts), per)
    real = rng.standard_normal((400, 2))
    changes, reaches, apart = [], [], []
    for r in range(120):
        middle = rng.standard_normal((prompts, 2))
        sides = [[], []]
        for s in range(sets):
            rows = middle[labels] + 0.2 * rng.standard_normal((prompts * per, 2)) + 1
            for side, factor, own in ((sides[0], 1.0, labels), (sides[1], 1.5, labels)):
                analysed = analyse(
                    {"fd": MetricCall("fd")},
                    real * factor,
                    rows * factor,
                    real_seed=1,
                    fake_seed=10 * r + s,
                    design_fake=Design(clusters=own),
                )["fd"]
                side.append(SeedMember(None, s, analysed))
        both = [means(side) for side in sides]
        changes.append(np.mean([b.analysis.value - a.analysis.value for a, b in zip(*sides, strict=True)]))
        reaches.append(reach_of(*both, 0.95))
        apart.append(reach_of(*(replace(whole, together=False) for whole in both), 0.95))
    off = np.abs(np.array(changes) - np.mean(changes))
    assert np.mean(off <= reaches) > 0.89
    assert np.mean(off <= apart) < 0.85  # as if the six sets had prompts of their own
