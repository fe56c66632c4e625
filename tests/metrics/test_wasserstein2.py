"""The 2-Wasserstein distance: POT's values, its dual, its bound by FD, and its derivatives."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.wasserstein2 import wasserstein2


def sets():
    rng = np.random.RandomState(0)
    return rng.normal(size=(40, 3)), rng.normal(0.5, 1.3, size=(40, 3))


def test_exact_and_entropic_costs_are_those_of_pot():
    """POT 0.9.7: emd2, and <P, C> + ε KL(P | uniform) of sinkhorn_log's plan at ε a tenth of the mean cost."""
    assert wasserstein2(*sets()) == pytest.approx(1.4257218072971576, rel=1e-9)
    assert wasserstein2(*sets(), regularisation=0.1) == pytest.approx(3.319368788967397, rel=1e-5)


def test_a_shift_costs_its_square_and_never_less_than_the_distance_of_gaussians():
    real, fake = sets()
    assert wasserstein2(real, real[::-1] + np.array([3.0, 4.0, 0.0])) == pytest.approx(25.0)
    # Gelbrich: with covariances over n, FD of the same rows is a lower bound.
    assert wasserstein2(real, fake) > frechet_distance(np.tile(real, (200, 1)), np.tile(fake, (200, 1)))


@pytest.mark.parametrize("regularisation", [None, 0.2])
def test_influences_are_potentials_and_derivatives(regularisation):
    real, fake = sets()
    of_real, of_fake = wasserstein2.influence(real, fake, regularisation=regularisation)
    assert of_real.mean() == pytest.approx(0.0, abs=1e-9)
    # Three copies of every row cost the same; one row of them moved to another's place moves it by the derivative.
    thrice, value = np.repeat(fake, 30, axis=0), wasserstein2(real, fake, regularisation=regularisation)
    there = np.repeat(real, 30, axis=0)
    thrice[30 * 3] = fake[5]
    now = wasserstein2(there, thrice, rows=2000, regularisation=regularisation)
    assert (now - value) * 1200 == pytest.approx(of_fake[5] - of_fake[3], abs=0.1 * np.ptp(of_fake))


def test_of_larger_sets_a_random_part_is_paired():
    real, fake = sets()
    assert wasserstein2(real, fake, rows=20, seed=1) != wasserstein2(real, fake, rows=20, seed=2)
    assert wasserstein2(real, fake[:25], seed=1) == wasserstein2(real, fake[:25], seed=1)
    of_real, of_fake = wasserstein2.influence(real, fake[:25])
    assert ((of_real != 0).sum(), (of_fake != 0).sum()) == (25, 25)


def test_a_regularisation_that_is_not_positive_is_refused():
    with pytest.raises(UsageError, match="must be positive"):
        wasserstein2(*sets(), regularisation=-1.0)
