"""The files that `harness score` writes beside its results: told from a person's, and taken back where refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.base import UsageError, write_atomically
from harness.benchmark import model as benchmark
from harness.images import is_utf8

MARK = b"# Written by `harness score`; another score with the same --out replaces it.\n"


def write(texts: Mapping[Path, bytes], bench: Path, claim: Callable[[], None]) -> None:
    """Write the files of a score and let the benchmark be read; where it or `claim` refuses, they are as before.

    Raises UsageError without the place in a file that the user neither wrote nor will find.
    """
    before = {path: path.read_bytes() if path.is_file() else None for path in texts}
    made = [folder for folder in (bench.parent, *bench.parent.parents) if not folder.exists()]
    try:
        for path, text in texts.items():
            write_atomically(path, text)
        benchmark.load(bench)
        claim()
    except UsageError as error:
        for path, old in before.items():
            path.unlink() if old is None else write_atomically(path, old)
        for folder in made:
            folder.rmdir()
        place = re.compile(rf"({'|'.join(re.escape(str(path)) for path in texts)})(:\d+)*: ")
        raise UsageError([place.sub("", problem) for problem in error.problems]) from None


def check_own(path: Path) -> None:
    """Raise UsageError where there is a file that no score wrote."""
    if path.is_file():
        with path.open("rb") as stream:
            if stream.readline() == MARK:
                return
    if os.path.lexists(path):
        raise UsageError(f"{path}: exists and was not written by `harness score`; move it, or give another --out")


def as_yaml(value: Mapping[str, Any]) -> bytes:
    """A mapping as the bytes of a YAML file, its keys in their order."""
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe"), BytesIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(dict(value), text)
    return text.getvalue()


def named(path: Path) -> Path:
    """The same path, one that ends in a name: `.`, `..` and the like are resolved; the root alone has none."""
    return path if path.name not in ("", "..") else path.resolve()


def plain(name: str) -> str:
    """The name with the characters that a benchmark's names may have; empty where none is left."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", name).lstrip("_.-")[:90]


def set_names(paths: Sequence[Path], files: Container[Path]) -> list[str]:
    """What sets are called: the shortest ends of their paths that tell them apart, `ck_1000-samples`.

    One that no other ends like has its last part alone, without the suffix where it is one of `files`; what no path
    tells apart is numbered.
    """
    ends = [[plain(part) for part in _parts(path, file=path in files)] for path in paths]
    depth = [1] * len(paths)

    def called(number: int) -> str:
        return "-".join(filter(None, ends[number][-depth[number] :]))[-90:].lstrip("_.-") or "fake"

    while True:
        alike: dict[str, list[int]] = {}
        for number in range(len(paths)):
            alike.setdefault(called(number), []).append(number)
        # A folder and a zip of it beside each other end alike at any length.
        apart = [group for group in alike.values() if len({tuple(ends[n]) for n in group}) > 1]
        longer = [n for group in apart for n in group if depth[n] < len(ends[n])]
        if not longer:
            break
        for number in longer:
            depth[number] += 1
    names: list[str] = []
    for number in range(len(paths)):
        stem = name = called(number)
        again = 2
        while name in names:
            name, again = f"{stem}-{again}", again + 1
        names.append(name)
    return names


def _parts(path: Path, *, file: bool) -> list[str]:
    """The parts of a path from its root, with a link's own name, not that of what it leads to."""
    whole = Path(os.path.abspath(named(path)))
    return [*whole.parts[1:-1], whole.stem if file else whole.name]


def relative_path(path: Path, folder: Path) -> str:
    """A path as a YAML in `folder` says it; links on the way are followed, for `..` does not lead back over one.

    Raises UsageError for a path that is not UTF-8, which YAML is.
    """
    given = named(path)
    relative = os.path.relpath(given.parent.resolve() / given.name, folder.resolve())
    if not is_utf8(relative):
        raise UsageError(f"{shown(path)}: the file name is not UTF-8, so the benchmark YAML cannot name it; rename it")
    return relative


def shown(path: Path) -> str:
    """A path as a message can print it, whatever its bytes."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
