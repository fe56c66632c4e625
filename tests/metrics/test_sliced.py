"""Sliced distances: published draws and values, closed forms, and influences that are derivatives."""

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.metrics.sliced.draws import TorchDraws
from harness.metrics.sliced.mind import mind
from harness.metrics.sliced.transport import sliced
from harness.metrics.sliced.wasserstein import sliced_wasserstein
from tests.metrics.derivatives import moved


@pytest.mark.parametrize("seed", [0, 2020])
def test_draws_are_those_of_pytorch(seed):
    generator, own = torch.Generator().manual_seed(seed), TorchDraws(seed)
    for n in (1, 2, 1003):
        assert (own.permutation(n) == torch.randperm(n, generator=generator).numpy()).all()
    for shape in ((1, 16), (3, 8), (5, 7), (100, 33)):
        np.testing.assert_allclose(own.normal(*shape), torch.randn(*shape, generator=generator).numpy(), atol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(80, 80), (90, 60), (60, 90)])
def test_mind_is_the_published_definition_on_the_same_seed(m, n):
    """torch-fidelity 0.5-dev, metric_mind.py, of which 0.4 on PyPI has nothing: its steps in PyTorch."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(m, 7)), rng.normal(0.3, 1.2, size=(n, 7))
    generator = torch.Generator().manual_seed(2020)
    sides = [torch.tensor(rows, dtype=torch.float32) for rows in (real, fake)]
    least = min(m, n)
    sides = [s if len(s) == least else s[torch.randperm(len(s), generator=generator)[:least]] for s in sides]
    directions = torch.randn(200, 7, generator=generator)
    directions = directions / directions.norm(dim=1, keepdim=True)
    one, other = ((s @ directions.t()).sort(dim=0)[0] for s in sides)
    published = 3.0 * 7 * float(((one - other) ** 2).mean(dim=0).mean())
    assert mind(real, fake, directions=200) == pytest.approx(published, rel=2e-6)


def test_sliced_distance_is_that_of_pot():
    """POT 0.9.7, sliced_wasserstein_distance with 50 given directions, sets of 40 and 25 rows."""
    rng = np.random.RandomState(0)
    real, _, fake = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), rng.normal(0.5, 1.3, size=(25, 3))
    directions = rng.normal(size=(3, 50))
    directions /= np.linalg.norm(directions, axis=0)
    assert sliced(real, fake, directions.T).value ** 0.5 == pytest.approx(0.49686343112895326, rel=1e-9)


SHIFT = np.array([3.0, 4.0])


def test_a_shift_moves_the_mean_over_directions_by_its_square_over_d():
    rows = np.random.default_rng(1).normal(size=(50, 2))
    assert sliced_wasserstein(rows, rows + SHIFT, directions=4000) == pytest.approx(25 / 2, rel=0.05)
    assert mind(rows, rows + SHIFT, directions=4000) == pytest.approx(3 * 25, rel=0.05)
    assert mind(rows, rows) == 0.0


@pytest.mark.parametrize("metric", [mind, sliced_wasserstein])
def test_influences_are_derivatives(metric):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(60, 3)), rng.normal(0.4, 1.2, size=(60, 3))
    of_real, of_fake = sliced_wasserstein.influence(real, fake, directions=40)
    for i in (0, 7):
        assert moved(lambda r, f: sliced_wasserstein(r, f, directions=40), real, fake, i, "fake") == pytest.approx(
            of_fake[i], abs=0.05 * np.abs(of_fake).max()
        )
        assert moved(lambda r, f: sliced_wasserstein(r, f, directions=40), real, fake, i, "real") == pytest.approx(
            of_real[i], abs=0.05 * np.abs(of_real).max()
        )
    # Both metrics have one derivative, up to the directions and the unit.
    big = {"directions": 3000}
    ratio = mind.influence(real, fake, **big)[1] / sliced_wasserstein.influence(real, fake, **big)[1]
    assert np.median(ratio) == pytest.approx(3 * 3, rel=0.05)


def test_unusable_directions_are_refused():
    with pytest.raises(UsageError, match="`directions` is 0"):
        mind(np.eye(3), np.eye(3), directions=0)
