"""Image files of any declared kind as one thing: a number of images of one size or of many, read by index."""

from __future__ import annotations

import io
import mmap
import os
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, Literal

import numpy as np

from harness.base import UsageError
from harness.images import listing as imagelist
from harness.images.decode import MAX_FILE_BYTES, UnusableError, decode, header
from harness.images.formats import zip as archives
from harness.images.formats.arrays import ArrayHeader, ArrayPair, read_chunks
from harness.images.formats.names import MAX_LABEL, FileList, refuse
from harness.images.sets import ImageSet, Mixed

# How many files are looked at, once one is bad, to say how many more are.
CHECKED_AFTER_FAILURE = 2_000
FEW = 0.1  # share of a set up to which files of other sizes are named


def open_images(kind: str, parameters: Mapping[str, Any], *, expected: Shape | None = None) -> ImageSource:
    """The images that files of a `kind` declare (parameters as its container has them), none read yet.

    `expected` (H, W, C) is what the declaration says they are. With it, files of the other channel count are taken
    where nothing is lost: grey repeated to RGB, RGB of equal channels as grey. Without it, sizes may differ, and one
    RGB file makes the set RGB: repeated grey is the same grey again under a recipe's `channels: grey`.
    """
    held = imagelist.listing(kind, parameters)
    source: StoredArrays | StoredFiles
    if isinstance(held, ArrayPair):
        source = StoredArrays(held)
        if expected is not None and source.shape != expected:
            raise UsageError(f"{held.images.path}: images are {_spell(source.shape)}, declared {_spell(expected)}")
    else:
        source = StoredFiles(held, expected=expected)
    if parameters.get("rows") is None and parameters.get("order_seed") is None:
        return source
    return Selection(source, imagelist.selected(kind, parameters, held.size))


def all_images(source: ImageSource) -> ImageSet:
    """All images of a source: an array where they have one size, else a Mixed that reads each when it is asked for."""
    if source.shape is not None:
        return source.read(range(source.size))
    return Mixed.opened(partial(_one_image, source), source.size)


def _one_image(source: ImageSource, index: int) -> np.ndarray:
    return source.read([index])[0]


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
    def names(self) -> None:
        """Images of an array have places, no names."""
        return None

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
        images = np.array(self._array[np.asarray(indices, dtype=np.int64)], order="C").reshape(-1, *self.shape)
        _let_go(self._array)
        return images


class StoredFiles:
    """Image files in a folder, zip, tar or Parquet file, opened one at a time; none is unpacked as a whole."""

    def __init__(self, held: FileList, *, expected: Shape | None = None) -> None:
        self._held = held
        self._expected = expected
        self._surveyed: tuple[tuple[int, int] | None, int] | None = None
        self._archive: zipfile.ZipFile | None = None
        self._opened_by = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}

    @property
    def size(self) -> int:
        """Number of image files."""
        return self._held.size

    @property
    def names(self) -> tuple[str, ...] | None:
        """The name of each file, or None where images are rows of a table."""
        return self._held.file_names

    @property
    def labels(self) -> np.ndarray | None:
        """The class of each file, or None."""
        return None if self._held.labels is None else np.array(self._held.labels, dtype=np.int64)

    @property
    def shape(self) -> Shape | None:
        """(H, W, C) of every image, None where sizes differ, from one pass over the headers of all files.

        Raises UsageError for files that are no images or not of the expected size.
        """
        size, channels = self._survey()
        return None if size is None else (*size, channels)

    def read(self, indices: Sequence[int]) -> ImageSet:
        """The images at `indices`, decoded in that order: an array where all of the source have one size."""
        check_indices(indices, self.size)
        shape = self.shape
        if shape is None:
            return Mixed([self._taken(index) for index in indices])
        images = np.empty((len(indices), *shape), dtype=np.uint8)
        for row, index in enumerate(indices):
            images[row] = self._taken(index)
        return images

    def _taken(self, index: int) -> np.ndarray:
        try:
            return self._decoded(self._held.names[index])
        except UnusableError as error:
            raise self._refusal(index, str(error)) from error

    def _decoded(self, name: str) -> np.ndarray:
        size, channels = self._survey()
        pixels = decode(self._content(name))
        return _fitted(pixels, size or (pixels.shape[0], pixels.shape[1]), channels)

    def _refusal(self, index: int, reason: str) -> UsageError:
        """The refusal of one file, with the number of other bad ones, so that they can all be mended at once."""
        problems = [(self._held.names[index], reason)]
        for name in self._held.names[:CHECKED_AFTER_FAILURE]:
            if name != self._held.names[index]:
                try:
                    self._decoded(name)
                except UnusableError as error:
                    problems.append((name, str(error)))
        some = self.size > CHECKED_AFTER_FAILURE
        return refuse(
            self._held.path, problems, files=f"first {CHECKED_AFTER_FAILURE} files" if some else "files there"
        )

    def _survey(self) -> tuple[tuple[int, int] | None, int]:
        """The one size of all files, None where there are several, and the number of channels."""
        if self._surveyed is not None:
            return self._surveyed
        sizes: dict[tuple[int, int], list[str]] = {}
        channels = set()
        problems = []
        flaws = []
        for name in self._held.names:
            try:
                with self._opened(name) as (stream, _):
                    read = header(stream)
            except UnusableError as error:
                problems.append((name, str(error)))
                continue
            height, width = read.height, read.width
            sizes.setdefault((height, width), []).append(name)
            channels.add(read.channels)
            if read.flaw is not None:
                flaws.append((name, read.flaw))
            if self._expected is not None and (height, width) != self._expected[:2]:
                text = (
                    f"is {_spell((height, width))}, declared {_spell(self._expected[:2])}; set `image: "
                    "any` to allow all sizes"
                )
                problems.append((name, text))
        if problems:
            raise refuse(self._held.path, problems)
        if flaws:
            (name, flaw), *_ = flaws
            warnings.warn(
                f"{self._held.path}: {len(flaws)} of {self.size} files have damage outside their "
                f"pixels and were read, such as {name!r} ({flaw})",
                stacklevel=2,
            )
        if odd := _odd_sizes(sizes):
            warnings.warn(f"{self._held.path}: {odd}", stacklevel=2)
        one = next(iter(sizes)) if len(sizes) == 1 else None
        self._surveyed = one, max(channels) if self._expected is None else self._expected[2]
        return self._surveyed

    def _content(self, name: str) -> bytes:
        with self._opened(name) as (stream, size):
            # A bounded read: what a zip entry declares is checked, what it would unpack to is not known beforehand.
            content = stream.read(size + 1)
        if len(content) != size:
            raise UnusableError(f"is damaged ({len(content)} bytes where {size} are declared); recreate it")
        return content

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """The file's bytes and their number."""
        try:
            if self._held.members is not None:
                try:
                    content = self._held.members.read(name)
                except ValueError as error:
                    raise UnusableError(str(error)) from error
                _check_bytes(len(content))
                yield io.BytesIO(content), len(content)
                return
            with self._open(name) as stream:
                size = (
                    self._zip().getinfo(name).file_size
                    if self._held.kind == "zip"
                    else os.stat(stream.fileno()).st_size
                )
                _check_bytes(size)
                yield stream, size
        except archives.READ_ERRORS as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise UnusableError(f"cannot be read ({reason}); recreate it") from error

    def _open(self, name: str) -> IO[bytes]:
        return self._zip().open(name) if self._held.kind == "zip" else (self._held.path / name).open("rb")

    def _zip(self) -> zipfile.ZipFile:
        if self._archive is None or self._opened_by != os.getpid():  # a forked child must not share the file position
            self._archive, self._opened_by = archives.open_archive(self._held.path), os.getpid()
        return self._archive


class Selection:
    """Some images of a source, in an order of their own."""

    def __init__(self, source: StoredFiles | StoredArrays, rows: Sequence[int]) -> None:
        self._source = source
        self._rows = rows

    @property
    def size(self) -> int:
        """Number of images selected."""
        return len(self._rows)

    @property
    def shape(self) -> Shape | None:
        """(H, W, C) of every image; None where sizes differ in what it selects from."""
        return self._source.shape

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the files selected, or None where images have none."""
        names = self._source.names
        return None if names is None else tuple(names[row] for row in self._rows)

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the images selected, or None."""
        labels = self._source.labels
        return None if labels is None else labels[np.asarray(self._rows)]

    def read(self, indices: Sequence[int]) -> ImageSet:
        """The images at `indices` of the selection."""
        check_indices(indices, self.size)
        return self._source.read([self._rows[index] for index in indices])


ImageSource = StoredFiles | StoredArrays | Selection


def _check_bytes(size: int) -> None:
    if not size:
        raise UnusableError("is empty (0 bytes); delete or recreate it")
    if size > MAX_FILE_BYTES:
        raise UnusableError(f"has {size:,} bytes, over the limit of {MAX_FILE_BYTES:,} for one image")


def _odd_sizes(sizes: Mapping[tuple[int, int], Sequence[str]]) -> str | None:
    """The words for a few files of other sizes among many of one: a contact sheet or a thumbnail is no sample."""
    n = sum(map(len, sizes.values()))
    usual = max(sizes, key=lambda size: len(sizes[size]))
    others = [(name, size) for size, names in sizes.items() if size != usual for name in names]
    if not 0 < len(others) <= FEW * n:
        return None
    named = ", ".join(f"{name!r} ({_spell(size)})" for name, size in sorted(others)[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return (
        f"{len(others)} of {n} images differ in size from the other {_spell(usual)}: "
        f"{named}{more}; all count as samples, so move away any that are not samples, such as "
        "a contact sheet"
    )


def _fitted(pixels: np.ndarray, size: tuple[int, int], channels: int) -> np.ndarray:
    """Pixels of this shape: grey repeats, RGB turns grey only where that loses nothing."""
    if pixels.shape[:2] != size:
        raise UnusableError(f"changed from {_spell(size)} to {_spell(pixels.shape[:2])} while being read")
    if pixels.shape[2] > channels:
        if (pixels != pixels[..., :1]).any():
            raise UnusableError("is in colour, but the images are declared with 1 channel")
        return np.ascontiguousarray(pixels[..., :1])
    return pixels if pixels.shape[2] == channels else np.repeat(pixels, channels, axis=2)


def _spell(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


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
        raise UsageError(f"{header.path}: is shorter than its headers promise; download or recreate it")
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    return np.memmap(header.path, dtype=np.dtype(header.dtype), mode="r", offset=start, shape=header.shape, order=order)


def _let_go(array: np.ndarray) -> None:
    """Count the pages of a mapped file that were read as the system's cache again, not as this process's memory."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _unpacked(header: ArrayHeader) -> np.ndarray:
    content = bytearray()
    read_chunks(header, content.extend)
    return np.frombuffer(content, dtype=header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
