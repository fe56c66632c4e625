"""Which images a source of any kind holds, how many, and the digest of its bytes: listed, never decoded.

The order of a folder's or a zip's images is the code-point order of their relative paths (so `10.png` comes before
`2.png`), the same on every machine and the same for a folder and a zip of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.base import UsageError, derive_seed, digest, digest_file, local_path
from harness.images.formats import zip as archives
from harness.images.formats.arrays import ArrayPair, read_chunks
from harness.images.formats.facts import Format, containers
from harness.images.formats.folder import walk
from harness.images.formats.names import FileList, composed, spelled
from harness.images.formats.shards import shards, spelling


def resolve(kind: str, parameters: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The parameters with their paths made absolute against `base`, the folder of the YAML that declares them."""

    def absolute(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [absolute(item) for item in value]
        return local_path(base, str(value))

    return {
        name: absolute(value) if name in _format(kind).paths and value is not None else value
        for name, value in parameters.items()
    }


def count(kind: str, parameters: Mapping[str, Any]) -> int:
    """How many images there are, after `rows`; raises UsageError for what cannot be listed."""
    held = listing(kind, parameters)
    start, stop = _row_bounds(parameters.get("rows"), held.size, spelling(_first_path(kind, parameters)))
    return stop - start


def shape(kind: str, parameters: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """(H, W, C) as the header of an npy, npz or idx file says; None for others, whose images must be opened."""
    held = listing(kind, parameters)
    return held.shape if isinstance(held, ArrayPair) else None


def content_digest(kind: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 over what decides the pixels and labels: 64 hex digits, whatever the compression, timestamps and path.

    Npz, npy and idx: over shapes and bytes. Others: over the list of (name, SHA-256 of the file's bytes), and labels
    that lie beside them.
    """
    held = listing(kind, parameters)
    if isinstance(held, ArrayPair):
        return digest(_array_digests(held))
    files = list(_file_digests(held))
    # Class folders are part of the names.
    beside = held.members is not None and held.labels is not None and parameters.get("labels") != "folders"
    return digest([files, list(held.labels or ())] if beside else files)


def stamps(kind: str, parameters: Mapping[str, Any]) -> list[list[Any]]:
    """What tells that the files of a source may have changed, without opening one: name, size, time of each.

    Of a folder, all files in it.
    """
    given = (parameters.get(name) for name in _format(kind).paths)
    return stamps_of(path for value in given if value is not None for path in shards(value))


def stamps_of(paths: Iterable[Path]) -> list[list[Any]]:
    """Name, size in bytes and time of change in ns of files, and of all files in folders."""
    found: list[list[Any]] = []
    for path in paths:
        inside = [path / name for name, problem in walk(path) if problem is None] if path.is_dir() else [path]
        for file in inside:
            try:
                status = file.stat()
                found.append([str(file), status.st_size, status.st_mtime_ns])
            except OSError:  # said by whoever opens it
                found.append([str(file), None, None])
    return sorted(found, key=lambda stamp: str(stamp[0]))


def listing(kind: str, parameters: Mapping[str, Any]) -> FileList | ArrayPair:
    """What the source holds, in order, before `rows` and `order_seed`."""
    return _format(kind).listing(parameters)


def selected(kind: str, parameters: Mapping[str, Any], size: int) -> Sequence[int]:
    """The images of the listing that `order_seed` and `rows` select, in their order."""
    return ordered(
        parameters.get("rows"), parameters.get("order_seed"), size=size, where=spelling(_first_path(kind, parameters))
    )


def ordered(rows: Sequence[int] | None, order_seed: int | None, *, size: int, where: Path | str) -> Sequence[int]:
    """Which of `size` images `rows` [start, stop] selects after a shuffle by `order_seed`; `where` is for messages.

    Raises UsageError for rows that do not fit.
    """
    start, stop = _row_bounds(rows, size, where)
    if order_seed is None:
        return range(start, stop)
    # Sorted by SHA-256, not drawn by a library whose streams may change between versions.
    return sorted(range(size), key=lambda image: derive_seed(order_seed, "order", image))[start:stop]


def _format(kind: str) -> Format:
    if kind not in containers():
        raise ValueError(f"`kind` is {kind!r}; known: {', '.join(containers())}")
    return containers()[kind]


def _first_path(kind: str, parameters: Mapping[str, Any]) -> Any:
    return parameters[_format(kind).paths[0]]


def _row_bounds(rows: Sequence[int] | None, size: int, where: Path | str) -> tuple[int, int]:
    if rows is None:
        return 0, size
    start, stop = rows
    if not 0 <= start < stop <= size:
        raise UsageError(f"{where}: rows [{start}, {stop}] out of range; it holds {size} images, numbered from 0")
    return start, stop


def _file_digests(held: FileList) -> Iterator[list[str]]:
    if held.members is not None:
        for name in held.names:
            try:
                yield [composed(name), hashlib.sha256(held.members.read(name)).hexdigest()]
            except ValueError as error:
                raise UsageError(f"{held.path}: {name!r} {error}") from error
        return
    if held.kind == "folder":
        for name in held.names:
            try:
                yield [composed(name), digest_file(held.path / name)]
            except OSError as error:
                raise UsageError(f"{held.path}: {name!r} cannot be read ({spelled(error)})") from error
        return
    with archives.opened(held.path) as archive:
        for name in held.names:
            try:
                yield [composed(name), hashlib.sha256(archives.read_member(archive, archive.getinfo(name))).hexdigest()]
            except ValueError as error:
                raise UsageError(f"{held.path}: {name!r} {error}; recreate the archive") from error


def _array_digests(held: ArrayPair) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for role, header in (("images", held.images), ("labels", held.labels)):
        if header is not None:
            summed = hashlib.sha256()
            read_chunks(header, summed.update)
            parts[role] = [header.dtype, list(header.shape), header.fortran, summed.hexdigest()]
    return parts
