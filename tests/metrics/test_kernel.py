"""Kernel distance: brute force, unbiasedness, invariances."""

from dataclasses import astuple

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.estimates import estimate
from harness.metrics.kernel import published, sums, tally
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.kernel.kernels import kernel_function
from harness.metrics.kernel.published import kid_subsets
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.features import with_defaults


def pair(m=37, n=29, d=6, shift=0.4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((m, d)), rng.standard_normal((n, d)) + shift


def brute(real, fake, k):
    m, n = len(real), len(fake)
    rr = sum(k(real[i], real[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    ff = sum(k(fake[i], fake[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    rf = sum(k(x, y) for x in real for y in fake) / (m * n)
    return rr + ff - 2 * rf


def test_polynomial_equals_brute_force():
    real, fake = pair()
    expected = brute(real, fake, lambda x, y: (x @ y / 6 + 1) ** 3)
    assert kernel_distance(real, fake) == pytest.approx(expected, rel=1e-12)


def test_other_polynomial_parameters_equal_brute_force():
    real, fake = pair()
    expected = brute(real, fake, lambda x, y: (0.3 * (x @ y) + 2.0) ** 2)
    assert kernel_distance(real, fake, degree=2, gamma=0.3, coef=2.0) == pytest.approx(expected, rel=1e-12)


def test_gaussian_kernel_equals_brute_force_far_from_the_origin():
    real, fake = pair()
    expected = brute(real, fake, lambda x, y: np.exp(-((x - y) ** 2).sum() / (2 * 1.7**2)))
    value = kernel_distance(real + 1000.0, fake + 1000.0, kernel="rbf", bandwidth=1.7)
    assert value == pytest.approx(expected, rel=1e-8)


def test_block_size_changes_nothing(monkeypatch):
    real, fake = pair(200, 150)
    whole = kernel_distance(real, fake)
    monkeypatch.setattr(sums, "COLUMNS", 17)
    monkeypatch.setattr(tally, "STRIP", 5)
    assert kernel_distance(real, fake) == pytest.approx(whole, rel=1e-11)


def test_swapping_the_sets_changes_nothing():
    real, fake = pair()
    assert kernel_distance(real, fake) == pytest.approx(kernel_distance(fake, real), rel=1e-12)


def test_mean_over_sets_of_one_distribution_is_zero():
    rng = np.random.default_rng(1)
    values = [kernel_distance(rng.standard_normal((60, 5)), rng.standard_normal((40, 5))) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20
    assert min(values) < 0


def test_linear_kernel_is_the_unbiased_squared_difference_of_means():
    real, fake = pair()
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift - real.var(0, ddof=1).sum() / len(real) - fake.var(0, ddof=1).sum() / len(fake)
    assert kernel_distance(real, fake, degree=1, gamma=1.0, coef=5.0) == pytest.approx(expected, rel=1e-9)


def wide(m=300, n=260, d=512):
    """Float32 features of many columns, whose products are taken in float32."""
    rng = np.random.default_rng(2)
    spread = np.arange(1, d + 1) ** -0.6
    return [
        (0.4 + 0.02 * side + spread * rng.standard_normal((k, d))).astype(np.float32) for side, k in enumerate((m, n))
    ]


@pytest.mark.parametrize("parameters", [{}, {"kernel": "rbf", "bandwidth": 2.0}, {"degree": 2, "coef": 0.0}])
def test_float32_products_move_the_distance_less_than_they_are_said_to(parameters):
    real, fake = wide()
    function = kernel_function(real.shape[1], **parameters)
    found, exact = (sums.kernel_sums(real.astype(k), fake.astype(k), function) for k in (np.float32, np.float64))
    assert found.single
    assert not exact.single
    assert 0.0 < abs(found.distance - exact.distance) < found.rounding < 0.01 * found.least_error
    assert found.fake == pytest.approx(exact.fake, rel=1e-6)
    assert found.degenerate == pytest.approx(exact.degenerate, rel=1e-6)


def test_a_collapsed_generator_is_known_too_well_for_float32_products():
    real, fake = wide()
    fake = (fake[0] + 1e-5 * fake).astype(np.float32)
    found = sums.kernel_sums(real, fake, kernel_function(real.shape[1]))
    assert not found.single
    assert "float32" not in analyse({"kd": MetricCall("kd")}, real, fake, real_seed=0, fake_seed=1)["kd"].method


def test_features_whose_products_overflow_float32_are_taken_in_float64():
    real, fake = (rows * np.float32(1e25) for rows in wide())
    assert kernel_distance(real, fake) == pytest.approx(
        kernel_distance(real.astype(np.float64), fake.astype(np.float64)), rel=1e-12
    )


def test_the_estimate_says_which_products_were_float32():
    real, fake = wide()
    assert "(float32 products)" in estimate("kd", real, fake).method
    assert "float32" not in estimate("kd", real.astype(np.float64), fake).method


def test_products_that_are_kept_give_the_terms_that_products_taken_again_give(monkeypatch):
    real, fake = wide()

    def terms():
        return analyse({"kd": MetricCall("kd")}, real, fake, real_seed=0, fake_seed=1)["kd"].form.third_order

    kept = terms()
    monkeypatch.setattr(sums, "MOST_KEPT", 0)
    assert astuple(terms()) == pytest.approx(astuple(kept), rel=1e-5)


def test_subsets_of_one_pass_are_those_of_their_own_rows(monkeypatch):
    real, fake = wide()
    chosen = with_defaults(kid_subsets, {"subsets": 6, "subset_size": 100})
    one_by_one = published.subset_distances(real, fake, **chosen)  # all pairs would be more than those of six subsets
    monkeypatch.setattr(published, "WORTH", 100.0)
    assert published.subset_distances(real, fake, **chosen) == pytest.approx(one_by_one, rel=1e-6)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"kernel": "cosine"}, "`kernel`"),
        ({"kernel": "rbf"}, "`bandwidth`"),
        ({"kernel": "rbf", "bandwidth": 0.0}, "`bandwidth`"),
        ({"bandwidth": 1.0}, "`bandwidth`"),
        ({"degree": 0}, "`degree`"),
        ({"degree": 2.5}, "`degree`"),
        ({"gamma": -1.0}, "`gamma`"),
        ({"coef": float("nan")}, "`coef`"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameters, word):
    with pytest.raises(UsageError, match=word):
        kernel_distance(*pair(), **parameters)
