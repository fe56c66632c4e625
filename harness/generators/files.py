"""Generators that were run elsewhere and left files: a pool of images, taken by index and never drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.imagefiles import open_images


class Files:
    """A pool of images in files; there is no `fit`, for they are made already."""

    def __init__(self, kind: str, **parameters: Any) -> None:
        self._source = open_images(kind, parameters)

    @property
    def size(self) -> int:
        """Images in the pool, counted from names and headers."""
        return self._source.size

    def sample(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`, uint8 (n, H, W, C); raises UsageError for files that cannot be used."""
        return self._source.read([int(index) for index in indices])


class Folder(Files):
    """The images of a folder and its subfolders, in the order of their relative paths."""

    def __init__(self, *, path: str) -> None:
        super().__init__("folder", path=path)


class Zip(Files):
    """The images of a zip, in the order of their names, read without unpacking it to disk."""

    def __init__(self, *, path: str) -> None:
        super().__init__("zip", path=path)


class Npz(Files):
    """The images of an npz: `images`, else `arr_0`, else its only array, unless `array` names one."""

    def __init__(self, *, path: str, array: str | None = None) -> None:
        super().__init__("npz", path=path, array=array)
