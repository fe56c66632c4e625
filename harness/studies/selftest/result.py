"""One published value beside ours, and all of a protocol's together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.studies.selftest.catalogue import Case


@dataclass(frozen=True)
class Outcome:
    """One published value beside ours; `ours` is None where it could not be computed, and `missing` says why.

    Each line of `missing` is one thing to mend: data or weights and where they belong, or what does not fit.
    """

    case: Case
    ours: float | None
    missing: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["agrees", "differs", "not run"]:
        """`agrees` where ours lies within the tolerance, both ends included. NaN differs."""
        if self.ours is None:
            return "not run"
        return "agrees" if abs(self.ours - self.case.value) <= self.case.tolerance else "differs"


@dataclass(frozen=True)
class Tally:
    """How many published values of a protocol agree here, differ, and were not run, and what to mend for those."""

    protocol: str
    agree: int
    differ: int
    absent: int
    missing: tuple[str, ...]


def tally(protocol: str, outcomes: Sequence[Outcome]) -> Tally:
    """The outcomes counted, each thing to mend once."""
    agree, differ, absent = (sum(o.verdict == v for o in outcomes) for v in ("agrees", "differs", "not run"))
    missing = dict.fromkeys(line for outcome in outcomes for line in outcome.missing)
    return Tally(protocol, agree, differ, absent, tuple(missing))
