"""Few clusters: degrees of freedom and the mark follow the number of independent units; refused where nothing holds."""

import re

import numpy as np
import pytest

from harness.metrics.analyses import LARGEST, analyse
from harness.uncertainty.analysis import MetricCall, NoInterval
from harness.uncertainty.design import Design
from harness.uncertainty.intervals import interval
from harness.uncertainty.sampling_units import units

CALLS = {"fd": MetricCall("fd"), "kd": MetricCall("kd")}


def drawn(rng, sizes, d=4):
    """Rows of clusters whose centres vary as much as the rows within."""
    label = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.standard_normal((len(sizes), d))
    return 1.0 + 0.7 * centres[label] + 0.7 * rng.standard_normal((len(label), d)), label


def analysed(rng, real, sizes, calls=CALLS, seed=0):
    fake, label = drawn(rng, sizes)
    return analyse(calls, real, fake, real_seed=0, fake_seed=seed, replicates=50, design_fake=Design(clusters=label))


def real_rows(m=200):
    return np.random.default_rng(9).standard_normal((m, 4))


def degrees(estimate):
    return float(re.search(r"([\d.e+]+) degrees", estimate.method)[1])


@pytest.mark.parametrize(
    ("sizes", "most"), [([20] * 4, 3.0), ([20] * 6, 5.0), ([20, 20, 20, 10, 10], 3.6), ([36] + [7] * 12, 6.7)]
)
@pytest.mark.parametrize("metric", ["fd", "kd", "precision", "recall"])
def test_degrees_of_freedom_are_those_of_the_independent_units_in_size_too(sizes, most, metric):
    calls = {metric: MetricCall(metric)}
    found = analysed(np.random.default_rng(0), real_rows(), sizes, calls)[metric]
    for reference in ("fixed", "random"):
        made = interval(found, level=0.95, target="T_N", reference=reference)
        # The reference's own part is known better, so that of a sum of both may have a few more.
        assert degrees(made) <= (most if reference == "fixed" else 2.5 * most)
        assert not made.conservative


def test_many_rows_of_their_own_keep_the_degrees_that_they_had():
    rng = np.random.default_rng(0)
    real = real_rows()
    found = analyse(CALLS, real, rng.standard_normal((100, 4)) + 1.0, real_seed=0, fake_seed=0, replicates=50)
    assert all(degrees(interval(a, level=0.95, target="T_N", reference="fixed")) > 10 for a in found.values())


@pytest.mark.parametrize("sizes", [[20] * 2, [20] * 3, [10, 20, 60], [5, 10, 15, 20, 60]])
def test_where_nothing_holds_there_is_no_interval(sizes):
    for found in analysed(np.random.default_rng(0), real_rows(), sizes).values():
        assert isinstance(found.form, NoInterval)
        assert found.form.reason.startswith(f"`clusters_fake` names {len(sizes)} clusters, of which the largest has")
        assert f"no interval holds above {LARGEST:.0%}" in found.form.reason


@pytest.mark.parametrize("sizes", [[20] * 6, [36] + [7] * 12, [30, 24, 16, 12, 8, 6, 4, 4, 3, 3]], ids=str)
def test_the_variance_of_a_mean_of_unequal_clusters_is_right_on_average(sizes):
    """Closed form: clusters of independent effects give the mean of all rows the variance Σ (n_i / n)²."""
    label = np.repeat(np.arange(len(sizes)), sizes)
    found = units(np.arange(len(label), dtype=float)[:, None], label)
    share = np.array(sizes) / len(label)
    # The variance is a square of a linear map of the effects: its average is the sum over one effect at a time.
    squares = [np.sum(found.total((label == i) - share[i]) ** 2) for i in range(len(sizes))]
    assert sum(squares) / (found.count * (found.count - 1)) == pytest.approx(np.sum(share**2), rel=1e-12)


def test_an_interval_of_few_clusters_does_not_begin_at_its_value():
    rng, real = np.random.default_rng(1), real_rows()
    for seed in range(40):  # of 300 such draws 55 did, so that the truth was missed
        found = analysed(rng, real, [36] + [7] * 12, {"kd": CALLS["kd"]}, seed=seed)["kd"]
        made = interval(found, level=0.95, target="T_N", reference="fixed")
        assert made.value - made.low > 0.2 * made.se


def test_clusters_of_the_real_side_count_as_well():
    real, label = drawn(np.random.default_rng(0), [30] * 3)
    fake = np.random.default_rng(1).standard_normal((60, 4))
    found = analyse(CALLS, real, fake, real_seed=0, fake_seed=0, replicates=50, design_real=Design(clusters=label))
    assert "`clusters_real` names 3 clusters" in found["fd"].form.reason


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[20] * 4, [20] * 6, [20, 20, 20, 10, 10], [30] + [14] * 5, [36] + [7] * 12])
def test_intervals_of_few_clusters_cover(sizes):
    """120 draws: a level of .95 gives .90 or more with probability .99; with normal quantiles .72 to .88 were seen."""
    real, rng = real_rows(), np.random.default_rng(1)
    values = {metric: [] for metric in CALLS}
    ends = {metric: [] for metric in CALLS}
    for r in range(120):
        for metric, found in analysed(rng, real, sizes, seed=r).items():
            made = interval(found, level=0.95, target="T_N", reference="fixed")
            values[metric].append(made.value)
            ends[metric].append(made.ends)
    for metric in CALLS:
        truth = np.mean(values[metric])
        assert np.mean([low <= truth <= high for low, high in ends[metric]]) >= 0.9, metric
