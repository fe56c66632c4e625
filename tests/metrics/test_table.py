"""The one table of metrics tells the truth, is light to import, and lists what nothing else lists."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.base.component import imported
from harness.metrics.analyses import analyse
from harness.metrics.frechet.influence import TRUSTED
from harness.metrics.frechet.sfid import SFID_COLUMNS
from harness.metrics.table import METRICS, facts_of, own_facts
from harness.uncertainty.analysis import Bias, MetricCall

COLUMNS = {"sfid": SFID_COLUMNS}
SMALL = {"kid_subsets": {"subsets": 5, "subset_size": 20}, "inception_score": {"splits": 2}}


def analysed(row):
    rng = np.random.default_rng(0)
    real, fake, training = rng.standard_normal((3, 60, COLUMNS.get(row.name, 3)))
    call = MetricCall(row.name, SMALL.get(row.name, {}))
    return analyse({"m": call}, real, fake, training=training, real_seed=0, fake_seed=1, replicates=50)["m"]


def test_importing_the_table_imports_no_numpy():
    code = "import sys, harness.metrics.table; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_a_row_says_what_its_function_and_analysis_do(row):
    found = analysed(row)
    assert callable(imported(row.target))
    assert row.share == (found.share_of is not None)
    # Few rows a column are a reason of these sets, not of the metric.
    assert row.limitless == (isinstance(found.bias, str) and "refused" not in found.bias)
    assert row.label
    assert row.citation
    assert row.better


def test_the_rows_a_column_from_which_a_population_value_is_known_are_those_of_the_method():
    assert {row.columns for row in METRICS if row.columns is not None} == {TRUSTED}
    with_bias = [row.name for row in METRICS if row.name != "sfid" and isinstance(analysed(row).bias, Bias)]
    assert with_bias == ["fd", "kd", "kid_subsets", "cmmd", "mmd"]


def test_a_metric_of_ones_own_has_the_same_row():
    row = facts_of("my_module:score")
    assert row == own_facts("my_module:score")
    assert (row.label, row.share, row.limitless, row.better) == ("my_module:score", False, True, None)
    assert imported(row.analysis) is imported(facts_of("mind").analysis)  # any function's


def test_half_of_the_rows_still_have_k_neighbours():
    assert facts_of("recall").fewest({"k": 3}) == 8
    assert facts_of("fd").fewest({}) == 2


EXAM = Path(__file__).resolve().parents[2] / "docs" / "exam" / "exam.json"
# What the words must name where the exam found that a defect does not make a metric worse, or makes it better.
DEFECTS = {
    "shift": "shift",
    "narrow": "crowd",
    "wide": "scatter",
    "noise": "noise",
    "mode invented": "nothing real",
    "modes dropped": "missing modes",
    "wrong weights": "proportion",
    "repeats": "repeats",
    "cube in 64": "scatter",
    "sphere in 64": "crowd|scaled",
}


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_the_words_on_what_a_metric_cannot_see_name_each_defect_that_it_missed_in_the_exam(row):
    missed = set(row.blind)
    for card in json.loads(EXAM.read_text(encoding="utf-8"))["cards"]:
        if card["metric"] == row.name:
            missed |= {check["law"] for check in card["checks"] if not check["passed"]}
    words = row.unseen.lower()
    assert words.endswith(".")
    assert [law for law in missed & set(DEFECTS) if not re.search(DEFECTS[law], words)] == []
    if row.axis != "novelty" and not row.trains:
        assert "copies of training images" in words
    if row.axis == "novelty":
        assert "missing modes" in words
