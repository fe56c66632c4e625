"""Whole runs with a fault in them: `harness run` in a fork of this process, its units inline."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.pipeline import store
from harness.pipeline.executors.inline import InlineExecutor
from harness.pipeline.store import Store
from tests.faults.layer import Died, Fault, Layer, faulty
from tests.faults.scenes import Finished, Outcome, holds, intact, read_out

HUNG = 600  # seconds after which a run counts as hung
NOT_KEPT = ("decoded", "checks")  # kinds of entries: the one goes once it is used, the other notes an earlier look


@dataclass(frozen=True)
class Place:
    """An empty store and OUT of one try, and what is said there."""

    store: Path
    out: Path
    said: Path

    @classmethod
    def fresh(cls, scratch: Path) -> Place:
        """Nothing is left of the try before."""
        shutil.rmtree(scratch / "run", ignore_errors=True)
        (scratch / "run").mkdir()
        return cls(scratch / "run/store", scratch / "run/out", scratch / "said")

    def run(self, made: Finished) -> None:
        """`harness run` of the tiny benchmark, in this very process."""
        from harness.cli.main import main
        from harness.pipeline.executors.local import LocalExecutor

        LocalExecutor.of = classmethod(lambda cls, asked, address="": InlineExecutor())  # type: ignore[method-assign]
        words = ("run", made.bench, "--out", self.out, "--store", self.store, "--no-tracking")
        main([str(word) for word in words], "harness")


def in_fork(work: Callable[[], object], said: Path) -> tuple[int, str]:
    """Exit code (negative: the signal) and words of `work` in a fork of this process."""
    child = os.fork()
    if child == 0:
        code: object = 1
        try:
            signal.alarm(HUNG)
            os.setpgid(0, 0)
            handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            try:
                work()
                code = 0
            except SystemExit as end:
                code = end.code
            except Died:
                code = 137
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), said.read_text(errors="replace")


def told(words: str) -> str:
    """The line that says what is wrong; empty where there is none."""
    lines = [line for line in words.splitlines() if line.startswith(("error: ", "failed: ", "interrupted"))]
    return re.sub(r"\S*/faults-\w+/(\S+)", r"\1", lines[-1]) if lines else ""


def finish(outcome: Outcome, made: Finished, place: Place, *, failed: bool = False) -> Outcome:
    """A reader of OUT, then the same command without a fault: the records of a run that never had one.

    `failed`: the run before it said that something failed, and OUT may say so.
    """
    outcome.wrong += unlike_a_run(read_out(place.out), made.truth, failed=failed)
    code, words = in_fork(lambda: place.run(made), place.said)
    if code or "Traceback" in words:
        outcome.resumed, outcome.untidy = False, words[-600:]
    elif holds(place.out) != made.truth:
        outcome.wrong.append("other records after the fault")
    return outcome


def unlike_a_run(found: bytes | None, truth: bytes, *, failed: bool) -> list[str]:
    """What is wrong with what a reader of OUT gets: the records of the sound run, or, of a run in which something
    `failed`, those of them that are left, beside failed ones with their reasons."""
    if found in (None, truth):
        return []
    if not failed:
        return ["a reader gets records that no run wrote"]
    assert found is not None
    records, board = _parts(found)
    sound, sound_board = _parts(truth)
    wrong = [line for line in records if line not in sound and not _says_failed(json.loads(line))]
    values = {(row["encoder"], row["generator"]): row["metrics"] for row in sound_board["rows"]}
    other = [
        metric
        for row in board["rows"]
        for metric, value in row["metrics"].items()
        if value != values[row["encoder"], row["generator"]].get(metric)
    ]
    return (["a record of a failed run has another value"] if wrong else []) + (
        ["the leaderboard of a failed run has another value"] if other else []
    )


def _parts(content: bytes) -> tuple[list[str], dict[str, Any]]:
    """Lines of records.jsonl, and the leaderboard that follows them."""
    head, brace, tail = content.decode("ascii").partition("{\n")
    return head.splitlines(), json.loads(brace + tail)


def _says_failed(record: dict[str, Any]) -> bool:
    return record["status"] == "failed" and bool(record["reason"])


@contextmanager
def noting_entries() -> Iterator[list[tuple[str, str]]]:
    """The entries that the store says it has made, each of them synced."""
    acknowledged: list[tuple[str, str]] = []
    put, after = Store.put, store.SYNC_AFTER

    def noted(self: Store, kind: str, key: Any, *rest: Any) -> Any:
        entry = put(self, kind, key, *rest)
        if kind not in NOT_KEPT:
            acknowledged.append((kind, entry.folder.name))
        return entry

    Store.put, store.SYNC_AFTER = noted, -1.0  # type: ignore[method-assign]
    try:
        yield acknowledged
    finally:
        Store.put, store.SYNC_AFTER = put, after  # type: ignore[method-assign]


def heard(layer: Layer, made: Finished, place: Place) -> tuple[dict[str, Any], int, str]:
    """A run in a fork with the layer's fault: what came of it there, its exit code and words."""
    facts = place.said.with_suffix(".json")

    def work() -> None:
        code: object = 1
        with noting_entries() as acknowledged:
            try:
                with faulty(layer):
                    try:
                        place.run(made)
                        code = 0
                    except SystemExit as end:
                        code = end.code or 0
                    if code == 0:
                        layer.end()
            finally:
                counts = {"hit": layer.hit, "dead": layer.dead, "changes": len(layer.seen), "reads": layer.reads}
                facts.write_text(json.dumps({**counts, "made": acknowledged, "over": code == 0}))
        sys.exit(code)  # type: ignore[arg-type]

    code, words = in_fork(work, place.said)
    return json.loads(facts.read_text()), code, words


def operations(made: Finished, scratch: Path) -> dict[bool, int]:
    """How many changes (False) a run into an empty place has, and how many reads (True) one that finds all has."""
    place = Place.fresh(scratch)
    changes = heard(Layer((place.store, place.out)), made, place)[0]["changes"]
    shutil.rmtree(place.out, ignore_errors=True)
    return {False: changes, True: heard(Layer((place.store, place.out)), made, place)[0]["reads"]}


def in_run(fault: Fault, made: Finished, scratch: Path, *, forgetful: bool = False) -> Outcome:
    """One fault in a whole `harness run` of a fork, then the run without it: the same records, nothing lost."""
    place = Place.fresh(scratch)
    if fault.reads:
        in_fork(lambda: place.run(made), place.said)
        shutil.rmtree(place.out, ignore_errors=True)
    outcome = Outcome(fault.kind, "run", str(fault))
    facts, code, words = heard(Layer((place.store, place.out), fault, forgetful), made, place)
    outcome.hit = facts["hit"]
    if facts["dead"]:
        outcome.how = "died"
    elif code:
        outcome.how, outcome.message = "failed", told(words)
    if "Traceback" in words and not facts["dead"]:
        outcome.untidy = words[-600:]
    elif outcome.how == "failed" and not outcome.message:
        outcome.untidy = f"exit code {code} without a sentence: {words[-300:]}"
    outcome.lost = intact(place.store, [(kind, key) for kind, key in facts["made"]])
    if facts["over"] and holds(place.out) != made.truth:
        outcome.lost.append("OUT of a run that was said to be done")
    return finish(outcome, made, place, failed=outcome.how == "failed")
