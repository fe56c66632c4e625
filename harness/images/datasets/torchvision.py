"""Data sets in torchvision's layout on disk, read by torchvision; nothing is ever downloaded."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError
from harness.images import listing as imagelist
from harness.images.datasets import torchvision_layout as torchvisionfiles
from harness.images.datasets.split import Images
from harness.images.datasets.torchvision_layout import Name, Part

# What torchvision raises for files that are not what they should be; its own RuntimeError stands for a wrong MD5.
_DAMAGED = (RuntimeError, ValueError, TypeError, AssertionError, OSError, EOFError, KeyError, pickle.UnpicklingError)


def read(name: Name, root: Path, part: Part) -> Images:
    """The images of one part in torchvision's order: uint8 (n, H, W, C), and labels.

    Raises UsageError that says what to place where, for files that are absent or not what they should be.
    """
    problem = torchvisionfiles.missing(name, root, part)
    if problem is not None:
        raise UsageError(problem)
    from torchvision import datasets

    kind: Any = getattr(datasets, name)
    chosen: dict[str, Any] = {"split": part} if name in ("STL10", "SVHN") else {"train": part == "train"}
    try:
        held = kind(str(root), download=False, **chosen)
        pixels = np.asarray(held.data)
        labels = np.asarray(held.labels if hasattr(held, "labels") else held.targets).astype(np.int64)
        if name in ("STL10", "SVHN"):  # these keep channels first
            pixels = pixels.transpose(0, 2, 3, 1)
        return Images(np.ascontiguousarray(pixels if pixels.ndim == 4 else pixels[..., None]), labels)
    except _DAMAGED:
        remedy = torchvisionfiles.remedy(name, root, part)
        raise UsageError(f"{name} is damaged (torchvision rejects its files): {remedy}") from None


class Torchvision:
    """One of torchvision's data sets on disk.

    dataset  its name in `torchvision.datasets`
    root     the folder that torchvision calls `root`
    splits   name of the split → {split: train or test, rows: [start, stop] or None, order_seed or None}
    image    [H, W, C] that every image must have, or None for whatever the files say
    """

    def __init__(
        self, *, dataset: Name, root: str, splits: Mapping[str, Mapping[str, Any]], image: Sequence[int] | None = None
    ) -> None:
        self.dataset, self.root, self.splits, self.image = dataset, Path(root), splits, image

    def load(self, split: str) -> Images:
        """The images of a split, with labels, in torchvision's order (or that of `order_seed`)."""
        if split not in self.splits:
            raise UsageError(f"the dataset has no split {split!r}; it has {', '.join(self.splits)}")
        chosen = self.splits[split]
        whole = read(self.dataset, self.root, chosen["split"])
        if self.image is not None and whole.images[0].shape != tuple(self.image):
            found, declared = ("×".join(map(str, shape)) for shape in (whole.images[0].shape, self.image))
            raise UsageError(f"{self.dataset}: images are {found}, declared {declared}")
        if chosen.get("rows") is None and chosen.get("order_seed") is None:
            return whole
        where = f"{self.dataset}, {chosen['split']}"
        rows = np.asarray(imagelist.ordered(chosen.get("rows"), chosen.get("order_seed"), size=len(whole), where=where))
        assert whole.labels is not None
        return Images(whole.images[rows], whole.labels[rows])
