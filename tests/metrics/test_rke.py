"""RKE counts groups, bounds the Vendi score from below, and knows its derivative."""

import numpy as np
import pytest

from harness.metrics.diversity import vendi
from harness.metrics.rke import rke
from tests.metrics.derivatives import moved


def test_so_many_groups_of_equal_images_score_their_number():
    groups = np.repeat(np.eye(6), 4, axis=0)
    assert rke(groups, groups) == pytest.approx(6.0)
    assert rke(groups, groups, bandwidth=0.05) == pytest.approx(6.0)


@pytest.mark.parametrize("n", [10, 80])  # fewer and more rows than columns
def test_it_is_the_frobenius_norm_of_the_kernel_matrix_and_below_vendi(n):
    rows = np.random.default_rng(0).normal(0.5, 1, size=(n, 20))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert rke(rows, rows) == pytest.approx(1 / np.sum((unit @ unit.T / n) ** 2))
    assert rke(rows, rows) < vendi(rows, rows)
    squared = ((rows[:, None] - rows) ** 2).sum(-1)
    assert rke(rows, rows, bandwidth=3.0) == pytest.approx(1 / np.mean(np.exp(-squared / 18) ** 2))


@pytest.mark.parametrize("bandwidth", [None, 2.0])
def test_its_influence_is_its_derivative(bandwidth):
    fake = np.random.default_rng(1).normal(0.3, 1, size=(50, 4))
    _, of_fake = rke.influence(fake, fake, bandwidth=bandwidth)
    change = moved(lambda r, f: rke(r, f, bandwidth=bandwidth), fake, fake, 3, "fake")
    assert change == pytest.approx(of_fake[3], rel=0.02)
