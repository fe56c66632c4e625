"""What a leaderboard says beside its values: columns of its CSV, and which values are mostly bias."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.analyses import analyse
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.notes import bias_notes
from harness.pipeline.rowtext import seeds_text, shown
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.seeds import SeedMember
from tests.support.run_directory import estimate_of, write_run


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return Leaderboard.from_json((write_run(tmp_path_factory.mktemp("run")) / "leaderboard.json").read_text())


def test_the_csv_says_what_its_intervals_are_about_and_counts_seeds_as_the_table_does(board):
    told = list(csv.DictReader(io.StringIO(board.to_csv())))
    assert len(told) == len(board.rows)
    for row, line in zip(board.rows, told, strict=True):
        assert (line["level"], line["reference"]) == ("0.95", "random")
        assert f"{line['training_seeds']}×{line['sampling_seeds']}" == seeds_text(row)
        for metric, estimate in row.metrics.items():
            about = [line[f"{metric}.{key}"] for key in ("target", "method", "conservative")]
            assert about == [estimate.target, estimate.method, str(estimate.conservative).lower()]
    failed = next(line for line in told if line["status"] == "failed")
    assert failed["fd.method"] == failed["fd"] == ""
    untrained = next(line for line in told if line["generator"] == "holdout")
    assert untrained["training_seeds"] == "1"


def told(n, d, shift, *, metric="fd"):
    """The notes on one generator whose features differ from the real ones by `shift` in each column."""
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(n, d)), rng.normal(size=(n, d)) + shift
    analysis = analyse({metric: MetricCall(metric, {})}, real, fake, real_seed=1, fake_seed=2)[metric]
    return bias_notes({"pixels": {metric: {"gan": [SeedMember(None, 0, analysis)]}}})


def test_a_distance_that_is_mostly_its_bias_is_said_with_its_generator_and_a_large_one_is_not():
    (note,) = told(400, 6, 0.0)
    assert note.startswith("fd under pixels is mostly finite-sample bias for: gan ")
    assert told(400, 6, 1.0) == []


def test_a_distance_from_few_images_for_its_columns_is_said_and_the_unbiased_one_is_not():
    (note,) = told(40, 60, 0.0)
    assert "uses 40 images of gan for 60 features (0.67 per feature)" in note
    assert told(240, 60, 0.0) == [], "4 images a column: how large the bias is, is not known there"
    assert told(40, 60, 0.0, metric="kd") == []
    assert told(400, 6, 0.0, metric="kd") == []


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (12.3456, 10.9, 13.7, "12.3 ±1.4"),
        (1.86e16, 1.72e16, 2.0e16, "1.86e+16 ±1.4e+15"),
        (1.86e16, 1.8e16, 9.0e16, "1.86e+16 [1.80e+16, 9.00e+16]"),
        (123_456.0, 123_000.0, 123_912.0, "123456 ±456"),
    ],
)
def test_a_value_has_as_many_digits_as_its_interval_tells_and_huge_ones_powers_of_ten(value, low, high, text):
    assert shown(replace(estimate_of("fd", value, "random"), low=low, high=high)) == text
