"""Crops of the two colour photographs that scikit-learn carries: for audits of preprocessing, offline.

Crops of one photograph overlap and are no independent draws: fit to show what a resize does, not to rank generators.
"""

from __future__ import annotations

import numpy as np

from harness.base import UsageError, derive_seed
from harness.images.datasets.split import Images

SPLITS = {"train": 300, "reference": 300, "holdout": 600}


class Photographs:
    """`train` 300, `reference` 300, `holdout` 600 square crops of `side` pixels, where `split_seed` puts them.

    The photographs, china.jpg and flower.jpg, are scikit-learn's `load_sample_images` (CC BY, see its README).
    """

    def __init__(self, *, split_seed: int = 0, side: int = 112) -> None:
        self.split_seed, self.side = split_seed, side

    def load(self, split: str) -> Images:
        """The crops of a split: uint8 (n, side, side, 3), labels 0 and 1 for the photograph."""
        if split not in SPLITS:
            raise UsageError(f"dataset photographs has no split {split!r}; it has {', '.join(SPLITS)}")
        from sklearn.datasets import load_sample_images

        photographs = load_sample_images().images
        height, width = photographs[0].shape[:2]
        if self.side > min(height, width):
            raise UsageError(f"dataset photographs: side is {self.side}; at most {min(height, width)}")
        crops, labels = [], []
        for i in range(SPLITS[split]):
            seeds = [derive_seed(self.split_seed, "photographs", split, i, axis) for axis in ("top", "left")]
            top, left = seeds[0] % (height - self.side + 1), seeds[1] % (width - self.side + 1)
            crops.append(photographs[i % 2][top : top + self.side, left : left + self.side])
            labels.append(i % 2)
        return Images(np.stack(crops), np.array(labels, np.int64))
