"""The energy-based model's chains: Langevin dynamics has the law it should, from each class's Gaussian on."""

from __future__ import annotations

import torch

from harness.generators.families.energy_network import SLOPE, Beginnings, langevin


def test_langevin_dynamics_reaches_the_gaussian_whose_energy_it_is_given():
    # E = x² / (2 v) with step s and noise √(2 s) has the stationary variance v / (1 - s / (2 v)).
    torch.manual_seed(0)
    variance, step = 0.01, 0.002
    begin = torch.full((4000, 1, 1, 1), -0.3, dtype=torch.float64)
    noises = ((2 * step) ** 0.5 * torch.randn(4000, 1, 1, 1, dtype=torch.float64) for _ in range(60))

    def energy(x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return SLOPE * x.square().sum((1, 2, 3)) / (2 * variance) / 100

    # Scaled so that no step meets the bound on a pixel's slope; step_size undoes it.
    found = langevin(energy, begin, torch.zeros(4000), noises, step_size=step * 100 / SLOPE).flatten()
    assert abs(float(found.mean())) < 4 * (variance / 4000) ** 0.5
    assert abs(float(found.var()) / (variance / (1 - step / (2 * variance))) - 1) < 4 * (2 / 4000) ** 0.5


def test_no_step_is_longer_than_its_bound():
    begin = torch.full((2, 1, 2, 2), 0.0)
    moved = langevin(lambda x, label: 1e6 * x.sum((1, 2, 3)), begin, torch.zeros(2), [0.0], step_size=2.0)
    torch.testing.assert_close(moved, begin - 2 * SLOPE)


def test_chains_begin_with_each_class_own_mean_and_spread():
    torch.manual_seed(0)
    pixels = 0.5 + 0.05 * torch.randn(200, 1, 4, 4)
    pixels[100:] += 0.2
    begin = Beginnings((4, 4, 1), 2)
    begin.fit(pixels, torch.arange(200) // 100)
    drawn = begin(torch.randn(3000, begin.rank), torch.ones(3000, dtype=torch.int64))
    torch.testing.assert_close(drawn.mean(0), pixels[100:].mean(0), rtol=0, atol=0.01)
    torch.testing.assert_close(drawn.var(0), pixels[100:].var(0), rtol=0.2, atol=0)
