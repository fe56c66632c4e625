"""scikit-learn's handwritten digits: 1,797 real 8×8 scans, carried by the package itself, so no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from harness.base import UsageError, derive_seed
from harness.images.datasets.split import Images

# The source lists its scans writer by writer, so a cut in file order would split people, not images.
SPLITS = {"train": 597, "reference": 400, "holdout": 800}


class Digits:
    """The digits as three disjoint splits: `train` 597, `reference` 400, `holdout` 800.

    The source is the test half of the UCI "Optical Recognition of Handwritten Digits" data (Alpaydin & Kaynak 1998).
    Grey levels 0..16 become uint8 by round(x · 255 / 16). `split_seed` decides which image lands in which split.
    """

    def __init__(self, *, split_seed: int = 0) -> None:
        self.split_seed = split_seed

    def load(self, split: str) -> Images:
        """The images of `train`, `reference` or `holdout`: uint8 (n, 8, 8, 1) and labels 0..9."""
        if split not in SPLITS:
            raise UsageError(f"dataset digits has no split {split!r}; it has {', '.join(SPLITS)}")
        levels, labels = _source()
        first = sum(size for name, size in SPLITS.items() if list(SPLITS).index(name) < list(SPLITS).index(split))
        rows = self._permutation(len(labels))[first : first + SPLITS[split]]
        grey = np.rint(levels[rows] * (255 / 16)).astype(np.uint8)
        return Images(grey[..., None], labels[rows].astype(np.int64))

    def _permutation(self, n: int) -> np.ndarray:
        # Sorted by SHA-256, not drawn by numpy, whose streams may change between versions (NEP 19).
        order = sorted(range(n), key=lambda image: derive_seed(self.split_seed, "digits", image))
        return np.array(order, dtype=np.int64)


def _source() -> tuple[np.ndarray, np.ndarray]:
    """All scans in the package's order: levels 0..16 (1797, 8, 8) and labels."""
    package = importlib.util.find_spec("sklearn")
    table = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz" if package and package.origin else None
    if table is not None and table.is_file():  # read where it lies: importing the package takes over a second a process
        values = np.loadtxt(table, delimiter=",", dtype=np.int64)
        return values[:, :-1].reshape(-1, 8, 8), values[:, -1]
    from sklearn.datasets import load_digits

    source = load_digits()
    return source.images, source.target
