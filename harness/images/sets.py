"""Image sets of one size or of many, as one thing to index, join, digest and store.

A set of one size is an array (n, H, W, C) and nothing here changes that: its digest and its shards are those of the
array. Images of sizes of their own are a `Mixed`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from harness.base import canonical_json

MIXED = "mixed"


class Mixed(Sequence[np.ndarray]):
    """Images of sizes of their own: uint8 (H, W, C) each, C = 1 or 3; indexed by number, slice, rows or mask.

    A generator's `fit` is given one where the dataset declares `image: any`. Raises ValueError for anything else than
    such images.
    """

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self._images: Sequence[np.ndarray] = tuple(_sound(image, i) for i, image in enumerate(images))

    @classmethod
    def opened(cls, read: Callable[[int], np.ndarray], n: int) -> Mixed:
        """The images `read(0)` to `read(n - 1)`, each read whenever it is asked for and not kept."""
        return cls._of(_Unread(read, range(n)))

    @classmethod
    def _of(cls, images: Sequence[np.ndarray]) -> Mixed:
        made = cls.__new__(cls)
        made._images = images
        return made

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray | Sequence[int]) -> Mixed: ...
    def __getitem__(self, index: Any) -> np.ndarray | Mixed:
        if isinstance(index, int | np.integer):
            return self._images[int(index)]
        if isinstance(index, slice):
            return Mixed._of(self._images[index])
        rows = np.asarray(index)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask of shape {rows.shape} for {len(self)} images")
            rows = np.flatnonzero(rows)
        if isinstance(self._images, _Unread):
            return Mixed._of(self._images.some(rows))
        return Mixed._of(tuple(self._images[int(row)] for row in rows))

    def held(self) -> Mixed:
        """The same images, all in memory."""
        return Mixed(self._images) if isinstance(self._images, _Unread) else self

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """(H, W, C) of each image."""
        return [(image.shape[0], image.shape[1], image.shape[2]) for image in self._images]

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return sum(image.nbytes for image in self._images)


class _Unread(Sequence[np.ndarray]):
    """Images that are read anew whenever one is asked for, so that a large set need not fit into memory."""

    def __init__(self, read: Callable[[int], np.ndarray], rows: Sequence[int]) -> None:
        self._read = read
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Unread(self._read, self._rows[index])
        return _sound(self._read(self._rows[index]), index)

    def some(self, rows: np.ndarray) -> _Unread:
        """Those at `rows`, in that order."""
        return _Unread(self._read, [self._rows[int(row)] for row in rows])


ImageSet = np.ndarray | Mixed


def joined(parts: Sequence[ImageSet]) -> ImageSet:
    """The images of all parts in order: an array where all have one shape, else a Mixed."""
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts) and len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    images = [image for part in parts for image in part]
    return np.stack(images) if len({image.shape for image in images}) == 1 else Mixed(images)


def packed(images: ImageSet) -> dict[str, np.ndarray]:
    """The arrays of one shard: `images`, or for a Mixed all `pixels` in one row beside the `shapes`, int64 (n, 3)."""
    if isinstance(images, np.ndarray):
        return {"images": images}
    return {
        "pixels": np.concatenate([image.reshape(-1) for image in images]),
        "shapes": np.array(images.shapes, dtype=np.int64).reshape(-1, 3),
    }


def unpacked(shard: Mapping[str, np.ndarray]) -> ImageSet:
    """The images of one shard as `packed` made it."""
    if "images" in shard:
        return shard["images"]
    ends = np.cumsum(shard["shapes"].prod(axis=1))
    rows = np.split(shard["pixels"], ends[:-1])
    return Mixed(row.reshape(shape) for row, shape in zip(rows, shard["shapes"].tolist(), strict=True))


def _sound(image: Any, i: int) -> np.ndarray:
    pixels = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.size
    if isinstance(image, np.ndarray) and pixels and image.shape[2] in (1, 3):
        return image
    what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise ValueError(f"image {i} must be uint8 (H, W, C) with C = 1 or 3, not {what}")


class Content:
    """The digest of `n` images that come in parts; the same however they are cut into parts.

    Of one size: SHA-256 over the canonical JSON of [n, H, W, C], a newline, and the uint8 bytes in row-major order.
    Of several: over the canonical JSON of [n, "mixed"], a newline, and for each image that of [H, W, C], a newline and
    its bytes, so that no image can lend bytes to its neighbour.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._one: Any = None
        self._many: Any = None
        self._shape: tuple[int, ...] | None = None

    @property
    def shape(self) -> list[int] | str:
        """[H, W, C] of every image so far, or "mixed"; [] before the first."""
        return MIXED if self._one is None and self._many is not None else list(self._shape or ())

    def add(self, images: ImageSet) -> None:
        """Take the next images; raises ValueError where arrays of two shapes come one after the other."""
        if self._shape is None and self._many is None and len(images):
            self._begin(images)
        if isinstance(images, np.ndarray):
            if self._many is None:
                if images.shape[1:] != self._shape:
                    raise ValueError(f"images of two shapes: {list(self._shape or ())} and {list(images.shape[1:])}")
                self._one.update(np.ascontiguousarray(images).data)
                return
        elif self._many is None and any(shape != self._shape for shape in images.shapes):
            raise ValueError(f"images of two shapes: {list(self._shape or ())} and others")
        for image in images:
            self._add(np.ascontiguousarray(image))

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        content = self._one or self._many or hashlib.sha256(self._header([MIXED]))
        return f"sha256:{content.hexdigest()}"

    def _begin(self, images: ImageSet) -> None:
        self._shape = images[0].shape
        self._one = hashlib.sha256(self._header(list(self._shape)))
        if isinstance(images, Mixed):  # whether these are of one size is known at the end only
            self._many = hashlib.sha256(self._header([MIXED]))

    def _header(self, shape: list[Any]) -> bytes:
        return canonical_json([self._n, *shape]).encode("ascii") + b"\n"

    def _add(self, image: np.ndarray) -> None:
        if self._one is not None:
            if image.shape == self._shape:
                self._one.update(image.data)
            else:
                self._one = None
        if self._many is not None:
            self._many.update(canonical_json(list(image.shape)).encode("ascii") + b"\n")
            self._many.update(image.data)
