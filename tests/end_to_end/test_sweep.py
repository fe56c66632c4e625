"""A swept benchmark from its YAML to its leaderboard: cells, likelihood, stability, costs, the choice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.base import UsageError, read_records
from harness.cli.main import main
from harness.pipeline import Leaderboard
from harness.report.curves import steps
from harness.run import run_benchmark
from tests.conftest import ROOT

BENCH = """\
name: swept
seed: 7
dataset: digits
datasets: {datasets}
n_real: 80
n_fake: 80
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  walk: {{use: "{module}:Walk"}}
  holdout: {{}}
  blank: {{use: "{module}:blank"}}
sweep:
  generators: {{walk: {{noise: [10, 40, 160]}}}}
  n_fake: [20, 40]
training_seeds: [0, 1, 2]
metrics: {{fd: {{}}, recall: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
interval: {{replicates: 50}}
"""

MODULE = """\
import numpy as np
from harness.generators import Likelihood


def blank(seeds):
    return np.zeros((len(seeds), 8, 8, 1), np.uint8)


class Walk:
    evaluations, parameters = 3, 64

    def __init__(self, *, noise=1):
        self.noise = noise

    def fit(self, images, labels, *, seed):
        self.images = np.random.default_rng(seed).permutation(images)[:100]

    def sample(self, seeds):
        rngs = [np.random.default_rng(s) for s in seeds]
        drawn = [self.images[r.integers(100)] + r.normal(0, self.noise, self.images.shape[1:]) for r in rngs]
        return np.clip(drawn, 0, 255).astype(np.uint8)

    def likelihood(self, images, labels):
        if self.noise == 160:
            raise RuntimeError("no density today")
        return Likelihood(np.linspace(1, 3, len(images)) + self.images.mean() * 0, "exact", "a straight line")
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "walk_swept.py").write_text(MODULE)
    (folder / "bench.yaml").write_text(BENCH.format(datasets=ROOT / "datasets.yaml", module="walk_swept"))
    run_benchmark(folder / "bench.yaml", out=folder / "out", store=folder / "store", workers=1, tracking=False)
    return folder / "out"


@pytest.fixture(scope="module")
def board(out: Path) -> Leaderboard:
    return Leaderboard.from_json((out / "leaderboard.json").read_text())


def test_every_cell_is_ranked_and_keeps_its_value_on_the_axis(out, board):
    rows = {row.generator: row for row in board.rows}
    assert set(rows) == {"walk-10", "walk-40", "walk-160", "holdout", "blank"}
    assert rows["walk-40"].observations["swept"] == {"entry": "walk", "axes": {"noise": 40}}
    assert "swept" not in rows["holdout"].observations
    told = [r.observations["swept"]["axes"] for r in read_records(out / "records.jsonl") if "swept" in r.observations]
    assert {"noise": 160} in told
    assert Leaderboard.from_json(board.to_json()) == board


def test_the_best_cell_is_told_with_the_price_of_choosing_it(board):
    [choice] = board.choices
    assert (choice.entry, choice.metric, choice.encoder, choice.over) == ("walk", "fd", "pixels", "training seeds")
    assert choice.best in choice.cells
    assert choice.value == pytest.approx(
        next(row for row in board.rows if row.generator == choice.best).metrics["fd"].value
    )
    assert choice.corrected_high - choice.corrected_low > choice.high - choice.low


def test_likelihood_has_an_error_over_images_and_says_why_it_is_missing(board):
    rows = {row.generator: row for row in board.rows}
    told = rows["walk-10"].observations["likelihood"]
    assert (told["kind"], told["n"], told["seeds"], told["words"]) == ("exact", 80, 3, "a straight line")
    assert told["value"] == pytest.approx(2)
    assert told["se_images"] == pytest.approx(0.0658, abs=1e-3)
    assert told["se_seeds"] == pytest.approx(0)
    assert "no density today" in rows["walk-160"].observations["likelihood"]["failed"]
    assert rows["walk-160"].status == "ok"


def test_stability_is_told_of_what_is_trained_more_than_twice(board):
    rows = {row.generator: row for row in board.rows}
    told = rows["walk-10"].observations["stability"]
    assert told["seeds"] == 3
    assert 0 < told["sd"]["fd"]["low"] < told["sd"]["fd"]["sd"] < told["sd"]["fd"]["high"]
    assert told["collapsed"]["rule"] == "recall under 0.1"
    assert told["collapsed"]["count"] == 0
    assert told["collapsed"]["high"] == pytest.approx(0.708, abs=1e-3)
    assert "stability" not in rows["holdout"].observations


def test_costs_are_beside_the_results_and_in_no_record(out):
    told = json.loads((out / "costs.json").read_text())
    assert told["walk-10"]["evaluations"] == 3
    assert told["walk-10"]["parameters"] == 64
    assert told["walk-10"]["images_per_second"] > 0
    assert told["walk-10"]["training_seconds"] >= 0
    assert "holdout" not in told
    assert b"images_per_second" not in (out / "records.jsonl").read_bytes()


def test_the_metric_that_ranks_is_there_at_every_size(board):
    rows = {row.generator: row for row in board.rows}
    curve = [point for point in board.sizes if point.generator == "holdout"]
    assert [point.n for point in curve] == [20, 40, 80]
    assert curve[0].value > curve[1].value > curve[2].value  # the bias of the distance
    assert curve[2].value == rows["holdout"].metrics["fd"].value
    assert all(point.low < point.value < point.high for point in curve)
    assert all(point.debiased is None for point in curve)  # 80 rows for 64 columns


def test_the_report_draws_the_curves_and_tells_the_price(out):
    page = (out / "report.html").read_text()
    assert "the best of 3 cells is walk-" in page
    assert "after correcting for the choice (95% CI, 3 folds over training seeds" in page
    assert "FD ↓ over noise, walk" in page
    assert "recall ↑ over noise, walk" in page
    assert "walk-160 " in page
    assert "FD over images (n_fake)<" in page
    assert "2.000 (exact; se ± 0.066 images, ± 0 seeds)" in page
    assert "network evaluations per image" in page
    drawn = (out / "plots" / "curves-walk.svg").read_text()
    assert "recall ↑" in drawn
    assert (out / "plots" / "curves-sizes.png").is_file()


def test_mlflow_is_given_the_curves_step_by_step(board):
    found = [(name, step) for name, _, step in steps(board, "pixels")]
    assert [step for name, step in found if name == "curve/walk/walk over noise/fd"] == [10, 40, 160]
    assert {name.rpartition("/")[2] for name, _ in found} == {"fd", "recall"}


STATEMENTS = """\
title: What is said of walks
source: nobody
scales: {diversity: [poor, good], quality: [poor, good], stability: [poor, good], speed: [slow, fast]}
families:
  near: {generator: walk-10, diversity: good, quality: good, stability: good, likelihood: exact, speed: fast}
  far: {generator: walk-160, diversity: poor, quality: poor, stability: poor, likelihood: bound, speed: slow}
  lost: {generator: run, diversity: good}
  nothing: {generator: blank, diversity: poor}
steps:
  - {says: much noise loses much, cell: walk-160, against: walk-10, drop: large}
  - {says: much noise loses nothing, cell: walk-160, against: walk-10, drop: minimal}
  - {says: black loses much, cell: blank, against: walk-10, drop: large}
  - {says: no noise loses nothing, cell: walk-0, against: walk-10, drop: minimal}
controls:
  - {says: noise is farther, cell: walk-160, against: walk-10, metric: fd, is: higher}
  - {says: noise is nearer, cell: walk-160, against: walk-10, metric: fd, is: lower}
  - {says: noise changes nothing, cell: walk-160, against: walk-10, metric: fd, is: same}
  - {says: noise is no nearer, cell: walk-160, against: walk-10, metric: fd, is: not lower}
  - {says: nothing is farther than itself, cell: walk-10, against: walk-10, metric: fd, is: higher}
  - {says: nothing differs from itself, cell: walk-10, against: walk-10, metric: fd, is: same}
  - {says: black is farther, cell: blank, against: walk-10, metric: fd, is: higher}
  - {says: nobody is here, cell: nobody, against: walk-10, metric: fd, is: higher}
"""


def test_statements_of_families_are_judged_by_a_run(out, tmp_path):
    (tmp_path / "said.yaml").write_text(STATEMENTS)
    copied = Path(shutil.copytree(out, tmp_path / "out"))
    page = tmp_path / "docs" / "said.md"
    told = CliRunner().invoke(
        main, ["reproduce", str(tmp_path / "said.yaml"), "--out", str(copied), "--page", str(page), "--details"]
    )
    assert told.exit_code == 0, told.output
    verdicts = {line.split(": ")[0].strip(): line for line in told.output.splitlines()}
    assert "agrees       much noise loses much" in verdicts
    assert "disagrees    much noise loses nothing" in verdicts
    assert "not in this run: walk-0" in verdicts["not decided  no noise loses nothing"]
    assert "has no interval: `fake` has 80 rows, all of them equal" in verdicts["not decided  black loses much"]
    assert "recall has no interval" in verdicts["not decided  near (good) over nothing (poor)"]
    assert "the run has no precision" in told.output
    assert "disagrees    far: bound: none" in told.output
    assert "agrees       near: exact: exact, 2.000 bits/dim" in told.output
    assert "sd of fd over training seeds" in told.output
    controls = told.output.split("controls, with known answers\n")[1].splitlines()[:7]
    assert [line.split(":")[0].split(maxsplit=1) for line in controls] == [
        ["agrees", "noise is farther"],
        ["disagrees", "noise is nearer"],
        ["disagrees", "noise changes nothing"],
        ["agrees", "noise is no nearer"],
        ["not", "decided  nothing is farther than itself"],
        ["agrees", "nothing differs from itself"],
        ["not", "decided  black is farther"],
    ]
    assert "nobody is here" not in told.output
    assert "not in this run: lost" in told.output
    written = page.read_text()
    assert "| walk-40 |" in written
    assert "| noise is nearer | disagrees | fd " in written
    assert "![curves walk](said/swept-curves-walk.png)" in written
    assert (page.parent / "said" / "samples.png").stat().st_size > 500
    assert "What is said of walks" in (copied / "report.html").read_text()


def test_a_run_without_any_of_the_families_is_told_so(out):
    told = CliRunner().invoke(main, ["reproduce", "families", "--out", str(out)])
    assert isinstance(told.exception, SystemExit | UsageError)
    assert "no family is scored here (conv_vae, gan" in str(told.exception) + told.output
