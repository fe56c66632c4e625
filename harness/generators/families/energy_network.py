"""The network of `energy`, the Gaussians its chains begin from, and the chains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

RANK = 16  # principal components of each class that chains begin with
SLOPE = 0.015  # the largest step's share of step_size for a pixel: keeps a steep energy from throwing chains away


class EnergyNetwork(nn.Module):
    """Energies (n,) of images (n, C, H, W) in [-1, 1], given their classes (n,)."""

    def __init__(self, shape: Sequence[int], classes: int, *, width: int) -> None:
        super().__init__()
        height, across, channels = shape
        self.begin = Beginnings(shape, classes)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(4 * width * -(-height // 8) * -(-across // 8), classes),
        )

    def forward(self, images: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The energies, one output of the network for each class."""
        energies: torch.Tensor = self.layers(images).gather(1, label[:, None])[:, 0]
        return energies


class Beginnings(nn.Module):
    """Where chains begin: draws from each class's Gaussian along its RANK leading principal components."""

    mean: torch.Tensor
    factor: torch.Tensor

    def __init__(self, shape: Sequence[int], classes: int) -> None:
        super().__init__()
        height, across, channels = shape
        self.shape, self.rank = (channels, height, across), RANK
        size = channels * height * across
        self.register_buffer("mean", torch.zeros(classes, size))
        self.register_buffer("factor", torch.zeros(classes, RANK, size))

    def fit(self, pixels: torch.Tensor, classes: torch.Tensor) -> None:
        """Take mean and components from images (n, C, H, W) and their classes."""
        for own in sorted(set(classes.tolist())):
            rows = pixels[classes == own].flatten(1)
            self.mean[own] = rows.mean(0)
            _, spread, axes = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
            known = min(RANK, len(spread))
            self.factor[own, :known] = spread[:known, None] * axes[:known] / len(rows) ** 0.5

    def forward(self, normal: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Images (n, C, H, W) from normal numbers (n, RANK) and classes."""
        drawn = self.mean[label] + torch.einsum("nr,nrd->nd", normal, self.factor[label])
        return drawn.clamp(-1, 1).reshape(-1, *self.shape)


def langevin(
    network: nn.Module, images: torch.Tensor, label: torch.Tensor, noises: Iterable[torch.Tensor], *, step_size: float
) -> torch.Tensor:
    """Where chains end that begin at `images`, one step for each of the `noises`: Du & Mordatch 2019, eq. 3."""
    for noise in noises:
        with torch.enable_grad():
            images = images.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(network(images, label).sum(), images)
        images = (images.detach() - step_size * slope.clamp(-SLOPE, SLOPE) + noise).clamp(-1, 1)
    return images.detach()
