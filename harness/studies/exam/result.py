"""Report cards: how each metric moved under each law, and whether that is what it must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One metric under one law.

    answer     what it must do: "worse", "same"
    values     at each level, its values over the repeats
    passed     whether it did
    why        in words, where it did not
    seen_from  fewest images a side, of those tried, from which half the damage is seen; None where not at any, or
               nothing is to be seen
    bend       largest departure from a straight line over the levels, as a share of the whole change
    """

    law: str
    what: str
    answer: str
    levels: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    passed: bool
    why: str = ""
    seen_from: int | None = None
    bend: float | None = None


@dataclass(frozen=True)
class Card:
    """A metric's report card. `unasked` names the laws that ask nothing of a metric of its axis, and why.

    `seconds` is the CPU time of its value, without an interval, on `cost_rows` × `cost_columns` features a side.
    """

    metric: str
    label: str
    axis: str
    better: str
    parameters: Mapping[str, Any]
    checks: tuple[Check, ...]
    unasked: Mapping[str, str]
    seconds: float | None = None
    cost_rows: int = 0
    cost_columns: int = 0
    refused: str = ""

    @property
    def passed(self) -> Sequence[Check]:
        """The checks that it stood."""
        return [check for check in self.checks if check.passed]

    @property
    def failed(self) -> Sequence[Check]:
        """The checks that it did not."""
        return [check for check in self.checks if not check.passed]

    def allows(self, law: str) -> bool:
        """Whether the metric was asked under the law and did what it must."""
        return any(check.law == law and check.passed for check in self.checks)


@dataclass(frozen=True)
class Exam:
    """All cards, and how they were made: rows a side, repeats of each level, the seed."""

    cards: tuple[Card, ...]
    n: int
    repeats: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Every number of every card."""
        return asdict(self)
