"""Checkpoints scored as they appear, by a process of its own: each once, whole ones only, the best with its price."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.base import UsageError
from harness.benchmark import write_watched
from harness.images import as_people_count
from harness.pipeline import Leaderboard, Progress, ownership
from harness.report import curve_words, read_run
from harness.run import run_benchmark

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".incomplete", ".lock")
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Seen:
    """What a look found and scored.

    new          the checkpoints that no earlier look of this watch had scored, in their order
    best         the best checkpoint, and what choosing it made the value look better by; empty with fewer than two
    failures     a line for each that could not be scored
    """

    new: tuple[Path, ...]
    leaderboard: Leaderboard
    best: tuple[str, ...]
    failures: tuple[str, ...]
    out: Path


@dataclass
class Watcher:
    """Looks at a folder and scores what is new in it. A killed one, started again, computes nothing twice.

    `settle` is how many seconds a checkpoint must stay as it is to count as whole, by this machine's clock alone; one
    that is renamed into place is whole after that time too. Files that begin with a dot, or end as unfinished ones do,
    are left alone.
    """

    folder: Path
    bench: Path
    out: Path | None = None
    pattern: str = "*"
    settle: float = 5.0
    options: dict[str, Any] = field(default_factory=dict)
    _stamps: dict[Path, tuple[Stamp, float]] = field(default_factory=dict, init=False)
    _scored: dict[Path, Stamp] = field(default_factory=dict, init=False)

    def whole(self) -> list[Path]:
        """The checkpoints that have not changed for `settle` seconds; waits as long where one is new."""
        found = self._look()
        now = time.monotonic()
        if any(now - since < self.settle for _, since in found.values()):
            time.sleep(self.settle)
            found = self._look()
        now = time.monotonic()
        whole = [path for path, (_, since) in found.items() if now - since >= self.settle]
        return [whole[place] for place in as_people_count([path.name for path in whole])]

    def look(self, progress: Progress | None = None) -> Seen | None:
        """Score what is new; None where nothing is. Raises UsageError for a benchmark that cannot be used."""
        whole = self.whole()
        stamps = {path: self._stamps[path][0] for path in whole}
        if not whole or stamps == self._scored:
            return None
        new = tuple(path for path in whole if self._scored.get(path) != stamps[path])
        declared = write_watched(self.bench, whole)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ownership.ReplacedWarning)  # every look is another declaration
            found = run_benchmark(declared, out=self.out, tracking=False, progress=progress, **self.options)
        self._scored = stamps
        return Seen(new, found.leaderboard, tuple(curve_words(read_run(found.out))), found.failures, found.out)

    def _look(self) -> dict[Path, tuple[Stamp, float]]:
        """Each checkpoint's stamp, and since when it is this one."""
        if not self.folder.is_dir():
            raise UsageError(f"{self.folder}: is not a folder; give the folder of the checkpoints")
        now = time.monotonic()
        found = {}
        for path in self.folder.glob(self.pattern):
            if path.name.startswith(".") or path.name.endswith(UNFINISHED):
                continue
            stamp = tuple(_stamps(path))
            if not stamp or any(name.endswith(UNFINISHED) for name, _, _ in stamp):
                continue
            before = self._stamps.get(path)
            found[path] = before if before is not None and before[0] == stamp else (stamp, now)
        self._stamps = found
        return found


def _stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of a checkpoint's file, or of all files below its folder."""
    try:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            status = file.stat()
            yield file.name, status.st_size, status.st_mtime_ns
    except FileNotFoundError:  # renamed or removed meanwhile: the next look sees what became of it
        return
