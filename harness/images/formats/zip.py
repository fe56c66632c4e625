"""Zip archives from strangers: every entry is checked before a byte is unpacked, and nothing is written to disk."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.images.formats.facts import Format, PathParameters
from harness.images.formats.folder import SplitFiles
from harness.images.formats.names import FileList, file_list, sort_out

# Images hardly shrink in a zip and deflate cannot beat 1032:1, so only a bomb is both this large and this dense.
MAX_RATIO = 100
MAX_DIRECTORY_BYTES = 256 << 20  # of the list of members, some two millions of them: it is read into memory whole
SMALL_MEMBER_BYTES = 64 << 20
SMALL_TOTAL_BYTES = 1 << 30

READ_ERRORS = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`, its list of entries checked; the separator in names is `/`, whatever tool wrote them.

    Raises UsageError for what is no zip, and for entries that are absolute, climb with `..`, are encrypted, are links,
    share a name, or promise far more bytes than the archive can hold.
    """
    archive = open_archive(path)
    with archive:
        yield archive


def open_archive(path: Path) -> zipfile.ZipFile:
    """As `opened`, for a caller that keeps the archive open and closes it."""
    try:
        _check_directory(path)
        archive = zipfile.ZipFile(path)
    except READ_ERRORS as error:
        raise UsageError(f"{path}: {_cannot_open(path, error)}") from error
    for entry in archive.infolist():
        # Windows tools write `\\`, also at the end of a folder's entry, where the format asks for `/` (APPNOTE 4.4.17).
        entry.filename = entry.filename.replace("\\", "/")
    archive.NameToInfo = {entry.filename: entry for entry in archive.infolist()}
    try:
        _check(path, archive)
    except UsageError:
        archive.close()
        raise
    return archive


def members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries that are files."""
    return [entry for entry in archive.infolist() if not entry.filename.endswith("/")]


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The unpacked bytes of one entry, never more than it declares.

    Raises ValueError, with the reason, where the archive is damaged or the entry lies about its size.
    """
    try:
        with archive.open(entry) as stream:
            # A bounded read: a bare read() would unpack up to 2 GiB at once before it looks at the declared size.
            unpacked = stream.read(entry.file_size + 1)
    except READ_ERRORS as error:
        raise ValueError(f"is damaged in the archive ({error})") from error
    if len(unpacked) != entry.file_size:
        raise ValueError(f"is damaged in the archive ({len(unpacked)} bytes where it declares {entry.file_size})")
    return unpacked


def _check_directory(path: Path) -> None:
    """Refuse a list of members that memory may not hold, before it is read; APPNOTE 4.3.14 and 4.3.16."""
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - (1 << 16) - 200))
        tail = stream.read()
    size, end = 0, tail.rfind(b"PK\5\6")
    if end >= 0 and len(tail) >= end + 16:
        (size,) = struct.unpack_from("<I", tail, end + 12)
        wide = tail.rfind(b"PK\6\6", 0, end)  # of zip64, before it
        if wide >= 0 and len(tail) >= wide + 48:
            size = max(size if size != 0xFFFFFFFF else 0, *struct.unpack_from("<Q", tail, wide + 40))
    if size > MAX_DIRECTORY_BYTES:
        raise UsageError(
            f"{path}: its list of members has {size:,} bytes, over {MAX_DIRECTORY_BYTES:,}; put the images into "
            "several archives, tar files or Parquet"
        )


def _cannot_open(path: Path, error: Exception) -> str:
    if not path.exists():
        return "does not exist"
    if path.is_dir():
        return "is a folder, expected a zip archive"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error})"
    return f"is not a zip archive, or a truncated one ({error}); recreate it"


def _check(path: Path, archive: zipfile.ZipFile) -> None:
    names: set[str] = set()
    total = 0
    for entry in archive.infolist():
        fault = _fault(entry)
        if fault is None and entry.filename in names:
            fault = "occurs twice; keep one"
        if fault is not None:
            raise UsageError(f"{path}: member {entry.orig_filename!r} {fault}; recreate the archive without it")
        names.add(entry.filename)
        total += entry.file_size
    if total > SMALL_TOTAL_BYTES and total > MAX_RATIO * path.stat().st_size:
        raise UsageError(
            f"{path}: its members would unpack to {total:,} bytes, over {MAX_RATIO} times the archive: "
            "refused as a decompression bomb"
        )


def _fault(entry: zipfile.ZipInfo) -> str | None:
    name = entry.orig_filename
    if "\0" in name:
        return "has a name with a NUL byte"
    # `c:` is a drive to Windows tools.
    parts = name.replace("\\", "/").split("/")
    if not parts[0] or parts[0][1:2] == ":":
        return "has an absolute path"
    if ".." in parts:
        return "points outside the archive with '..'"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a symbolic link"
    if entry.file_size > SMALL_MEMBER_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        return (
            f"would unpack from {entry.compress_size:,} to {entry.file_size:,} bytes, over {MAX_RATIO} times: "
            "refused as a decompression bomb"
        )
    return None


def listed(parameters: Mapping[str, Any]) -> FileList:
    """The image files of an archive, in the code-point order of their names."""
    path = Path(parameters["path"])
    with opened(path) as archive:
        names, problems = sort_out(path, ((entry.filename, None) for entry in members(archive)))
    return file_list("zip", path, names, problems, labels=parameters.get("labels"), level=parameters.get("level"))


FORMATS = (
    Format(
        "zip",
        listed,
        SplitFiles,
        "zip archives of images, one per split",
        PathParameters,
        "the images in a zip archive",
        suffixes=(".zip",),
        class_folders=True,
    ),
)
