"""Where the images of a published value lie on this machine, or exactly what to place where. Downloads nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.encoders import weights
from harness.images import torchvision as torchvisionsets
from harness.studies.selftest.catalogue import Draw, FileSet, TorchvisionSet


def default_folder() -> Path:
    """Where public data sets lie: `$HARNESS_DATA`, else `harness/data` in the user's cache folder."""
    return weights.cache_folder("HARNESS_DATA", "data")


def locate(given: FileSet | TorchvisionSet, folder: Path, scratch: Path) -> Path:
    """A folder or file that holds the set; what torchvision reads is written to `scratch` as an npz first.

    Raises UsageError that says what to place where, for data that are absent or not what they should be.
    """
    if isinstance(given, TorchvisionSet):
        return _from_torchvision(given, folder, scratch)
    path = folder / given.file
    if not path.exists():
        where = f"; place {given.url} there" if given.url else ""
        raise UsageError(f"{path}: not found{where}")
    return path


def drawn(images: npt.NDArray[np.uint8], draw: Draw | None) -> npt.NDArray[np.uint8]:
    """The images that a draw takes, in the order of the whole set: numbered files are read in order of their names.

    Raises UsageError for a draw of more images than there are.
    """
    if draw is None:
        return images
    if draw.n > len(images):
        raise UsageError(f"a draw of {draw.n} images from {len(images)}")
    return images[np.sort(np.random.RandomState(draw.seed).choice(len(images), draw.n, replace=False))]


def _from_torchvision(given: TorchvisionSet, folder: Path, scratch: Path) -> Path:
    images = torchvisionsets.read(given.dataset, folder, given.split).images
    # Two draws of one set may differ in their seed alone.
    taken = f"{given.draw.n}-seed-{given.draw.seed}" if given.draw else "all"
    path = scratch / f"{given.dataset}-{given.split}-{taken}.npz"
    if not path.exists():
        np.savez(path, images=drawn(np.asarray(images), given.draw))
    return path
