"""A reference set computes once what depends on it alone."""

from __future__ import annotations

import numpy as np

from harness.metrics import METRICS, analyse, analyse_against
from harness.metrics.manifold import intervals
from harness.uncertainty import MetricCall, ReferenceSet

COLUMNS = {"sfid": 2023, "inception_score": 10}


def test_what_depends_on_the_reference_alone_is_computed_once():
    reference = ReferenceSet.of(np.zeros((4, 2)), seed=0)
    made: list[int] = []
    for _ in range(2):
        assert reference.once("moments", lambda: made.append(1) or 7) == 7
    assert made == [1]


def test_analyses_against_a_shared_reference_have_the_bytes_of_analyses_apart():
    rng = np.random.default_rng(0)
    real, training = rng.standard_normal((2, 60, 12)).astype(np.float32)
    fakes = [rng.standard_normal((50 + 10 * i, 12)).astype(np.float32) for i in range(2)]
    # The first three are slow and share nothing, the others take more rows than these.
    apart_anyway = (*COLUMNS, "kid_subsets", "fld", "fls", "fls_overfit", "topp", "topr")
    calls = {row.name: MetricCall(row.name) for row in METRICS if row.name not in apart_anyway}
    calls["c_t"] = MetricCall("c_t", {"least": 5})
    calls["kid"] = MetricCall("kid_subsets", {"subset_size": 20})
    reference = ReferenceSet.of(real, seed=1, training=training)
    for seed, fake in enumerate([*fakes, fakes[0]]):
        shared = analyse_against(calls, reference, fake, fake_seed=seed, replicates=50)
        apart = analyse(calls, real, fake, training=training, real_seed=1, fake_seed=seed, replicates=50)
        for name in calls:
            (facts, arrays), (own_facts, own_arrays) = shared[name].to_parts(), apart[name].to_parts()
            assert facts == own_facts
            assert all(np.array_equal(arrays[key], own_arrays[key], equal_nan=True) for key in own_arrays)


class Box(dict):
    """A shelf in memory."""

    load = dict.get
    put = dict.__setitem__


def test_what_lies_on_the_shelf_is_not_computed_again_and_gives_the_same_bytes(monkeypatch):
    monkeypatch.setattr(intervals, "WORTH_STORING", 0)
    searched = []
    original = intervals.nearest
    monkeypatch.setattr(
        intervals, "nearest", lambda rows, *how, **given: searched.append(len(rows)) or original(rows, *how, **given)
    )
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 4, (60, 3)).astype(float), rng.integers(0, 4, (50, 3)).astype(float)
    calls = {name: MetricCall(name) for name in ("coverage", "density", "authenticity")}
    apart, shelf = analyse(calls, real, fake, real_seed=1, fake_seed=2), Box()
    for expected in ([60, 60], []):  # at first for `apart` too
        reference = ReferenceSet.of(real, seed=1, shelf=shelf)
        found = analyse_against(calls, reference, fake, fake_seed=2)
        for name in calls:
            (facts, arrays), (own_facts, own_arrays) = found[name].to_parts(), apart[name].to_parts()
            assert facts == own_facts
            assert all(np.array_equal(arrays[key], own_arrays[key], equal_nan=True) for key in own_arrays)
            for lying in shelf.values():
                for array in lying.values():
                    array.flags.writeable = False  # as arrays from a file are
        assert searched == expected
        searched[:] = []
