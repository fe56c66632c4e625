"""Generators that were run elsewhere and left files: a pool of images, taken by index and never drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.base import FILES, Component, Parameters, Paths, PathText

if TYPE_CHECKING:
    from harness.images import ImageSet


class PathParameters(Parameters):
    """Where images lie, relative to the YAML file."""

    path: PathText


class ArrayParameters(PathParameters):
    """Parameters of the generator `npz`: the file, and which of its arrays where it has several."""

    array: str | None = None


class ShardParameters(Parameters):
    """Parameters of the generator `tar`: a path, a list of paths or a brace pattern."""

    path: Paths


class ColumnParameters(ShardParameters):
    """Parameters of `parquet` and `arrow`: the files, and which column holds the images, `image` by default."""

    column: str | None = None


def _files(kind: Any, parameters: type[Parameters], summary: str) -> Component:
    target = f"{__name__}:{kind.capitalize()}"
    return Component("generators", kind, target, summary, parameters, libraries=FILES, pool="files", files=kind)


FOLDER = _files("folder", PathParameters, "the images in a folder")
ZIP = _files("zip", PathParameters, "the images in a zip archive")
NPZ = _files("npz", ArrayParameters, "the images in a NumPy archive")
NPY = _files("npy", PathParameters, "the images in a NumPy file")
TAR = _files("tar", ShardParameters, "the images in tar files, WebDataset's shards")
PARQUET = _files("parquet", ColumnParameters, "a column of images in Parquet files")
ARROW = _files("arrow", ColumnParameters, "a column of images as Hugging Face's save_to_disk leaves it")


class Files:
    """A pool of images in files; there is no `fit`, for they are made already."""

    def __init__(self, kind: str, **parameters: Any) -> None:
        from harness.images import open_images

        self._source = open_images(kind, parameters)

    @property
    def size(self) -> int:
        """Images in the pool, counted from names and headers."""
        return self._source.size

    @property
    def names(self) -> tuple[str, ...] | None:
        """The file name of each image of the pool; None where images have places only, as in an array or a table."""
        return self._source.names

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
