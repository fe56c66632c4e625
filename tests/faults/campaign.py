"""The campaign: which faults are tried, how often, what came of them, and the page that says so."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tests.faults import runs, scenes
from tests.faults.layer import Fault
from tests.faults.scenes import DAMAGE, Finished, Outcome

# kind of fault → whether it lasts, whether reads are what fails
KINDS: dict[str, tuple[bool, bool]] = {
    "EIO": (False, False),
    "EIO when read": (False, True),
    "ENOSPC": (True, False),
    "EDQUOT": (True, False),
    "EROFS": (True, False),
    "EACCES": (True, False),
    "cut": (False, False),
    "kill": (False, False),
    "power": (False, False),
    "slow": (True, False),
}
WORDS = {
    "EIO": "one change fails: EIO",
    "EIO when read": "one read fails: EIO",
    "ENOSPC": "the disk is full from then on",
    "EDQUOT": "the quota is used up from then on",
    "EROFS": "read-only from then on",
    "EACCES": "no permission from then on",
    "cut": "half a write, then ENOSPC",
    "kill": "the process is killed, half a write done",
    "power": "power is lost: what was not synced is gone, zeroed or half",
    "slow": "every change takes 2 ms longer",
}


@dataclass
class Tally:
    """Counts of one kind in one scene."""

    tried: int = 0
    survived: int = 0
    failed: int = 0
    died: int = 0
    resumed: int = 0
    lost: int = 0
    wrong: int = 0
    untidy: int = 0
    messages: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.tried += 1
        setattr(self, outcome.how, getattr(self, outcome.how) + 1)
        self.resumed += outcome.resumed
        self.lost += bool(outcome.lost)
        self.wrong += bool(outcome.wrong)
        self.untidy += bool(outcome.untidy)
        if outcome.message:
            self.messages[outcome.message] += 1


def faults(kind: str, ends: int, rng: random.Random, most: int | None) -> Iterator[Fault]:
    """Faults at every operation from 1 to `ends`, or at `most` of them drawn at random."""
    lasting, reads = KINDS[kind]
    places = list(range(1, ends + 1))
    if most is not None and most < len(places):
        places = sorted(rng.sample(places, most))
    name = "EIO" if reads else kind
    if kind == "slow":
        places = places[:1]
    for at in places:
        yield Fault(name, at, lasting, reads, seed=rng.randrange(10**6))


def length(work: Callable[[Fault], Outcome], *, reads: bool) -> int:
    """How many operations the work has: a fault beyond them is never hit. Found by bisection."""
    low, high = 1, 4096
    while low < high:
        middle = (low + high + 1) // 2
        if work(Fault("EIO", middle, False, reads)).hit:
            low = middle
        else:
            high = middle - 1
    return low


def campaign(
    scratch: Path, *, seed: int, full: bool, only: str | None, known: dict[str, Outcome] | None = None
) -> Iterator[tuple[str, Outcome]]:
    """Every fault with its outcome, under a name that a later run with the same seed knows it by."""
    known = known or {}
    warnings.simplefilter("ignore")
    made = Finished.made(scratch / "made")
    places: dict[str, tuple[Callable[[Fault], Outcome], int | None]] = {
        "store": (lambda fault: scenes.in_store(fault, scratch), None if full else 12),
        "OUT": (lambda fault: scenes.in_out(fault, made, scratch), None if full else 4),
        "run": (lambda fault: runs.in_run(fault, made, scratch), 6 if full else 0),
    }
    for how, number, which in product(DAMAGE, range(4 if full else 1), range(40)):
        tries: dict[str, Callable[[], Outcome | None]] = {
            "store": partial(scenes.damaged_store, how, which, seed + number, scratch),
            "OUT": partial(scenes.damaged_out, how, which, seed + number, made, scratch),
        }
        for scene, attempt in tries.items():
            if full or scene == "store" or which % 3 == 1:
                yield from _once(f"{scene}: damage, {how}", f"{which} {seed + number}", attempt, known, only)
    for scene, (work, most) in places.items():
        if most == 0 or not any(_asked(f"{scene}: {kind}", only) for kind in KINDS):
            continue
        bisected = partial(length, work)
        ends = runs.operations(made, scratch) if scene == "run" else {r: bisected(reads=r) for r in (False, True)}
        for kind, (_, reads) in KINDS.items():
            rng = random.Random(f"{seed} {scene} {kind}")
            for fault in faults(kind, ends[reads], rng, most):
                yield from _once(f"{scene}: {kind}", str(fault), partial(work, fault), known, only)
            if kind == "power":  # after the last step: what was said to be done is there
                for number in range(8 if full else 2):
                    fault = Fault("power", 10**6, seed=number)
                    yield from _once(f"{scene}: power", str(fault), partial(work, fault), known, only)
    if full:
        from tests.faults import processes

        for scene, name, attempt in processes.tries(made, scratch, seed):
            yield from _once(scene, name, attempt, known, only)


def _asked(scene: str, only: str | None) -> bool:
    return only is None or only in scene


def _once(
    scene: str, name: str, work: Callable[[], Outcome | None], known: dict[str, Outcome], only: str | None
) -> Iterator[tuple[str, Outcome]]:
    key = f"{scene} | {name}"
    if not _asked(scene, only):
        return
    found = known[key] if key in known else work()
    if found is not None and found.hit:
        yield key, found


def run(*, seed: int, full: bool, only: str | None, kept: Path | None, told: bool) -> dict[str, Tally]:
    """The campaign with its counts by kind; a line for what was lost or wrong. `kept` makes it go on where it was."""
    known: dict[str, Outcome] = {}
    if kept is not None and kept.is_file():
        for line in kept.read_text().splitlines():
            key, values = json.loads(line)
            known[key] = Outcome(**values)
    tallies: dict[str, Tally] = {}
    scratch, began = scenes.shm(), time.monotonic()
    try:
        for key, outcome in campaign(scratch, seed=seed, full=full, only=only, known=known):
            tallies.setdefault(key.split(" | ")[0], Tally()).add(outcome)
            if not outcome.is_clean:
                print(f"{key}: {outcome}", flush=True)
            if kept is not None and key not in known:
                with kept.open("a") as stream:
                    stream.write(json.dumps([key, asdict(outcome)]) + "\n")
            total = sum(one.tried for one in tallies.values())
            if told and total % 100 == 0:
                print(f"{total} faults, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return tallies


def small(_: Any = None) -> int:
    """The small campaign, for tests: exit code 0 where a hundred faults or more cost nothing."""
    tallies = run(seed=0, full=False, only=None, kept=None, told=False)
    totals = {name: sum(getattr(one, name) for one in tallies.values()) for name in ("tried", "resumed", *BAD)}
    print(json.dumps(totals))
    return 0 if totals["tried"] >= 100 and not any(totals[name] for name in BAD) else 1


BAD = ("lost", "wrong", "untidy")
COUNTS = ("tried", "survived", "failed", "died", "resumed", *BAD)
TABLE = "<!-- counts -->"


def rows(tallies: dict[str, Tally], by: str) -> list[dict[str, Any]]:
    """A row of the page for each kind; `by`: the command that counted it."""
    found = []
    for name, tally in tallies.items():
        where, _, fault = name.partition(": ")
        words = list(dict.fromkeys(map(_without_names, dict(tally.messages.most_common(9)))))[:2]
        counts = {column: getattr(tally, column) for column in COUNTS}
        found.append({"where": where, "fault": WORDS.get(fault, fault), **counts, "messages": words, "by": by})
    return found


def _without_names(message: str) -> str:
    """A message without names that are others in every run: keys, temporary folders."""
    return re.sub(r"[0-9a-f]{32,}", "…", re.sub(r"tmp/[\w.-]+", "tmp/…", message))


def merged(kept: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of earlier campaigns, each replaced by the new one of its name; new names come last."""
    named = {(row["where"], row["fault"]): row for row in new}
    found = [named.pop((row["where"], row["fault"]), row) for row in kept]
    return found + list(named.values())


def table(lines: list[dict[str, Any]]) -> str:
    """Rows as Markdown, then the commands that counted them."""
    text = [f"| where | fault | {' | '.join(COUNTS)} | messages |", f"| --- | --- |{' ---: |' * len(COUNTS)} --- |"]
    for row in lines:
        words = "; ".join(message.replace("|", "/") for message in row["messages"])
        counts = " | ".join(str(row[column]) for column in COUNTS)
        text.append(f"| {row['where']} | {row['fault']} | {counts} | {words[:160]} |")
    sums = " | ".join(f"**{sum(row[column] for row in lines)}**" for column in COUNTS)
    text += [f"| **all** | | {sums} | |", ""]
    for command in dict.fromkeys(row["by"] for row in lines):
        places = dict.fromkeys(row["where"] for row in lines if row["by"] == command)
        text.append(f"- {', '.join(places)}: `{command}`")
    return "\n".join(text)


def write_page(page: Path, lines: list[dict[str, Any]]) -> None:
    """Put the counts into the page, between its two marks."""
    head, _, rest = page.read_text(encoding="utf-8").partition(TABLE)
    _, _, tail = rest.partition(TABLE)
    page.write_text(f"{head}{TABLE}\n\n{table(lines)}\n\n{TABLE}{tail}", encoding="utf-8")


def keep(page: Path, tallies: dict[str, Tally], by: str, *, whole: bool) -> None:
    """Put counts among the rows beside the page, in place of all of them after a `whole` campaign; write the page."""
    beside = page.with_suffix(".json")
    held = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() and not whole else []
    lines = merged(held, rows(tallies, by))
    beside.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in lines) + "\n]\n", "utf-8")
    write_page(page, lines)
