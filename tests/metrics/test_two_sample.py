"""The test of equal distributions by MMD: its level at several bandwidths at once, its power, and where it is told."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.estimates import estimate
from harness.metrics.kernel.kernels import kernel_function
from harness.metrics.kernel.permutation import relabelled, shares
from harness.metrics.mmd import ROWS
from harness.metrics.parameters import MMD
from harness.metrics.two_sample import mmd_test


def test_the_level_holds_for_several_bandwidths_at_once():
    rng = np.random.default_rng(0)
    p = np.array([mmd_test(*_both(rng, 25, 20), permutations=99, seed=s).p for s in range(400)])
    for level in (0.05, 0.2):
        assert np.mean(p <= level) < level + 3 * np.sqrt(level * (1 - level) / len(p))
    assert abs(p.mean() - 0.5) < 3 * np.sqrt(1 / 12 / len(p))  # and it is not merely careful


def _both(rng, m, n, *, scale=1.0, shift=0.0, d=3):
    return rng.standard_normal((m, d)), rng.standard_normal((n, d)) * scale + shift


def test_the_p_is_that_of_the_smallest_p_among_all_labellings():
    real, fake = _both(np.random.default_rng(1), 30, 24, shift=0.25)
    found = mmd_test(real, fake, bandwidths=[0.3, 2.0], permutations=199, seed=5)
    kernels = [kernel_function(3, kernel="rbf", bandwidth=width) for width in (0.3, 2.0)]
    each = shares(relabelled(real, fake, kernels, permutations=199, seed=5))
    assert [scale.p for scale in found.scales] == pytest.approx(each[:, 0].tolist())
    assert found.p == pytest.approx(np.mean(each.min(axis=0) <= each[:, 0].min() + 1e-12))
    assert found.p >= min(scale.p for scale in found.scales)  # the price of choosing among bandwidths


def test_bandwidths_do_not_hang_on_the_labels():
    rng = np.random.default_rng(2)
    pooled = rng.standard_normal((ROWS + 40, 2)) * np.linspace(1, 3, ROWS + 40)[:, None]
    mixed = rng.permutation(pooled)
    one, other = (mmd_test(part[:1000], part[1000:], multiples=[1.0], permutations=99) for part in (pooled, mixed))
    assert one.scales[0].bandwidth == pytest.approx(other.scales[0].bandwidth, rel=1e-12)


def test_power_is_about_what_simulation_gives():
    rng = np.random.default_rng(3)
    told = mmd_test(*_both(rng, 700, 700, scale=1.4), permutations=199)
    seen = np.mean([mmd_test(*_both(rng, 60, 60, scale=1.4), permutations=99, seed=s).p <= 0.05 for s in range(120)])
    assert told.power(60) == pytest.approx(seen, abs=0.2)
    assert told.power(60) < told.power(120) < told.power(700)
    needed = told.rows_for(0.8)
    assert told.power(needed) >= 0.8 > told.power(needed - 1)


def test_an_estimate_of_mmd_tells_the_test_where_it_is_asked_for():
    real, fake = _both(np.random.default_rng(4), 80, 70, shift=0.8)
    plain, tested = estimate("mmd", real, fake), estimate("mmd", real, fake, permutations=99)
    assert (plain.value, plain.low, plain.high) == (tested.value, tested.low, tested.high)
    assert plain.notes == ()
    assert tested.notes[0].startswith("test of equal distributions: p = 0.01 (99 relabellings, 3 bandwidths at once)")
    again = estimate("mmd", np.concatenate([real, real[:1]]), fake, permutations=99)
    assert any("`real` rows repeat" in note for note in again.notes)


def test_too_few_relabellings_are_refused():
    with pytest.raises(UsageError, match="at least 99"):
        mmd_test(*_both(np.random.default_rng(5), 20, 20), permutations=98)
    with pytest.raises(ValueError, match="at least 99"):
        MMD(permutations=20)
