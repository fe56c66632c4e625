"""What models of uint8 levels share: a level's probability under a logistic, bits per dimension, dequantisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import logsigmoid

from harness.base import derive_seed
from harness.generators.contract import image_rng

if TYPE_CHECKING:
    import numpy as np

HALF = 0.5 / 255  # of a level, where pixels are in [0, 1]


def level_log_probability(pixels: torch.Tensor, mean: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """Log-probability of each pixel's level 0..255 under a logistic distribution, rounded: Salimans et al. 2017, eq. 2.

    `pixels` are levels / 255. Level 0 has all that is below its upper edge, level 255 all above its lower, so that the
    256 probabilities sum to 1 whatever the mean and scale. Shapes broadcast.
    """
    upper = (pixels - mean + HALF) / log_scale.exp()
    lower = (pixels - mean - HALF) / log_scale.exp()
    # log(σ(u) - σ(l)) = log σ(u) + log σ(-l) + log(1 - e^(l-u)), exact however far in the tail both are.
    inside = logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    log_probability = torch.where(pixels <= HALF, logsigmoid(upper), inside)
    return torch.where(pixels >= 1 - HALF, logsigmoid(-lower), log_probability)


def as_bits_per_dim(log_probability: torch.Tensor, dimensions: int) -> torch.Tensor:
    """Negative natural log-likelihoods of whole images as bits per dimension."""
    return -log_probability / (dimensions * math.log(2))


def dequantised(images: np.ndarray) -> torch.Tensor:
    """Uint8 NHWC as float64 NCHW in (0, 1): level k lies anywhere in [k, k + 1) / 256, by a fixed seed for each image.

    The mean log-density of dequantised images is a lower bound of the levels' log-probability (Theis et al. 2016).
    """
    import numpy as np

    noise = [image_rng(derive_seed("dequantised", row)).random(images.shape[1:]) for row in range(len(images))]
    levels = images + np.array(noise).reshape(images.shape)
    return torch.from_numpy(levels / 256).permute(0, 3, 1, 2).contiguous()
