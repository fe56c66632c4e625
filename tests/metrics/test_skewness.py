"""Kernel distances are skewed, and their standard errors move with them: the terms that say so, and what they mend."""

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.analyses import analyse
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.design import Design
from harness.uncertainty.intervals import interval
from harness.uncertainty.seeds import widened
from harness.uncertainty.variance import variance_of_sum

LINEAR = {"degree": 1, "gamma": 1.0, "coef": 0.0}  # the distance is the squared distance of the means
Z = 1.959964


def run(real, fake, use="kd", seed=0, clusters=None, **parameters) -> Analysis:
    call = {use: MetricCall(use, parameters)}
    return analyse(call, real, fake, real_seed=seed, fake_seed=seed + 1, design_fake=Design(clusters=clusters))[use]


def without(analysis: Analysis) -> Analysis:
    """As it was before the third-order terms were known: the slope is that of a squared distance."""
    return replace(analysis, form=replace(analysis.form, third_order=None))


def test_third_order_terms_of_a_squared_distance_of_means_are_those_of_its_closed_form():
    rng = np.random.default_rng(0)
    m, n, shift = 5_000, 4_000, 1.5
    real = rng.standard_normal((m, 1))
    fake = shift + 2.0 * (rng.exponential(size=(n, 1)) - 1.0)  # variance 4, third central moment 16
    found = run(real, fake, **LINEAR)
    assert found.form.third_order.third_real * m**2 == pytest.approx(0.0, abs=0.2 * (2 * shift) ** 3)
    assert found.form.third_order.third_fake * n**2 == pytest.approx((2 * shift) ** 3 * 16.0, rel=0.3)
    # Taken from 512 rows only, and two of the three rest on exponential rows.
    assert found.form.third_order.bend_real * m**2 == pytest.approx(4 * shift**2 * 1.0, rel=0.3)
    assert found.form.third_order.bend_fake * n**2 == pytest.approx(4 * shift**2 * 4.0**2, rel=0.5)
    assert found.form.third_order.bend_cross * m * n == pytest.approx(8 * shift**2 * 1.0 * 4.0, rel=0.5)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_bend_is_its_definition_over_pairs_of_different_units(clustered):
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((60, 3)), rng.gamma(2.0, 1.0, (50, 3)) - 1.0
    fake[45:] = fake[:5]  # exact copies are one unit
    labels = np.arange(50) // 5 if clustered else None
    found = run(real, fake, clusters=labels)
    assert found.units_fake == (9 if clustered else 45)  # copies of the first cluster's rows join it and the last
    unit = np.where(np.arange(50) >= 45, np.arange(50) - 45, np.arange(50)) // (5 if clustered else 1)
    k_ff, k_rf = (fake @ fake.T / 3 + 1) ** 3, (real @ fake.T / 3 + 1) ** 3
    mean = (k_ff.sum(1) - np.diag(k_ff)) / 49
    own = k_ff - mean[:, None] - mean[None, :] + mean.mean()
    cross = k_rf - k_rf.mean(1)[:, None] - k_rf.mean(0)[None, :] + k_rf.mean()
    bend = mixed = 0.0
    for i in range(50):
        psi = found.form.influence_fake[unit[i]]
        bend += sum(psi * found.form.influence_fake[unit[j]] * own[i, j] for j in range(50) if unit[i] != unit[j])
        mixed += sum(found.form.influence_real[j] * psi * cross[j, i] for j in range(60))
    third = found.form.third_order
    assert third.bend_fake == pytest.approx(bend / (50 * 49) / found.units_fake**2, rel=1e-9)
    assert found.form.third_order.bend_cross == pytest.approx(
        -2 * mixed / (50 * 60) / (60 * found.units_fake), rel=1e-9
    )


def test_the_slope_of_a_squared_distance_of_normal_means_is_that_of_the_squared_normal_mean():
    """(|gap| ± z se)² is exact there and leans by (z² + 1) variance about the unbiased gap² - variance."""
    rng = np.random.default_rng(2)
    real, fake = rng.standard_normal((500, 1)), 1.0 + rng.standard_normal((500, 1))
    spread = variance_of_sum([run(real, fake, **LINEAR)], [1.0], "random")
    variance = real.var(ddof=1) / 500 + fake.var(ddof=1) / 500
    # The slope of a squared distance is 4 variance, steeper than this 2.5; take it away to see the other.
    assert replace(spread, slope=0.0).slope_above(Z) == pytest.approx(2 * variance * (Z**2 + 1) / Z**2, rel=0.15)
    assert spread.slope == pytest.approx(4 * variance, rel=0.05)
    assert spread.slope_above(Z) == spread.slope


def test_only_the_upper_end_moves():
    rng = np.random.default_rng(6)
    found = run(rng.standard_normal((200, 8)), 0.2 + rng.gamma(2.0, 1.0, (200, 8)))
    new, old = (interval(a, level=0.95, target="T_N", reference="fixed") for a in (found, without(found)))
    assert new.low == old.low
    assert new.high > old.high + 0.02 * (old.high - old.low)


def test_intervals_of_a_scaled_distance_are_scaled():
    rng = np.random.default_rng(3)
    real, fake = rng.standard_normal((120, 2)), rng.gamma(2.0, 1.0, (120, 2))
    one, other = (
        interval(run(real, fake, "cmmd", scale=s, bandwidth=1.0), level=0.95, target="T_N", reference="random")
        for s in (1.0, 1000.0)
    )
    assert other.low == pytest.approx(1000 * one.low)
    assert other.high == pytest.approx(1000 * one.high)


@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_sampling_seeds_with_common_clusters_lean_as_one_set_does_and_independent_ones_less(reference):
    rng = np.random.default_rng(4)
    found = run(rng.standard_normal((90, 3)), rng.gamma(2.0, 1.0, (80, 3)))
    one = variance_of_sum([found], [1.0], reference).slope_above(Z)
    common = variance_of_sum([widened(found, 2.0)] * 4, [0.25] * 4, reference).slope_above(Z)
    apart = variance_of_sum([found] * 4, [0.25] * 4, reference).slope_above(Z)
    assert common == pytest.approx(one)
    assert apart < 0.9 * one
