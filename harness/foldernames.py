"""What sets of images given as paths are called, and how a benchmark's YAML says where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from pathlib import Path

from harness.errors import UsageError
from harness.filelist import is_utf8


def named(path: Path) -> Path:
    """The same path, one that ends in a name: `.`, `..` and the like are resolved; the root alone has none."""
    return path if path.name not in ("", "..") else path.resolve()


def plain(name: str) -> str:
    """The name with the characters that a benchmark's names may have; empty where none is left."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", name).lstrip("_.-")[:90]


def free_name(path: Path, taken: Container[str], *, file: bool) -> str:
    """What a set is called: as its path is, without the suffix of a `file`, numbered where that is `taken`."""
    called = named(path).name  # a link's own name, not that of what it leads to
    stem = plain(Path(called).stem if file else called) or "fake"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def relative_path(path: Path, folder: Path) -> str:
    """A path as a YAML in `folder` says it; links on the way are followed, for `..` does not lead back over one.

    Raises UsageError for a path that is not UTF-8, which YAML is.
    """
    given = named(path)
    relative = os.path.relpath(given.parent.resolve() / given.name, folder.resolve())
    if not is_utf8(relative):
        raise UsageError(
            f"{shown(path)}: has a name that is not UTF-8, and the benchmark's YAML must name it; rename it"
        )
    return relative


def shown(path: Path) -> str:
    """A path as a message can print it, whatever its bytes."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
