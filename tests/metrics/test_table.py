"""The one table of metrics tells the truth, is light to import, and lists what nothing else lists."""

import subprocess
import sys

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
