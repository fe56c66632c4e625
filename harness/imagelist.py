"""Which images a folder, zip, npz or idx file holds, how many, and the digest of its bytes: listed, never decoded.

The order of a folder's or a zip's images is the code-point order of their relative paths (so `10.png` comes before
`2.png`), the same on every machine and the same for a folder and a zip of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness import archives
from harness.arrayheaders import ArrayPair, read_chunks, read_idx, read_npz
from harness.errors import UsageError
from harness.keys import derive_seed, digest, digest_file

KINDS = ("folder", "zip", "npz", "idx")
PATH_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "folder": ("path",), "zip": ("path",), "npz": ("path",), "idx": ("images", "labels"),
}  # fmt: skip

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
_SIDE_SUFFIXES = (".txt", ".md", ".rst", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".xml", ".html", ".log")
_SIDE_NAMES = ("thumbs.db", "desktop.ini", "readme", "licence", "license", "copying", "notice")

# Folder names up to here are labels as they stand; larger ones (dates, ids) would make label counts of absurd length.
MAX_LABEL = 9_999  # four digits


@dataclass(frozen=True, slots=True)
class FileList:
    """The image files of a folder or zip in their one order, and the label of each where class folders give them."""

    kind: str
    path: Path
    names: tuple[str, ...]
    labels: tuple[int, ...] | None

    @property
    def size(self) -> int:
        """Number of image files."""
        return len(self.names)


def resolve(kind: str, parameters: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The parameters with their paths made absolute against `base`, the folder of the YAML that declares them."""
    return {
        name: str(base.absolute() / os.path.expanduser(value))
        if name in PATH_PARAMETERS[kind] and value is not None
        else value
        for name, value in parameters.items()
    }


def count(kind: str, parameters: Mapping[str, Any]) -> int:
    """How many images there are, after `rows`; raises UsageError for what cannot be listed."""
    start, stop = _row_bounds(kind, parameters, listing(kind, parameters).size)
    return stop - start


def shape(kind: str, parameters: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """(H, W, C) as the header of an npz or idx file says; None for a folder or zip, whose images must be opened."""
    held = listing(kind, parameters)
    return held.shape if isinstance(held, ArrayPair) else None


def content_digest(kind: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 over what decides the pixels and labels: 64 hex digits, whatever the compression, timestamps and path.

    Folder and zip: over the list of (relative name, SHA-256 of the file's bytes). Npz and idx: over shapes and bytes.
    """
    held = listing(kind, parameters)
    if isinstance(held, ArrayPair):
        return digest(_array_digests(held))
    return digest(list(_file_digests(held)))


def listing(kind: str, parameters: Mapping[str, Any]) -> FileList | ArrayPair:
    """What the source holds, in order, before `rows` and `order_seed`."""
    if kind not in KINDS:
        raise ValueError(f"`kind` is {kind!r}; known: {', '.join(KINDS)}")
    if kind in ("folder", "zip"):
        labels = parameters.get("labels")
        if labels not in (None, "folders"):
            raise UsageError(f"{parameters['path']}: labels {labels!r} is not allowed; say `folders` or leave it out")
        return _list_files(kind, Path(parameters["path"]), class_folders=labels is not None)
    if kind == "npz":
        return read_npz(Path(parameters["path"]), array=parameters.get("array"), labels=parameters.get("labels"))
    label_path = parameters.get("labels")
    return read_idx(Path(parameters["images"]), labels=None if label_path is None else Path(label_path))


def selected(kind: str, parameters: Mapping[str, Any], size: int) -> Sequence[int]:
    """The images of the listing that `order_seed` and `rows` select, in their order."""
    start, stop = _row_bounds(kind, parameters, size)
    seed = parameters.get("order_seed")
    if seed is None:
        return range(start, stop)
    # Sorted by SHA-256, not drawn by a library whose streams may change between versions.
    return sorted(range(size), key=lambda image: derive_seed(seed, "order", image))[start:stop]


def _row_bounds(kind: str, parameters: Mapping[str, Any], size: int) -> tuple[int, int]:
    rows: Sequence[int] | None = parameters.get("rows")
    if rows is None:
        return 0, size
    start, stop = rows
    if not 0 <= start < stop <= size:
        path = parameters[PATH_PARAMETERS[kind][0]]
        raise UsageError(f"{path}: rows [{start}, {stop}] do not fit; it holds {size} images, counted from 0")
    return start, stop


def refuse(where: Path, problems: Sequence[tuple[str, str]], *, files: str = "files there") -> UsageError:
    """One line for the first bad file and the number of the others."""
    (name, reason), *others = problems
    more = f" (and {len(others)} more of the {files})" if others else ""
    return UsageError(f"{where}: {name!r} {reason}{more}")


def _list_files(kind: str, path: Path, *, class_folders: bool) -> FileList:
    if kind == "folder":
        names, problems = _sort_out(_walk(path))
    else:
        with archives.opened(path) as archive:
            names, problems = _sort_out((entry.filename, None) for entry in archives.members(archive))
    if problems:
        raise refuse(path, problems)
    if not names:
        raise UsageError(f"{path}: holds no images ({', '.join(SUFFIXES)})")
    return FileList(kind, path, tuple(names), _class_labels(path, names) if class_folders else None)


def _sort_out(found: Iterable[tuple[str, str | None]]) -> tuple[list[str], list[tuple[str, str]]]:
    """The images, sorted, and the problems: side files are left out, anything else unknown is named."""
    names: list[str] = []
    problems: list[tuple[str, str]] = []
    for name, problem in found:
        parts = name.lower().split("/")
        if any((part.startswith(".") and part != ".") or part == "__macosx" for part in parts):
            continue
        if parts[-1] in _SIDE_NAMES or parts[-1].endswith(_SIDE_SUFFIXES):
            continue
        if problem is not None:
            problems.append((name, problem))
        elif not parts[-1].endswith(SUFFIXES):
            problems.append((name, f"is neither an image ({', '.join(SUFFIXES)}) nor a usual side file; move it away"))
        elif not _is_utf8(name):
            problems.append((name, "has a name that is not UTF-8; rename it"))
        else:
            names.append(name)
    return sorted(names), sorted(problems)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _walk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Every file below `folder` as (relative path, problem or None); links are followed, but never in a circle."""
    try:
        status = os.stat(folder)
    except OSError as error:
        raise UsageError(f"{folder}: {_spelled(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{folder}: is a file where a folder of images was expected (a zip is declared as `zip`)")
    pending = [("", frozenset({(status.st_dev, status.st_ino)}))]
    while pending:
        prefix, above = pending.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                found = list(entries)
        except OSError as error:
            if not prefix:
                raise UsageError(f"{folder}: cannot be listed ({_spelled(error)})") from error
            yield prefix, f"cannot be listed ({_spelled(error)})"
            continue
        for entry in found:
            name = prefix + entry.name
            try:
                if entry.is_file():
                    yield name, None
                elif entry.is_dir():
                    status = entry.stat()
                    identity = (status.st_dev, status.st_ino)
                    if identity in above:
                        yield name, "is a link to a folder above it, a circle; remove the link"
                    else:
                        pending.append((name + "/", above | {identity}))
                else:
                    yield name, "is a broken link or no regular file; remove it"
            except OSError as error:  # a link to itself, or a folder that may not be entered
                yield name, f"cannot be opened ({_spelled(error)})"


def _spelled(error: OSError) -> str:
    return "does not exist" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}"


def _class_labels(path: Path, names: Sequence[str]) -> tuple[int, ...]:
    """The label of each file from the folder that holds it.

    Folder names that are all whole numbers up to `MAX_LABEL` are the labels themselves; others are numbered from 0 in
    name order.
    """
    folders = [PurePosixPath(name).parent.name for name in names]
    if "" in folders:
        loose = [(name, "lies in no class folder") for name, folder in zip(names, folders, strict=True) if not folder]
        raise refuse(path, loose)
    classes = sorted(set(folders))
    numbered = all(name.isascii() and name.isdigit() and len(name) < 5 and str(int(name)) == name for name in classes)
    label = {name: int(name) if numbered else index for index, name in enumerate(classes)}
    return tuple(label[folder] for folder in folders)


def _file_digests(held: FileList) -> Iterator[list[str]]:
    if held.kind == "folder":
        for name in held.names:
            try:
                yield [name, digest_file(held.path / name)]
            except OSError as error:
                raise UsageError(f"{held.path}: {name!r} cannot be read ({_spelled(error)})") from error
        return
    with archives.opened(held.path) as archive:
        for name in held.names:
            try:
                yield [name, hashlib.sha256(archives.read_member(archive, archive.getinfo(name))).hexdigest()]
            except ValueError as error:
                raise UsageError(f"{held.path}: {name!r} {error}; make the archive again") from error


def _array_digests(held: ArrayPair) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for role, header in (("images", held.images), ("labels", held.labels)):
        if header is not None:
            summed = hashlib.sha256()
            read_chunks(header, summed.update)
            parts[role] = [header.dtype, list(header.shape), header.fortran, summed.hexdigest()]
    return parts
