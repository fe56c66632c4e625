"""Where FD and KD order two generators differently beyond noise, from the analyses of features."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.analyses import analyse
from harness.pipeline.distances import disagreements
from harness.uncertainty import Table
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.seeds import SeedMember

CALLS = {"fd": MetricCall("fd"), "kd": MetricCall("kd")}
D = 4


def shifted(rng: np.random.Generator, n: int) -> np.ndarray:
    """Normal rows 0.4 away: FD 0.16, KD about 0.19."""
    rows = rng.normal(size=(n, D))
    rows[:, 0] += 0.4
    return rows


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Mean and covariance of the reference, so FD 0; third moments of 2.5, of which KD sees 2.5² / D² = 0.39."""
    rare = (rng.random((n, D)) < 0.1) / 0.3 - 1 / 3  # mean 0, variance 1, third moment 8/3
    return np.sqrt(0.96) * rare + 0.2 * rng.normal(size=(n, D))


def tables(n: int, *, seed: int = 0, **generators) -> tuple[Table, Table]:
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(n, D))
    found = {
        name: analyse(CALLS, real, made(rng, n), real_seed=1, fake_seed=place, replicates=60)
        for place, (name, made) in enumerate(generators.items())
    }
    fd, kd = (
        Table(metric, {name: [SeedMember(None, 0, own[metric])] for name, own in found.items()}, True, "T_N")
        for metric in CALLS
    )
    return fd, kd


@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_item_9_a_pair_that_fd_and_kd_turn_round_beyond_noise_is_found_under_every_encoder(reference):
    under = {name: tables(1200, seed=seed, shifted=shifted, skewed=skewed) for seed, name in enumerate(("one", "two"))}
    found = disagreements(under, level=0.95, reference=reference)
    assert [(one.encoder, one.first, one.second) for one in found] == [("one", "fd", "kd"), ("two", "fd", "kd")]
    # The first metric prefers the first of a pair.
    assert [one.pairs for one in found] == [(("skewed", "shifted"),)] * 2


def test_item_9_an_order_that_is_turned_within_noise_is_no_disagreement():
    said = sum(
        bool(
            disagreements({"e": tables(40, seed=seed, shifted=shifted, skewed=skewed)}, level=0.95, reference="random")
        )
        for seed in range(8)
    )
    assert said == 0


def test_item_9_generators_alike_in_both_are_no_disagreement():
    under = {"e": tables(600, near=shifted, far=lambda rng, n: 3.0 + shifted(rng, n))}
    assert disagreements(under, level=0.95, reference="random") == ()
    assert disagreements({}, level=0.95, reference="random") == ()
