"""Faults of whole processes: killed at any moment, many at once, stale locks, another clock."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tests.faults.runs import Place, finish, in_fork, told
from tests.faults.scenes import Finished, Outcome, holds, intact

Try = tuple[str, str, Callable[[], Outcome]]
TICK = 1 / os.sysconf("SC_CLK_TCK")


def tries(made: Finished, scratch: Path, seed: int) -> Iterator[Try]:
    """Each with the kind that it is counted under and its name."""
    rng = random.Random(seed)

    @cache
    def whole() -> float:
        return cpu_of_a_run(made, scratch)

    for number in range(40):
        share = rng.uniform(0.0, 1.0)
        yield "run: kill -9 of the driver", f"{number}", lambda s=share: killed(made, scratch, s * whole())
    for count in (2, 8):
        for number in range(4 if count == 2 else 2):
            name = f"run: {count} at once on one store and OUT"
            yield name, f"{number}", lambda c=count: at_once(made, scratch, c)
    for jump in (-10 * 365 * 86400, -3600, 3600, 10 * 365 * 86400):
        yield "run: the clock jumps", f"{jump} s", lambda j=jump: jumped(made, scratch, j)
    yield "run: stale lock files", "0", lambda: stale(made, scratch)


def cpu_of_a_run(made: Finished, scratch: Path) -> float:
    """Seconds of CPU of a run that nothing disturbs: on a busy machine they say where a run is, the clock does not."""
    place = Place.fresh(scratch)

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    in_fork(lambda: place.run(made), place.said)
    return spent() - before


def killed(made: Finished, scratch: Path, after: float) -> Outcome:
    """Killed once it has used so many seconds of CPU."""
    place = Place.fresh(scratch)
    outcome = Outcome("kill -9", "run", f"after {after:.2f} s of CPU")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            place.run(made)
            code = 0
        finally:
            os._exit(code)
    while _used(child) < after:
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        outcome.how = "died"
    found = [(path.parent.parent.parent.name, path.parent.name) for path in place.store.glob("*/*/*/manifest.json")]
    outcome.lost = intact(place.store, found)
    return finish(outcome, made, place)


def _used(process: int) -> float:
    """Seconds of CPU of a child so far; without end where it has ended by itself."""
    state, *rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return float("inf") if state == "Z" else sum(map(int, rest[10:12])) * TICK


def at_once(made: Finished, scratch: Path, count: int) -> Outcome:
    """So many runs of one benchmark into one OUT at the same time."""
    place = Place.fresh(scratch)
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code, words = in_fork(lambda: place.run(made), scratch / f"said{number}")
                code = code or 3 * ("Traceback" in words)
            finally:
                os._exit(code & 0xFF)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    outcome = Outcome("at once", "run", f"{count}")
    if any(codes):
        outcome.untidy = "; ".join((scratch / f"said{n}").read_text()[-400:] for n, code in enumerate(codes) if code)
    if holds(place.out) != made.truth:
        outcome.wrong.append("other records")
    return finish(outcome, made, place)


def jumped(made: Finished, scratch: Path, seconds: int) -> Outcome:
    """Every file is of another time, and the run goes on at another one."""
    place = Place.fresh(scratch)
    in_fork(lambda: place.run(made), place.said)
    for path in [*place.store.rglob("*"), *place.out.rglob("*")]:
        os.utime(path, (time.time() + seconds, time.time() + seconds))
    (place.out / "leaderboard.json").unlink()

    def later() -> None:
        now = time.time
        time.time = lambda: now() + seconds
        place.run(made)

    code, words = in_fork(later, place.said)
    outcome = Outcome("clock", "run", f"{seconds} s", message=told(words))
    if code:
        outcome.untidy = words[-600:]
    return finish(outcome, made, place)


def stale(made: Finished, scratch: Path) -> Outcome:
    """What a process that is gone may have left."""
    place = Place.fresh(scratch)
    place.out.mkdir()
    (place.out / ".turn").write_text("12345")
    (place.store / "turns").mkdir(parents=True)
    (place.store / "tmp/elsewhere-1-00000000000000000000000000000000").mkdir(parents=True)
    (place.out / ".writing").write_text("1")
    (place.out / ".records.jsonl.99999").write_bytes(b"half")
    return finish(Outcome("stale", "run", "locks"), made, place)
