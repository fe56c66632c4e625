"""Names of image files in their one order: which are images, which side files, what a class folder says."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from harness.base import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
SIDE_SUFFIXES = (".txt", ".md", ".rst", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".xml", ".html", ".log")
# Where Finder, Synology and QNAP disks, and Windows put thumbnails, indices and what was deleted.
_SIDE_FOLDERS = ("__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "lost+found")
_SIDE_NAMES = ("thumbs.db", "desktop.ini", "readme", "licence", "license", "copying", "notice")

# Folder names up to here are labels as they stand; larger ones (dates, ids) would make label counts of absurd length.
MAX_LABEL = 9_999  # four digits


class Members(Protocol):
    """The bytes of files inside others, by name."""

    def read(self, name: str) -> bytes:
        """The bytes of one; raises ValueError with the reason, worded to follow the name."""
        ...


@dataclass(frozen=True, slots=True)
class FileList:
    """The image files of a source in their one order, and the label of each where the source gives them.

    `members` holds the bytes where the files lie in tar, Parquet or Arrow files.
    """

    kind: str
    path: Path
    names: tuple[str, ...]
    labels: tuple[int, ...] | None
    members: Members | None = None

    @property
    def size(self) -> int:
        """Number of image files."""
        return len(self.names)

    @property
    def file_names(self) -> tuple[str, ...] | None:
        """The names that people gave the files; None where images are rows of a table, which have places only."""
        return self.names if self.kind in ("folder", "zip", "tar") else None


def refuse(where: Path, problems: Sequence[tuple[str, str]], *, files: str = "files there") -> UsageError:
    """One line for the first bad file and the number of the others."""
    (name, reason), *others = problems
    more = f" (and {len(others)} more of the {files})" if others else ""
    return UsageError(f"{where}: {name!r} {reason}{more}")


def spelled(error: OSError) -> str:
    """The reason of an OSError in words."""
    return "does not exist" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}"


def composed(name: str) -> str:
    """A file's name in Unicode's form NFC, in which names are put in order and digested.

    macOS and some archivers write é as two characters: the same pictures would have another order and digest.
    """
    return unicodedata.normalize("NFC", name)


def of_programs(name: str) -> bool:
    """Whether a file is hidden, or lies in a folder that is, or in one that programs make for themselves."""
    return any((part.startswith(".") and part != ".") or part in _SIDE_FOLDERS for part in name.lower().split("/"))


def beside_images(name: str, side: tuple[str, ...] = ()) -> bool:
    """Whether a file is one that usually lies beside images (a readme, a table), by its name; `side`: more suffixes."""
    last = name.lower().rpartition("/")[2]
    return last in _SIDE_NAMES or last.endswith((*SIDE_SUFFIXES, *side))


def sort_out(
    where: Path, found: Iterable[tuple[str, str | None]], *, side: tuple[str, ...] = ()
) -> tuple[list[str], list[tuple[str, str]]]:
    """The images, sorted, and the problems: side files are left out, anything else unknown is named.

    `found` are names and problems of what lies in `where`, `side` suffixes of side files beyond the usual ones. Images
    in folders that programs make for themselves (thumbnails, deleted files) are left out with a warning.
    """
    names: list[str] = []
    problems: list[tuple[str, str]] = []
    programs: list[str] = []
    for name, problem in found:
        last = name.lower().rpartition("/")[2]
        if of_programs(name):
            if last.endswith(SUFFIXES) and not last.startswith("."):
                programs.append(name)
            continue
        if beside_images(name, side):
            continue
        if problem is not None:
            problems.append((name, problem))
        elif not last.endswith(SUFFIXES):
            problems.append((name, f"is not an image ({', '.join(SUFFIXES)}) or a known side file; move it away"))
        elif not is_utf8(name):
            problems.append((name, "has a file name that is not UTF-8; rename it"))
        else:
            names.append(name)
    if programs:
        first = min(programs)
        more = f" and {len(programs) - 1} more" if len(programs) > 1 else ""
        warnings.warn(
            f"{where}: {first!r}{more} skipped: hidden folders and {', '.join(_SIDE_FOLDERS)}",
            stacklevel=2,
        )
    return sorted(names, key=lambda name: (composed(name), name)), sorted(problems)


def partner_keys(names: Sequence[str]) -> list[str]:
    """What a person tells each file of a set by, to find its partner in another set.

    The path below the folder that all of the set share, without the kind of file, upper case, Unicode form and zeros
    before a number: `out/IMG_007.PNG` of files in `out` is `img_7`.
    """
    folders = [name.split("/")[:-1] for name in names]
    shared = 0
    while folders and all(len(own) > shared and own[shared] == folders[0][shared] for own in folders):
        shared += 1
    keys = []
    for name in names:
        below = unicodedata.normalize("NFC", "/".join(name.split("/")[shared:])).casefold()
        suffix = next((end for end in SUFFIXES if below.endswith(end)), "")
        keys.append(re.sub(r"(?<![0-9])0+(?=[0-9])", "", below.removesuffix(suffix)))
    return keys


def as_people_count(names: Sequence[str]) -> list[int]:
    """Places in the order of `partner_keys`, numbers by their size: two sets of partners are alike in it."""
    keys = partner_keys(names)

    def parts(place: int) -> list[str | int]:
        told = re.split(r"([0-9]+)", keys[place])  # text and digits take turns, so that two names compare part by part
        return [int(part) if at % 2 else part for at, part in enumerate(told)]

    return sorted(range(len(names)), key=lambda place: (parts(place), names[place]))


def file_list(
    kind: str,
    path: Path,
    names: Sequence[str],
    problems: Sequence[tuple[str, str]],
    *,
    labels: str | None,
    level: int | None = None,
) -> FileList:
    """The files that were sorted out of a folder or an archive, with the labels of their class folders where asked for.

    Raises UsageError for problems, for a source without an image and for `labels` that are not `folders`.
    """
    if labels not in (None, "folders"):
        raise UsageError(f"{path}: labels {labels!r} is not allowed; use `folders` or leave it out")
    if problems:
        raise refuse(path, problems)
    if not names:
        raise UsageError(f"{path}: holds no images ({', '.join(SUFFIXES)})")
    return FileList(kind, path, tuple(names), class_labels(path, names, level=level) if labels else None)


def class_labels(path: Path, names: Sequence[str], *, skipped: int = 0, level: int | None = None) -> tuple[int, ...]:
    """The label of each file from the folders that hold it; `skipped` parts at a name's beginning are no folders.

    A label is the path of folders below the root, without those that all files share at its beginning and its end:
    `p01` and `p02` of `patients/p01/ax/1.png` and `patients/p02/ax/1.png`. With `level` it is the name of one folder,
    1 the first below the root, -1 the one that holds the file. Labels that are all whole numbers up to `MAX_LABEL` are
    taken as they stand; others are numbered from 0 in name order.
    """
    paths = [PurePosixPath(composed(name).split("/", skipped)[skipped]).parent.parts for name in names]
    if level is None:
        lacking, reason = [not parts for parts in paths], "is not in a class folder"
    else:
        depth = level if level > 0 else -level
        lacking = [len(parts) < depth for parts in paths]
        reason = f"has no folder at level {level}"
    if any(lacking):
        raise refuse(path, [(name, reason) for name, lacks in zip(names, lacking, strict=True) if lacks])
    folders = _apart(paths) if level is None else [parts[level - 1 if level > 0 else level] for parts in paths]
    classes = sorted(set(folders))
    numbered = all(name.isascii() and name.isdigit() and len(name) < 5 and str(int(name)) == name for name in classes)
    label = {name: int(name) if numbered else index for index, name in enumerate(classes)}
    return tuple(label[folder] for folder in folders)


def _apart(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Paths of folders without what all share at their beginnings and ends; the innermost name where all are one."""
    distinct = set(paths)
    if len(distinct) == 1:
        return [parts[-1] for parts in paths]
    shortest = min(map(len, distinct))
    start = next((at for at in range(shortest) if len({parts[at] for parts in distinct}) > 1), shortest)
    # Nested paths (`a` and `a/b`) must not lose the part that tells them apart.
    spare = shortest - start
    end = next((at for at in range(spare) if len({parts[-1 - at] for parts in distinct}) > 1), spare)
    return ["/".join(parts[start : len(parts) - end]) for parts in paths]


def is_utf8(name: str) -> bool:
    """Whether a file's name, as Python reads it, was UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
