"""Datasets that are files of images: each split is a folder, an archive, arrays or Parquet files, or rows of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.base import UsageError
from harness.images.datasets.split import Images
from harness.images.files import all_images, open_images


class Folder:
    """A folder of image files for each split, searched with its subfolders.

    splits  name of the split → {path, labels: "folders" or None, rows: [start, stop] or None, order_seed or None}
    image   [H, W, C] that every image must have, or None for whatever the files are, of one size or of many
    """

    kind: ClassVar[str] = "folder"

    def __init__(self, *, splits: Mapping[str, Mapping[str, Any]], image: Sequence[int] | None = None) -> None:
        self.splits = splits
        self.image = image

    def load(self, split: str) -> Images:
        """The images of a split in the order of their names (or of `order_seed`).

        Where sizes differ they are read when asked for, so that a large set need not fit into memory.
        """
        if split not in self.splits:
            raise UsageError(f"the dataset has no split {split!r}; it has {', '.join(self.splits)}")
        expected = None
        if self.image is not None:
            height, width, channels = self.image
            expected = (height, width, channels)
        source = open_images(self.kind, self.splits[split], expected=expected)
        return Images(all_images(source), source.labels)


class Zip(Folder):
    """A zip of image files for each split, read without unpacking it to disk; parameters as for `Folder`."""

    kind = "zip"


class Npz(Folder):
    """An npz for each split: {path, array or None, labels: the name of an array or None, rows, order_seed}."""

    kind = "npz"


class Npy(Folder):
    """An npy for each split: {path, labels: the path of another npy or None, rows, order_seed}."""

    kind = "npy"


class Tar(Folder):
    """Tar files, such as WebDataset's shards, for each split.

    {path: a path, a list or a brace pattern, labels: "cls", "folders" or None, rows, order_seed}
    """

    kind = "tar"


class Parquet(Folder):
    """Parquet files for each split: {path as for `Tar`, column, labels: the name of a column or None, rows, …}."""

    kind = "parquet"


class Arrow(Folder):
    """A folder of Hugging Face's `save_to_disk`, or Arrow files, for each split: parameters as for `Parquet`."""

    kind = "arrow"


class Idx(Folder):
    """IDX files, MNIST's format, for each split: {images, labels or None, rows, order_seed}; `.gz` is unpacked."""

    kind = "idx"
