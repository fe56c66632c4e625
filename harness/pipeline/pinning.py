"""Digests written into a `datasets.yaml` where zeros keep their place."""

from __future__ import annotations

from pathlib import Path

from harness.base import UsageError, write_atomically
from harness.benchmark import UNPINNED, datasets_of, read_catalogue
from harness.images import Content
from harness.pipeline.checked import open_split


def pin(bench: Path) -> dict[str, str]:
    """Pin the splits of a benchmark's data set whose digest is still zeros: their digests, by split.

    The images that lie where `datasets.yaml` says become the pinned ones; a digest that is there already stays. The
    file keeps its comments. Raises UsageError where images are missing or are not as many as are declared.
    """
    path, name = datasets_of(bench)
    if name is None:
        raise UsageError(f"{bench}: names no data set that could be pinned")
    catalogue = read_catalogue(path)
    if name not in catalogue.datasets:
        raise UsageError(catalogue.document.lines() or f"{path}: has no data set {name!r}")
    data, found = catalogue.datasets[name], {}
    for split, pins in data.splits.items():
        if pins.digest == UNPINNED:
            opened = open_split(data, split)
            content = Content(opened.size)
            for _, part in opened.parts():
                content.add(part)
            found[split] = content.digest
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for split, digest in found.items():
        # A long line may go on below its key: the first zeros from there on are its own.
        line = catalogue.document.places[name, "splits", split, "digest"][0] - 1
        while UNPINNED not in lines[line]:
            line += 1
        lines[line] = lines[line].replace(UNPINNED, digest, 1)
    if found:
        write_atomically(path, "".join(lines).encode("utf-8"))
    return found
