"""A real set that several sets of fakes are scored against: what depends on it alone is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from harness.uncertainty.design import INDEPENDENT, Design
from harness.uncertainty.features import Rows
from harness.uncertainty.sampling_units import Units

Found = TypeVar("Found")


Arrays = Mapping[str, npt.NDArray[Any]]


class Shelf(Protocol):
    """Where what was computed of a reference lasts beyond the process."""

    def load(self, what: Hashable) -> Arrays | None:
        """What `put` was given, where it is there and whole."""

    def put(self, what: Hashable, arrays: Arrays) -> None:
        """Keep these arrays."""


@dataclass(frozen=True)
class ReferenceSet:
    """Real rows (m, d), their independent units, and the seed of whatever is drawn on the real side.

    `known` is what metrics computed of these alone, by what it is. Whoever keeps the set between generators keeps it
    with it: moments, neighbours, sums over pairs. `training` are the rows (t, d) that generators were trained on, for
    metrics that read them; the same with every pair, and never drawn anew.
    """

    rows: Rows
    units: Units
    seed: int
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    shelf: Shelf | None = field(default=None, repr=False, compare=False)
    training: Rows | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        rows: Rows,
        *,
        seed: int,
        design: Design = INDEPENDENT,
        shelf: Shelf | None = None,
        training: Rows | None = None,
    ) -> ReferenceSet:
        """The set of `checked` rows, drawn as the design says.

        Raises UsageError for labels that are not one a row, strata with fewer than two units or units across strata.
        """
        return cls(rows, design.units(rows, "real"), seed, shelf=shelf, training=training)

    def once(self, what: Hashable, make: Callable[[], Found]) -> Found:
        """`make()`, of these rows, units and seed and of nothing else but what `what` names; kept from then on."""
        if what not in self.known:
            self.known[what] = make()
        found: Found = self.known[what]
        return found

    def arrays(self, what: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Named arrays from the shelf, or from `make()` and onto it: for what takes longer to compute than to read.

        `what` begins with the name of the module whose sources decide the arrays, which are those of `once`.
        """
        if self.shelf is None:
            return make()
        if (found := self.shelf.load(what)) is None:
            self.shelf.put(what, found := make())
        return found
