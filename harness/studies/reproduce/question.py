"""One question, one line: is this number consistent with that one? No file of claims is needed.

What the question does not say (data set, resolution, reference) is taken to be the same on both sides, and the answer
says that it rests on that. Where nobody printed a spread, the noise of one evaluation is what tables of several runs
typically print.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from math import floor, isfinite, log10
from pathlib import Path
from statistics import median
from typing import Any

from harness.base import UsageError, unknown
from harness.studies.reproduce.claims import Claim, Pointer, load, names, path_of, printed_number
from harness.studies.reproduce.judging import Judged, judge
from harness.studies.reproduce.noise import printed_noise
from harness.studies.reproduce.runs import USES, runs_for

RUNS = 3  # what a spread is taken to be over where nobody says: few, so that it is not trusted too far
PIPELINE = re.compile("harness [0-9a-f]{16}")
SAME = ("dataset", "resolution", "reference_split", "n_real", "selection")


@dataclass(frozen=True)
class Printed:
    """A number as it was printed, and what was said beside it. `std` is the spread over `runs` evaluations.

    `protocol` is the name of one, or what a run of ours calls a pipeline of its own, `harness` and 16 digits.
    """

    value: str
    protocol: str | None = None
    n: int | None = None
    std: str | None = None
    runs: int | None = None


@dataclass(frozen=True)
class Answer:
    """The verdict, and what was assumed to reach it."""

    judged: Judged
    notes: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The verdict with its reason, then all other evidence, then what was assumed."""
        test = self.judged.tests[0] if self.judged.tests else None
        evidence = test.evidence if test is not None else (self.judged.reason,)
        first, *others = evidence
        return [
            f"{self.judged.verdict}: {first}",
            *(f"    {one}" for one in others),
            *(f"note: {n}" for n in self.notes),
        ]


def of_two(mine: Printed, theirs: Printed, *, metric: str = "fid", level: float = 0.95) -> Answer:
    """Whether two printed numbers of one model agree.

    Raises UsageError for a number, a metric or a protocol that is none.
    """
    notes: list[str] = []
    noise: list[str] = []
    pair = [_claim(name, one, metric, notes) for name, one in (("mine", mine), ("theirs", theirs))]
    first, second = _with_noise(pair[0], pair[1], noise)
    found = judge(first, (first, second), level=level)
    tested = any(isfinite(test.p) for test in found.tests)
    return Answer(found, (*notes, *(noise if tested else ())))


def of_run(
    out: Path, generator: str, theirs: Printed, *, metric: str = "fid", encoder: str | None = None, level: float = 0.95
) -> Answer:
    """Whether a printed number agrees with a finished run's generator, whose own noise is known.

    Raises UsageError for a folder that is not a run, and for a generator, encoder or metric that it does not have.
    """
    from harness.pipeline import lockfile

    notes: list[str] = []
    claim = _claim("theirs", theirs, metric, notes)
    held = lockfile.read_lock(out)
    if held is None:
        raise UsageError(f"{out} holds no run: there is no {lockfile.LOCK} in it that can be read")
    bench = held["benchmark"]
    own = next((name for name, entry in bench["metrics"].items() if entry["use"] in USES[metric]), metric)
    whole = bool(bench["n_real"] == bench["data"]["splits"][bench["reference_split"]]["size"])
    same: dict[str, Any] = {"n_real": bench["n_real"], "whole_split": whole}
    if claim.n_fake is None:
        same["n_fake"] = bench["n_fake"]
        notes.append(f"theirs is taken to be of {bench['n_fake']:,} images, as this run; say --n if it is not")
    pointer = Pointer(
        generator=generator,
        metric="fdr6" if metric == "fdr6" else own,
        encoder=encoder,
        out=str(out.absolute()),
        same=("dataset", "reference_split", "resolution"),
    )
    claim = claim.model_copy(update={**same, "ours": pointer})
    return Answer(judge(claim, (), runs_for(claim, out.parent, ()), level=level), tuple(notes))


def _claim(name: str, printed: Printed, metric: str, notes: list[str]) -> Claim:
    """The number as a claim, with all that is not said taken to be the other side's."""
    if metric not in USES:
        raise UsageError(unknown("metric", metric, USES))
    from harness.benchmark import protocols

    own = printed.protocol is not None and PIPELINE.fullmatch(printed.protocol) is not None
    if printed.protocol is not None and not own:
        protocols.load(printed.protocol)  # says which there are
    value, spread = _read(name, printed.value), None if printed.std is None else _read(f"std of {name}", printed.std)
    runs = printed.runs
    if spread is not None and runs is None:
        runs = RUNS
        notes.append(f"the spread of {name} is taken to be over {RUNS} runs; say --runs if it is over others")
    return Claim.model_validate(
        {
            "id": name,
            "model": "one and the same",
            "metric": metric,
            "value": value[1],
            "decimals": value[2],
            "bound": {"<": "below", ">": "above"}.get(value[0][:1].replace("≤", "<").replace("≥", ">")),
            "std": None if spread is None else spread[1],
            "std_decimals": None if spread is None else spread[2],
            "seeds": runs,
            "source": "the question",
            "where": f"--{name}",
            "pipeline" if own else "protocol": printed.protocol,
            # Stand-ins, equal on both sides: the verdict says that it rests on their being so.
            "dataset": "the same",
            "resolution": 1,
            "reference_split": "the same",
            "n_real": "all",
            "n_fake": printed.n,
            "selection": "single",
            "inferred": SAME,
        }
    )


def _read(name: str, text: str) -> tuple[str, float, int]:
    found = printed_number(text.strip())
    if found is None:
        raise UsageError(f"{name}: found {text!r}; expected a number as printed, such as 2.30")
    return found


def _with_noise(mine: Claim, theirs: Claim, notes: list[str]) -> tuple[Claim, Claim]:
    """The two with typical noise where neither has any."""
    if printed_noise(mine) is not None or printed_noise(theirs) is not None:
        return mine, theirs
    share, rows, runs = typical(mine.metric)
    if not rows:
        return mine, theirs
    spread = share * (abs(mine.value) + abs(theirs.value)) / 2
    places = max(0, 1 - floor(log10(spread))) if spread > 0 else 0
    notes.append(
        f"no spread was said (--std); the noise of one evaluation is taken to be {share:.1%} of the value, the median "
        f"of {rows} published rows of {mine.metric} with a spread over runs"
    )
    return mine, theirs.model_copy(update={"std": float(f"{spread:.2g}"), "std_decimals": places, "seeds": runs})


@cache
def typical(metric: str) -> tuple[float, int, int]:
    """The median of spread over value in the shipped tables, of how many rows, and over how many runs these are."""
    found: list[tuple[float, int]] = []
    for name in names():
        for claim in load(path_of(name)).claims:
            noise = printed_noise(claim)
            if claim.metric == metric and noise is not None and claim.value > 0 and claim.std is not None:
                found.append((claim.std / claim.value, int(noise.degrees) + 1))
    if not found:
        return 0.0, 0, 0
    return float(median(share for share, _ in found)), len(found), int(median(runs for _, runs in found))
