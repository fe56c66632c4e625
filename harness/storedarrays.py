"""Images in one array of an npy, npz or idx file, read by index."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from harness import archives
from harness.arrayheaders import ArrayHeader, ArrayPair, read_chunks
from harness.errors import UsageError
from harness.filelist import MAX_LABEL

Shape = tuple[int, int, int]


class StoredArrays:
    """Images in one array of a file: mapped where they lie uncompressed, else unpacked into memory once."""

    def __init__(self, held: ArrayPair) -> None:
        self._held = held
        self._array: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}

    @property
    def size(self) -> int:
        """Number of images."""
        return self._held.size

    @property
    def shape(self) -> Shape:
        """(H, W, C) of every image."""
        return self._held.shape

    @property
    def labels(self) -> np.ndarray | None:
        """The labels stored beside the images, or None; raises UsageError for labels below 0 or absurdly large."""
        stored = self._held.labels
        if stored is None:
            return None
        labels = _unpacked(stored)  # compared as they are stored: int64 would make large unsigned ones negative
        if labels.min() < 0 or labels.max() > MAX_LABEL:
            raise UsageError(
                f"{stored.path}: labels run from {labels.min()} to {labels.max()}; allowed: 0 to {MAX_LABEL}"
            )
        return labels.astype(np.int64)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`."""
        check_indices(indices, self.size)
        if self._array is None:
            self._array = _mapped(self._held.images) if self._held.images.stored else _unpacked(self._held.images)
        return np.array(self._array[np.asarray(indices, dtype=np.int64)], order="C").reshape(-1, *self.shape)


def check_indices(indices: Sequence[int], size: int) -> None:
    """Raise IndexError unless all indices are in [0, size)."""
    if len(indices) and not (min(indices) >= 0 and max(indices) < size):
        raise IndexError(f"`indices` must be in [0, {size}), found {min(indices)} to {max(indices)}")


def _mapped(header: ArrayHeader) -> np.ndarray:
    """The array as a read-only view of the file, so that a read touches only the rows it asks for."""
    start = header.start
    if header.member is not None:
        with archives.opened(header.path) as archive, header.path.open("rb") as raw:
            local = archive.getinfo(header.member).header_offset
            raw.seek(local)
            # The local header repeats the name and may carry other extra fields than the central one.
            start += local + 30 + sum(struct.unpack("<HH", raw.read(30)[26:30]))
    if start + header.nbytes > header.path.stat().st_size:
        raise UsageError(f"{header.path}: is shorter than its headers promise; fetch or make it again")
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    return np.memmap(header.path, dtype=np.dtype(header.dtype), mode="r", offset=start, shape=header.shape, order=order)


def _unpacked(header: ArrayHeader) -> np.ndarray:
    content = bytearray()
    read_chunks(header, content.extend)
    return np.frombuffer(content, dtype=header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
