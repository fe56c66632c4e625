"""A generator and an encoder that cost next to nothing, so that what is measured is the harness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Waves:
    """Random colour waves; `shift` moves their mean so that generators differ."""

    def __init__(self, *, side: int = 32, shift: int = 0) -> None:
        self.side, self.shift = side, shift
        y, x = np.mgrid[0:side, 0:side] / side
        self._basis = np.stack([np.sin(2 * np.pi * (a * x + b * y)) for a in range(1, 4) for b in range(1, 3)])

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, side, side, 3), each from its own seed."""
        images = np.empty((len(seeds), self.side, self.side, 3), np.uint8)
        for image, seed in zip(images, seeds, strict=True):
            weights = np.random.default_rng(seed).normal(size=(6, 3))
            waves = np.tensordot(self._basis, weights, (0, 0)) * 20 + 128 + self.shift
            image[:] = np.clip(np.rint(waves), 0, 255)
        return images


class Blocks:
    """Mean of each of 4 × 4 blocks and three channels, float32 (n, 48)."""

    identity = {"name": "block means"}  # noqa: RUF012 - the contract asks for an attribute
    dim = 48

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Block means of uint8 (n, H, W, 3)."""
        n, height, width, _ = images.shape
        means = images.reshape(n, 4, height // 4, 4, width // 4, 3).mean(axis=(2, 4))
        return means.reshape(n, 48).astype(np.float32)
