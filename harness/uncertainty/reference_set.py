"""A real set that several sets of fakes are scored against: what depends on it alone is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.uncertainty.design import INDEPENDENT, Design
from harness.uncertainty.features import Rows
from harness.uncertainty.sampling_units import Units

Found = TypeVar("Found")


@dataclass(frozen=True)
class ReferenceSet:
    """Real rows (m, d), their independent units, and the seed of whatever is drawn on the real side.

    `known` is what metrics computed of these alone, by what it is. Whoever keeps the set between generators keeps it
    with it: moments, neighbours, sums over pairs.
    """

    rows: Rows
    units: Units
    seed: int
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, rows: Rows, *, seed: int, design: Design = INDEPENDENT) -> ReferenceSet:
        """The set of `checked` rows, drawn as the design says.

        Raises UsageError for labels that are not one a row, strata with fewer than two units or units across strata.
        """
        return cls(rows, design.units(rows, "real"), seed)

    def once(self, what: Hashable, make: Callable[[], Found]) -> Found:
        """`make()`, of these rows, units and seed and of nothing else but what `what` names; kept from then on."""
        if what not in self.known:
            self.known[what] = make()
        found: Found = self.known[what]
        return found
