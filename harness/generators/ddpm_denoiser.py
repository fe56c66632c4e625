"""The network of `ddpm`: clean pixels from noisy ones."""

from __future__ import annotations

import math

import torch
from torch import nn


class Denoiser(nn.Module):
    """Predicts the clean pixels from noisy ones (n, d) and their time (n,) in [0, 1]."""

    def __init__(self, pixels: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        f64 = torch.float64
        self.enter = nn.Linear(pixels + 12, hidden, dtype=f64)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden, dtype=f64),
                nn.Linear(hidden, hidden, dtype=f64),
                nn.SiLU(),
                nn.Linear(hidden, hidden, dtype=f64),
            )
            for _ in range(3)
        )
        self.leave = nn.Linear(hidden, pixels, dtype=f64)
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.normal_(0.0, (1 / layer.in_features) ** 0.5, generator=generator)
                    layer.bias.zero_()
            self.leave.weight.zero_()

    def forward(self, noisy: torch.Tensor, moment: torch.Tensor) -> torch.Tensor:
        """The clean pixels (n, d)."""
        angles = moment[:, None] * math.pi * 2.0 ** torch.arange(6, dtype=moment.dtype)
        rows = self.enter(torch.cat([noisy, angles.sin(), angles.cos()], dim=1))
        for block in self.blocks:
            rows = rows + block(rows)
        clean: torch.Tensor = self.leave(nn.functional.silu(rows))
        return clean
