"""The average of every generator, its six terms, and by how much the printed constants let it move."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from harness.base import Estimate


@dataclass(frozen=True)
class Term:
    """One distance over its constant. `low`, `high`: the ratio by every constant that prints the same."""

    encoder: str
    distance: float
    constant: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The distance over the constant as printed."""
        return self.distance / self.constant


@dataclass(frozen=True)
class Average:
    """A generator's average. `rank` is None for one that gives the reference back."""

    generator: str
    estimate: Estimate
    terms: tuple[Term, ...]
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None

    @property
    def by_constants(self) -> tuple[float, float]:
        """The least and the largest average over constants that print the same, the distances being what they are."""
        count = len(self.terms)
        return sum(term.low for term in self.terms) / count, sum(term.high for term in self.terms) / count


@dataclass(frozen=True)
class Averaged:
    """All generators of a run, best first."""

    protocol: str
    level: float
    rows: tuple[Average, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Every number of the table."""
        return {
            "protocol": self.protocol,
            "level": self.level,
            "generators": [
                {
                    **asdict(row),
                    "terms": [{**asdict(term), "ratio": term.ratio} for term in row.terms],
                    "by_constants": list(row.by_constants),
                }
                for row in self.rows
            ],
            "left_out": self.left_out,
            "notes": list(self.notes),
        }
