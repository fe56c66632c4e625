"""What judgements say: generators in order, each with its interval and the ranks that the data allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.base import Estimate
from harness.uncertainty import SeedMember


@dataclass(frozen=True)
class Placed:
    """A generator's value, its rank by value, the ranks the data allow, and those it is not told apart from."""

    generator: str
    estimate: Estimate
    rank: int
    rank_low: int
    rank_high: int
    tied_with: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """All generators, best first. `shared` is what they have in common (prompts, voters), `units` how many of it."""

    judge: str
    shared: str
    units: int
    lower_is_better: bool
    level: float
    placed: tuple[Placed, ...]
    notes: tuple[str, ...]
    groups: Mapping[str, Sequence[SeedMember]]

    def to_json(self) -> dict[str, Any]:
        """Every number of the table."""
        return {
            "judge": self.judge,
            "shared": self.shared,
            "units": self.units,
            "lower_is_better": self.lower_is_better,
            "level": self.level,
            "generators": [asdict(one) for one in self.placed],
            "notes": list(self.notes),
        }
