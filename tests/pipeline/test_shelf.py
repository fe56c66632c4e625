"""What metrics compute of a reference alone lies in the store under the sources that decide it."""

from pathlib import Path

import numpy as np

from harness.benchmark import load
from harness.pipeline.plan import Plan
from harness.pipeline.score import Shelf

ROOT = Path(__file__).resolve().parents[2]
WHAT = ("harness.metrics.manifold.intervals", "neighbours", 112)


def test_arrays_are_found_again_for_the_same_reference_and_for_no_other(tmp_path):
    plan = Plan(load(ROOT / "benchmarks" / "digits.yaml"), tmp_path)
    shelf = Shelf(plan, {"content": "a", "seed": 1})
    assert shelf.load(WHAT) is None
    shelf.put(WHAT, {"index": np.arange(6, dtype=np.int32).reshape(2, 3), "slack": np.zeros(2)})
    found = Shelf(Plan(plan.benchmark, tmp_path), {"content": "a", "seed": 1}).load(WHAT)
    assert found["index"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (found["index"].dtype, found["slack"].dtype) == (np.int32, np.float64)
    assert shelf.load((*WHAT[:2], 56)) is None
    assert Shelf(plan, {"content": "b", "seed": 1}).load(WHAT) is None
