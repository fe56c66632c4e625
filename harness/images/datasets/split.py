"""Real images: a dataset has named splits, and each split has one content digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from harness.base import canonical_json
from harness.images.sets import Content, ImageSet, Mixed


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images of one split, in a fixed order, with their class labels where the source has them.

    images  uint8 (n, H, W, C), C is 1 or 3; a Mixed, or a list of uint8 (H, W, C), where images have sizes of their own
    labels  int64 (n,), not negative, or None
    """

    images: ImageSet
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        if isinstance(self.images, list | tuple):
            object.__setattr__(self, "images", Mixed(self.images))
        if isinstance(self.images, Mixed):
            pass  # each image was checked when it was made
        elif self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] not in (1, 3):
            raise ValueError(
                f"`images` must be uint8 (n, H, W, C) with C = 1 or 3, not {self.images.dtype} {self.images.shape}"
            )
        if self.labels is None:
            return
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.images),):
            raise ValueError(
                f"`labels` must be int64 ({len(self.images)},), not {self.labels.dtype} {self.labels.shape}"
            )
        if len(self.labels) and self.labels.min() < 0:
            raise ValueError(f"`labels` must not be negative, found {self.labels.min()}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> list[int] | None:
        """Images per label 0, 1, 2, …, up to the largest label present; None without labels."""
        return None if self.labels is None else np.bincount(self.labels).tolist()


PART_BYTES = 16 * 2**20
FIRST_PART, PART = 16, 4096  # images: a few first, to see how large they are


@dataclass(frozen=True, slots=True, eq=False)
class OpenSplit:
    """A split that is read in parts, so that it need not fit into memory.

    size    number of images
    labels  int64 (n,), not negative, or None
    read    the images at some indices, in that order
    """

    size: int
    labels: np.ndarray | None
    read: Callable[[Sequence[int]], ImageSet]

    @classmethod
    def of(cls, images: Images) -> OpenSplit:
        """A split that is in memory already."""
        return cls(len(images), images.labels, lambda rows: images.images[np.asarray(rows, np.int64)])

    def parts(self, rows: Sequence[int] | None = None) -> Iterator[tuple[Sequence[int], ImageSet]]:
        """The images at `rows` (None: all) in their order, cut into parts of at most 16 MiB, each with its rows.

        Images of sizes of their own come sixteen at a time, for they may be photographs of 100 MB each.
        """
        rows = range(self.size) if rows is None else rows
        start, step = 0, FIRST_PART
        while start < len(rows):
            some = rows[start : start + step]
            part = self.read(some)
            yield some, part
            start += step
            if isinstance(part, np.ndarray):
                step = max(1, min(PART, PART_BYTES // part[0].nbytes))


@runtime_checkable
class Dataset(Protocol):
    """Named splits of real images."""

    def load(self, split: str) -> Images:
        """The images of a split: the same bytes in the same order at every call.

        Raises UsageError for a split that the dataset does not have, naming those it has.
        """
        ...


def content_digest(images: ImageSet) -> str:
    """The digest of an image set as `datasets.yaml` spells it: `sha256:` and 64 hex digits.

    Hashed are the canonical JSON of [n, H, W, C], a newline, and the uint8 bytes in row-major order, so that neither a
    reshaped nor a reordered set has the digest of the original. A Mixed of several sizes is hashed image by image, see
    `harness.images.sets.Content`; of one size it has the digest of the array.
    """
    if isinstance(images, Mixed):
        content = Content(len(images))
        content.add(images)
        return content.digest
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"`images` must be uint8 (n, H, W, C), not {images.dtype} {images.shape}")
    summed = hashlib.sha256(canonical_json(list(images.shape)).encode("ascii") + b"\n")
    summed.update(np.ascontiguousarray(images).data)
    return f"sha256:{summed.hexdigest()}"
