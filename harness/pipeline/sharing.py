"""Several runs of one benchmark that share a store and divide its units: `harness run BENCH --shard i/N`.

Nobody hands out work. Which share has a unit hangs on the declaration alone (`units.Division`), and what a unit needs
of another share it finds in the store. Each run keeps a note beside the store's entries that says how far it is, so
that the others know whether to wait: nobody waits for a run that has ended, was killed, or has not begun.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.base import UsageError, digest
from harness.pipeline.plan import Plan
from harness.pipeline.planned import plain
from harness.pipeline.units import Division, Share, Unit

STAGES = ("check", "sample", "encode", "join", "score")
FOLDER = "shards"  # of the store
BEAT = 2.0  # seconds between two signs of life
LOOK = 0.5  # seconds between two looks for what is missing
# Index from 0 and count, as what starts processes tells them.
GIVEN = (
    ("RANK", "WORLD_SIZE"),  # torchrun
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
    ("SLURM_PROCID", "SLURM_NTASKS"),  # srun
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),  # a Kubernetes Job sets the first, its manifest the second
)


def share_of(text: str, environ: Mapping[str, str] = os.environ) -> Share:
    """The share that `--shard` names: `2/8`, or `auto` for what torchrun, Slurm or Kubernetes says.

    Raises UsageError for what is neither.
    """
    if text != "auto":
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"--shard {text}: give i/N with i from 1 to N, as in 2/8, or auto")
        return Share(int(found[1]), int(found[2]))
    for index, count in GIVEN:
        if index in environ and count in environ:
            try:
                first = int(environ.get("SLURM_ARRAY_TASK_MIN", "0")) if index == "SLURM_ARRAY_TASK_ID" else 0
                step = int(environ.get("SLURM_ARRAY_TASK_STEP", "1")) if index == "SLURM_ARRAY_TASK_ID" else 1
                share = Share((int(environ[index]) - first) // step + 1, int(environ[count]))
            except (ValueError, ZeroDivisionError):
                share = Share(0, 0)
            if not 1 <= share.index <= share.count:
                raise UsageError(f"--shard auto: ${index} is {environ[index]!r} and ${count} {environ[count]!r}")
            return share
    names = ", ".join(f"${index} and ${count}" for index, count in GIVEN)
    raise UsageError(f"--shard auto: cannot tell which shard this is (looked for {names}); give --shard i/N")


@dataclass
class Sharing:
    """One share at work beside the others. `patience` seconds without a sign of life, and another counts as gone."""

    plan: Plan
    share: Share
    patience: float = 60.0
    done: int = 0
    left: list[Unit] = field(default_factory=list)
    _note: dict[str, Any] = field(default_factory=dict)
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._division = Division(self.plan, self.share)

    def is_mine(self, unit: Unit) -> bool:
        """Whether this share has the unit."""
        return self._division.is_mine(unit)

    def __enter__(self) -> Sharing:
        self._began = time.monotonic()
        benchmark = digest(plain(self.plan.benchmark.resolved()))
        self._here = f"{FOLDER}/{benchmark[:16]}"
        for index in self._others():
            self._seen[index] = _Seen(self._read(index), self._began)
        self._note = {"share": str(self.share), "beat": 0, "stage": STAGES[0], "idle": False, "ended": False}
        self._write()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._note["ended"] = True
        self._write()

    def begin(self, stage: str) -> None:
        """This share has come to a stage."""
        self._note |= {"stage": stage, "idle": False}
        self._write()

    def may_come(self) -> bool:
        """After a moment: whether another share may still bring what this one's stage needs."""
        if not self._note["idle"]:
            self._note["idle"] = True
            self._write()
        time.sleep(LOOK)
        return any(self._is_coming(index) for index in self._others())

    def go_on(self) -> None:
        """What was waited for has come."""
        self._note["idle"] = False

    def _is_coming(self, index: int) -> bool:
        now, found, seen = time.monotonic(), self._read(index), self._seen[index]
        if found != seen.note:
            seen = self._seen[index] = _Seen(found, now, alive=True)
        if not seen.alive or found is None:  # not begun, or what an earlier run of this share left
            return now - self._began < self.patience
        if found["ended"] or now - seen.since > self.patience:
            return False
        here, there = (STAGES.index(note["stage"]) for note in (self._note, found))
        # Two that wait in one stage would wait for each other.
        return there < here or (there == here and not found["idle"])

    def _others(self) -> list[int]:
        return [index for index in range(1, self.share.count + 1) if index != self.share.index]

    def _file(self, index: int) -> str:
        return f"{self._here}/{index}-of-{self.share.count}.json"

    def _read(self, index: int) -> dict[str, Any] | None:
        try:
            return self.plan.store.read_note(self._file(index))
        except OSError:
            return None

    def _write(self) -> None:
        with self._writing:
            self._note["beat"] = time.time_ns()  # another at every sign of life; no clock is compared
            self.plan.store.write_note(self._file(self.share.index), self._note)

    def _live(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(OSError):  # of a full disk the work itself tells
                self._write()


@dataclass(frozen=True)
class _Seen:
    """The note of another share, since when it says this, and whether it ever changed."""

    note: dict[str, Any] | None
    since: float
    alive: bool = False
