"""Kernel distance: brute force, unbiasedness, invariances."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.kernel import distance as kernel
from harness.metrics.kernel.distance import kernel_distance


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
    monkeypatch.setattr(kernel, "BLOCK_ROWS", 17)
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
