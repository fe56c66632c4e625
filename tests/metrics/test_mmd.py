"""MMD of several bandwidths: the mean of its parts, the median of the real rows, and what one bandwidth gives."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.mmd import median_distance, mmd
from harness.uncertainty.analysis import MetricCall


def sets():
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 4)), rng.normal(0.5, 1.2, size=(70, 4))


def test_it_is_the_mean_over_bandwidths_in_units_of_the_median_distance_of_real_rows():
    real, fake = sets()
    median = np.median(pdist(real))
    assert median_distance(real) == pytest.approx(median)
    each = [kernel_distance(real, fake, kernel="rbf", bandwidth=by * median) for by in (0.5, 1.0, 2.0)]
    assert mmd(real, fake) == pytest.approx(np.mean(each))
    assert mmd(real, fake, bandwidths=[0.7]) == pytest.approx(kernel_distance(real, fake, kernel="rbf", bandwidth=0.7))


def test_the_analysis_of_one_bandwidth_is_that_of_the_kernel_distance():
    real, fake = sets()
    calls = {
        "mmd": MetricCall("mmd", {"bandwidths": [1.5]}),
        "kd": MetricCall("kd", {"kernel": "rbf", "bandwidth": 1.5}),
    }
    one, other = analyse(calls, real, fake, real_seed=0, fake_seed=1).values()
    assert one.value == pytest.approx(other.value)
    np.testing.assert_allclose(one.form.influence_fake, other.form.influence_fake)
    assert one.form.second_order_cross == pytest.approx(other.form.second_order_cross)
    assert one.form.third_order.bend_fake == pytest.approx(other.form.third_order.bend_fake)


def test_bandwidths_that_are_not_positive_and_sets_without_a_median_are_refused():
    real, fake = sets()
    with pytest.raises(UsageError, match="all positive"):
        mmd(real, fake, bandwidths=[1.0, 0.0])
    with pytest.raises(UsageError, match="mostly equal"):
        mmd(np.ones((5, 2)), fake[:, :2])
