"""Faults of whole processes: killed at any moment, many at once, stale locks, another clock, code that misbehaves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults import scenes
from tests.faults.scenes import Finished, Outcome, harness, holds, in_fork, read_out, told

Try = tuple[str, str, Callable[[], Outcome]]


def tries(made: Finished, scratch: Path, seed: int) -> Iterator[Try]:
    """Each with the kind that it is counted under and its name."""
    rng = random.Random(seed)
    for number in range(40):
        after = rng.uniform(0.02, 1.5)
        yield "run: kill -9 of the driver", f"{number}", lambda a=after: killed(made, scratch, a)
    for count in (2, 8):
        for number in range(4 if count == 2 else 2):
            name = f"run: {count} at once on one store and OUT"
            yield name, f"{number}", lambda c=count: at_once(made, scratch, c)
    for jump in (-10 * 365 * 86400, -3600, 3600, 10 * 365 * 86400):
        yield "run: the clock jumps", f"{jump} s", lambda j=jump: jumped(made, scratch, j)
    yield "run: stale lock files", "0", lambda: stale(made, scratch)


def fresh(scratch: Path) -> tuple[Path, Path]:
    shutil.rmtree(scratch / "run", ignore_errors=True)
    (scratch / "run").mkdir()
    return scratch / "run/store", scratch / "run/out"


def command(made: Finished, root: Path, out: Path) -> tuple[object, ...]:
    return ("run", made.bench, "--out", out, "--store", root, "--no-tracking")


def finish(outcome: Outcome, made: Finished, root: Path, out: Path, said: Path) -> Outcome:
    """The same command without a fault: the records of a run that never had one."""
    if read_out(out) not in (None, made.truth):
        outcome.wrong.append("a reader gets records that no run wrote")
    code, words = in_fork(lambda: harness(*command(made, root, out)), said)
    if code or "Traceback" in words:
        outcome.resumed, outcome.untidy = False, words[-600:]
    elif holds(out) != made.truth:
        outcome.wrong.append("other records after the fault")
    return outcome


def killed(made: Finished, scratch: Path, after: float) -> Outcome:
    root, out = fresh(scratch)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            harness(*command(made, root, out))
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = [(path.parent.parent.parent.name, path.parent.name) for path in root.glob("*/*/*/manifest.json")]
    outcome = Outcome("kill -9", "run", f"after {after:.2f} s", how="died")
    outcome.lost = scenes.intact(root, found)
    return finish(outcome, made, root, out, scratch / "said")


def at_once(made: Finished, scratch: Path, count: int) -> Outcome:
    root, out = fresh(scratch)
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code, words = in_fork(lambda: harness(*command(made, root, out)), scratch / f"said{number}")
                code = code or 3 * ("Traceback" in words)
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    outcome = Outcome("at once", "run", f"{count}")
    if any(codes):
        outcome.untidy = "; ".join((scratch / f"said{n}").read_text()[-400:] for n, code in enumerate(codes) if code)
    if holds(out) != made.truth:
        outcome.wrong.append("other records")
    return finish(outcome, made, root, out, scratch / "said")


def jumped(made: Finished, scratch: Path, seconds: int) -> Outcome:
    root, out = fresh(scratch)
    in_fork(lambda: harness(*command(made, root, out)), scratch / "said")
    for path in [*root.rglob("*"), *out.rglob("*")]:
        os.utime(path, (time.time() + seconds, time.time() + seconds))
    (out / "leaderboard.json").unlink()

    def later() -> None:
        now = time.time
        time.time = lambda: now() + seconds
        harness(*command(made, root, out))

    code, words = in_fork(later, scratch / "said")
    outcome = Outcome("clock", "run", f"{seconds} s", message=told(words))
    if code:
        outcome.untidy = words[-600:]
    return finish(outcome, made, root, out, scratch / "said")


def stale(made: Finished, scratch: Path) -> Outcome:
    root, out = fresh(scratch)
    out.mkdir()
    (out / ".turn").write_text("12345")
    (root / "turns").mkdir(parents=True)
    (root / "tmp/elsewhere-1-00000000000000000000000000000000").mkdir(parents=True)
    (out / ".writing").write_text("1")
    (out / ".records.jsonl.99999").write_bytes(b"half")
    return finish(Outcome("stale", "run", "locks"), made, root, out, scratch / "said")
