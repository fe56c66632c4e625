"""Generators that were run elsewhere and left files: a pool of images, taken by index and never drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.images import ImageSet, open_images


class Files:
    """A pool of images in files; there is no `fit`, for they are made already."""

    def __init__(self, kind: str, **parameters: Any) -> None:
        self._source = open_images(kind, parameters)

    @property
    def size(self) -> int:
        """Images in the pool, counted from names and headers."""
        return self._source.size

    def sample(self, indices: Sequence[int]) -> ImageSet:
        """The images at `indices`, uint8 (n, H, W, C), or a Mixed where the pool's sizes differ.

        Raises UsageError for files that cannot be used.
        """
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


class Npy(Files):
    """The images of an npy file, one array."""

    def __init__(self, *, path: str) -> None:
        super().__init__("npy", path=path)


class Tar(Files):
    """The images of tar files, such as WebDataset's shards: a path, a list or a brace pattern."""

    def __init__(self, *, path: str | Sequence[str]) -> None:
        super().__init__("tar", path=path)


class Parquet(Files):
    """The encoded images of a column of Parquet files, `image` unless `column` names one; paths as for `Tar`."""

    def __init__(self, *, path: str | Sequence[str], column: str | None = None) -> None:
        super().__init__("parquet", path=path, column=column)


class Arrow(Files):
    """The same of a folder of Hugging Face's `save_to_disk`, or of Arrow files."""

    def __init__(self, *, path: str | Sequence[str], column: str | None = None) -> None:
        super().__init__("arrow", path=path, column=column)
