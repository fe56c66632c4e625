"""Datasets that are files of images: each split is a folder, an archive, arrays or Parquet files, or rows of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.base import UsageError
from harness.images.datasets.split import Images, OpenSplit
from harness.images.files import ImageSource, all_images, open_images


class ImageFiles:
    """Files of images for each split, in a container of one kind.

    kind    its name in `images/formats`: folder, zip, npz, npy, idx, tar, parquet, arrow …
    splits  name of the split → the container's own parameters (path, labels …), rows: [start, stop] or None, order_seed
    image   [H, W, C] that every image must have, or None for whatever the files are, of one size or of many
    """

    def __init__(
        self, kind: str, *, splits: Mapping[str, Mapping[str, Any]], image: Sequence[int] | None = None
    ) -> None:
        self.kind = kind
        self.splits = splits
        self.image = image

    def load(self, split: str) -> Images:
        """The images of a split in the order of their names (or of `order_seed`).

        Where sizes differ they are read when asked for, so that a large set need not fit into memory.
        """
        source = self._source(split)
        return Images(all_images(source), source.labels)

    def open(self, split: str) -> OpenSplit:
        """The same images, none of them read yet."""
        source = self._source(split)
        return OpenSplit(source.size, source.labels, source.read)

    def _source(self, split: str) -> ImageSource:
        if split not in self.splits:
            raise UsageError(f"the dataset has no split {split!r}; it has {', '.join(self.splits)}")
        expected = None
        if self.image is not None:
            height, width, channels = self.image
            expected = (height, width, channels)
        return open_images(self.kind, self.splits[split], expected=expected)
