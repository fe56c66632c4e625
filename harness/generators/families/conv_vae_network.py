"""The two networks of `conv_vae`, as one module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import one_hot

from harness.generators.families.parts_pixels import level_log_probability


class Autoencoder(nn.Module):
    """Images (n, C, H, W) in [-1, 1] and classes (n,) ⇄ latents (n, d)."""

    def __init__(self, shape: Sequence[int], classes: int, *, latent: int, width: int) -> None:
        super().__init__()
        height, across, channels = shape
        small = (2 * width, height // 4, across // 4)
        flat = small[0] * small[1] * small[2]
        self.classes = classes
        self.down = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
        )
        self.posterior = nn.Linear(flat + classes, 2 * latent)
        self.up = nn.Sequential(
            nn.Linear(latent + classes, flat),
            nn.SiLU(),
            nn.Unflatten(1, small),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )
        self.log_scale = nn.Parameter(torch.tensor(-1.3))  # of the logistic of every pixel

    def encode(self, pixels: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of q(z | x, y), (n, d) each."""
        seen = torch.cat([self.down(pixels / 2), one_hot(label, self.classes).to(pixels)], dim=1)
        mean, log_variance = self.posterior(seen).chunk(2, dim=1)
        return mean, log_variance

    def mean(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The pixels around which p(x | z, y) lies, not clipped to [-1, 1]."""
        decoded: torch.Tensor = self.up(torch.cat([z, one_hot(label, self.classes).to(z)], dim=1))
        return decoded

    def log_likelihood(self, pixels: torch.Tensor, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """log p(x | z, y) of the 256 levels, (n,)."""
        return level_log_probability(pixels, self.mean(z, label), self.log_scale).flatten(1).sum(1)
