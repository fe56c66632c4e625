"""What models of uint8 levels share: a level's probability under a logistic, bits per dimension."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import logsigmoid

HALF = 1 / 255  # of a level, where pixels are in [-1, 1]


def level_log_probability(pixels: torch.Tensor, mean: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """Log-probability of each pixel's level 0..255 under a logistic distribution, rounded: Salimans et al. 2017, eq. 2.

    `pixels` are levels / 127.5 - 1. Level 0 has all that is below its upper edge, level 255 all above its lower, so
    that the 256 probabilities sum to 1 whatever the mean and scale. Shapes broadcast.
    """
    upper = (pixels - mean + HALF) / log_scale.exp()
    lower = (pixels - mean - HALF) / log_scale.exp()
    # log(σ(u) - σ(l)) = log σ(u) + log σ(-l) + log(1 - e^(l-u)), exact however far in the tail both are.
    inside = logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    log_probability = torch.where(pixels <= HALF - 1, logsigmoid(upper), inside)
    return torch.where(pixels >= 1 - HALF, logsigmoid(-lower), log_probability)


def as_bits_per_dim(log_probability: torch.Tensor, dimensions: int) -> torch.Tensor:
    """Negative natural log-likelihoods of whole images as bits per dimension."""
    return -log_probability / (dimensions * math.log(2))
