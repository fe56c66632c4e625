"""A generator that repeats itself is ranked, and said to: a metric without an interval has its value and the reason."""

import csv
import json

import numpy as np
import pytest

from harness import estimate
from harness.base.errors import UsageError
from harness.base.record import read_records
from harness.metrics.analyses import analyse
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.table import METRICS
from harness.uncertainty.analysis import Analysis, MetricCall, NoInterval
from harness.uncertainty.intervals import interval
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.seeds import SeedMember, combine
from tests.conftest import Small

# A density by nearest neighbours, and a classifier of folds, have no value of one picture or five.
VALUELESS = ("kl_reverse", "c2st", "topp", "topr")
ALL = {
    row.name: MetricCall(row.name) for row in METRICS if not row.reads and row.name not in ("kid_subsets", *VALUELESS)
}
GENERATORS = '''

class Collapsed:
    """`kinds` pictures, over and over: the first digits of a fixed draw."""

    def __init__(self, *, kinds):
        self.kinds = kinds

    def sample(self, seeds):
        pictures = np.random.default_rng(0).integers(0, 256, (self.kinds, 8, 8, 1), np.uint8)
        return np.stack([pictures[seed % self.kinds] for seed in seeds])


def no_value(real, fake):
    if len(np.unique(fake, axis=0)) < len(fake) / 2:
        raise ValueError("too few")
    return float(np.median(fake) - np.median(real))
'''


def sets(kinds, n=60, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((kinds, d))[np.arange(n) % kinds]


def analysed(real, fake, calls=ALL, seed=1):
    training = np.random.default_rng(9).standard_normal(real.shape)
    return analyse(calls, real, fake, training=training, real_seed=1, fake_seed=seed, replicates=50)


def test_one_picture_has_the_value_of_every_metric_and_no_interval():
    real, fake = sets(1)
    found = analysed(real, fake)
    assert set(found) == set(ALL)
    for name, one in found.items():
        assert isinstance(one.form, NoInterval), name
        made = interval(one, level=0.95, target="T_N", reference="random")
        assert (made.se, made.low, made.high) == (None, None, None)
        assert made.method == "none: `fake` has 60 rows, all of them equal: there is no spread to estimate"
        assert Analysis.from_parts(*one.to_parts()) == one
    # All of the distance is that of the real rows from one point: |x - y|² summed over their mean and variance.
    closed = float(((real.mean(axis=0) - fake[0]) ** 2).sum() + real.var(axis=0, ddof=1).sum())
    assert found["fd"].value == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize("name", VALUELESS)
def test_a_metric_without_a_value_says_why(name):
    with pytest.raises(UsageError, match=r"exact copies|distinct rows|equal rows"):
        analysed(*sets(1), {name: MetricCall(name)})


def test_five_pictures_cost_the_neighbour_metrics_their_intervals_and_no_value():
    real, fake = sets(5)
    found = analysed(real, fake)
    assert found["fd"].value == pytest.approx(frechet_distance(real, fake), rel=1e-12)
    assert found["recall"].form == NoInterval(
        "`fake` has 5 distinct rows; an interval for `k`=3 halves them and needs at least 8"
    )


def test_the_population_value_is_not_asked_of_a_value_alone():
    found = analysed(*sets(1))["fd"]
    made = interval(found, level=0.95, target="T_inf", reference="fixed")
    assert (made.value, made.target) == (found.value, "T_N")


def test_a_script_is_told_the_value_with_the_refusal():
    real, fake = sets(1)
    with pytest.raises(
        UsageError, match=rf"no spread to estimate; the value of fd is {frechet_distance(real, fake):.6g}"
    ):
        estimate("fd", real, fake)


def groups(**sets_of):
    return {
        name: [SeedMember(None, 0, analysed(real, fake, {"fd": MetricCall("fd")}, seed=number)["fd"])]
        for number, (name, (real, fake)) in enumerate(sets_of.items())
    }


def test_what_has_no_interval_is_ranked_by_its_value_and_beats_nobody():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((300, 4))
    good, bad = rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 3.0
    one = np.repeat(rng.standard_normal((1, 4)) / 10, 300, axis=0)
    members = groups(one=(real, one), good=(real, good), bad=(real, bad))
    found = rank_sets(members, lower_is_better=True, level=0.95, reference="random", seed=0)
    assert found.rank == {"good": 1, "one": 2, "bad": 3}
    assert (found.low["good"], found.high["good"]) == (1, 1)
    assert (found.low["one"], found.high["one"]) == (2, 3)  # worse than good for sure; than bad, who knows
    assert found.tied_with["one"] == ("bad",)
    assert found.tied_with["bad"] == ("one",)
    upside_down = rank_sets(members, lower_is_better=False, level=0.95, reference="random", seed=0)
    assert (upside_down.low["one"], upside_down.high["one"]) == (2, 3)
    alone = rank_sets({"one": members["one"]}, lower_is_better=True, level=0.95, reference="random", seed=0)
    assert (alone.rank["one"], alone.low["one"], alone.high["one"]) == (1, 1, 1)


def test_a_mean_with_a_set_without_an_interval_has_none_and_says_of_how_many():
    real, fake = sets(1)
    members = [
        SeedMember(None, seed, analysed(real, rows, {"fd": MetricCall("fd")}, seed=seed)["fd"])
        for seed, rows in enumerate((fake, sets(60, seed=3)[1]))
    ]
    found = combine(members, level=0.95, target="T_N", reference="random")
    assert found.estimate.low is None
    assert found.estimate.method.endswith("(1 of 2 image sets)")
    assert found.estimate.value == pytest.approx(np.mean([m.analysis.value for m in members]))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = Small(tmp_path_factory.mktemp("collapse"))
    module = small.folder / f"{small.module}.py"
    module.write_text(module.read_text() + GENERATORS)
    own = f"{small.module}:Collapsed"
    small.edit("  kde: {}\n", f"  one: {{use: {own}, kinds: 1}}\n  five: {{use: {own}, kinds: 5}}\n")
    small.edit("metrics: {", f"metrics: {{own: {{use: {small.module}:no_value, better: lower}}, ")
    return small, small.run("--out", "out", "--workers", "1")


def test_a_collapsed_generator_is_ranked_and_said_to_be_one(run):
    small, outcome = run
    board = json.loads((small.folder / "out" / "leaderboard.json").read_text())
    first = board["rank_by"]["encoder"]
    rows = {row["generator"]: row for row in board["rows"] if row["encoder"] == first}
    assert rows["one"]["status"] == rows["five"]["status"] == "ok"
    assert rows["one"]["rank"] is not None
    assert any(flag.startswith("1 distinct image of") for flag in rows["one"]["flags"])
    assert any(flag.startswith("5 distinct images of") for flag in rows["five"]["flags"])
    assert rows["one"]["metrics"]["fd"]["low"] is None
    assert "no spread to estimate" in rows["one"]["metrics"]["fd"]["method"]
    assert "(no interval)" in outcome.stdout


def test_a_metric_without_a_value_fails_alone_and_says_why(run):
    small, outcome = run
    assert outcome.returncode == 1  # the metric is the user's own code, and raised
    records = read_records(small.folder / "out" / "records.jsonl")
    failed = {(r.cell.generator, r.metric, r.reason) for r in records if r.status == "failed"}
    assert {(generator, metric) for generator, metric, _ in failed} == {("one", "own"), ("five", "own")}
    assert {reason for *_, reason in failed} == {"metric own: ValueError: too few"}
    rows = list(csv.DictReader((small.folder / "out" / "leaderboard.csv").open()))
    one = next(row for row in rows if row["generator"] == "one")
    assert (one["own"], one["fd.ci_lo"], one["status"]) == ("", "", "ok")
    assert float(one["fd"]) > 0
    assert (small.folder / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("diagnose", "out"), 0, "one"),
        (("rerank", "out"), 0, "no interval for fd: one"),
        (("compare", "out", "five", "mine"), 0, "precision"),
        (("compare", "out", "one", "mine", "--metric", "fd"), 2, "fd has no interval"),
    ],
)
def test_what_works_on_a_finished_run_says_what_it_leaves_out(run, words, code, said):
    small, _ = run
    outcome = small.harness(*words)
    assert outcome.returncode == code, outcome.stderr
    assert said in outcome.stdout + outcome.stderr


def test_the_gate_fails_a_generator_that_has_collapsed(run):
    small, _ = run
    small.edit("kinds: 1", "kinds: 100")
    small.edit(f"own: {{use: {small.module}:no_value, better: lower}}, ", "")
    assert small.run("--out", "before", "--workers", "1").returncode == 0
    small.edit("kinds: 100", "kinds: 1")
    assert small.run("--out", "after", "--workers", "1").returncode == 0
    outcome = small.harness("gate", "after", "--baseline", "before")
    assert outcome.returncode == 1, outcome.stderr
    assert "WORSE one" in outcome.stdout
