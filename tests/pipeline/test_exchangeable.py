"""The control of held-out real images, tested against the reference that it should be exchangeable with."""

from dataclasses import replace

import numpy as np
import pytest

from harness.base.record import Cell, Record
from harness.metrics.analyses import analyse
from harness.pipeline.exchangeable import unlike_reference
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.seeds import SeedMember, combine

KD = {"kd": MetricCall("kd")}


def record_of(real, fake, *, reference="random", metric="kd", encoder="e", generator="holdout"):
    member = SeedMember(None, 0, analyse(KD, real, fake, real_seed=1, fake_seed=2, replicates=60)["kd"])
    estimate = combine([member], level=0.95, target="T_N", reference=reference).estimate
    cell = Cell("d", "reference", generator, None, None, "none", encoder)
    return Record("b", "generator", cell, metric, {"use": "kd"}, "ok", estimate)


def test_a_holdout_of_other_images_than_the_references_is_found_and_said_with_its_numbers():
    rng = np.random.default_rng(0)
    record = record_of(rng.normal(size=(200, 8)), rng.normal(0.7, 1, size=(200, 8)))
    found = unlike_reference([record], "holdout", "e")
    assert (found.value, found.low) == (record.estimate.value, record.estimate.low)
    assert found.low > 0
    assert f"kd {found.value:.3g} [{found.low:.3g}, " in found.words
    assert "holdout is not used for comparison" in found.words
    assert unlike_reference([record], "other", "e") is None
    assert unlike_reference([record], "holdout", "another") is None
    # With the reference held fixed its own deviation is no noise: a random part of one set could seem another's.
    assert (
        unlike_reference([replace(record, estimate=replace(record.estimate, reference="fixed"))], "holdout", "e")
        is None
    )


@pytest.mark.slow
def test_random_halves_of_one_set_are_taken_for_what_they_are():
    """At most 2.5% of 120 are rejected: more than 8 has probability .005."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(120):
        rows = rng.normal(size=(240, 6))
        found += unlike_reference([record_of(rows[:120], rows[120:])], "holdout", "e") is not None
    assert found <= 8


def test_without_a_kernel_distance_nothing_is_known():
    rng = np.random.default_rng(0)
    record = record_of(rng.normal(size=(50, 4)), rng.normal(5, 1, size=(50, 4)))
    assert unlike_reference([replace(record, parameters={"use": "fd"})], "holdout", "e") is None
    assert unlike_reference([replace(record, estimate=None, status="failed")], "holdout", "e") is None
