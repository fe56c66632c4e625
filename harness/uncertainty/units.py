"""Independent units: a row, or all exact copies of a repeated row. Copies carry no information of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Units:
    """Which unit each row belongs to. `first` is the first row of each unit, `sizes` its number of rows."""

    of: Index
    first: Index
    sizes: Index

    @property
    def count(self) -> int:
        """Number of units."""
        return len(self.first)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.of)

    @property
    def repeats(self) -> int:
        """Rows that repeat an earlier one."""
        return self.rows - self.count

    @property
    def effective(self) -> float:
        """The number of independent rows that would give the same variance of a mean: n² / Σ size²."""
        return float(self.rows**2 / np.sum(self.sizes.astype(np.float64) ** 2))

    def total(self, influence: Vector) -> Vector:
        """Influence per unit, scaled and centred so that its variance over `count` is the variance of the mean."""
        summed = np.bincount(self.of, weights=influence, minlength=self.count) * (self.count / self.rows)
        return np.asarray(summed - summed.mean())

    def note(self, side: str) -> str | None:
        """What an Estimate says about repeats, if there are any."""
        if not self.repeats:
            return None
        return (
            f"{self.repeats} of {self.rows} {side} rows repeat another exactly; "
            f"counted as {self.count} independent rows"
        )


def units(rows: npt.NDArray[Any]) -> Units:
    """Group the rows that are equal bit for bit (0.0 and -0.0 are equal)."""
    seen: dict[bytes, int] = {}
    of = np.empty(len(rows), dtype=np.intp)
    first: list[int] = []
    for number, row in enumerate(rows):
        unit = seen.setdefault((row + 0.0).tobytes(), len(first))
        if unit == len(first):
            first.append(number)
        of[number] = unit
    return Units(of, np.asarray(first, dtype=np.intp), np.bincount(of, minlength=len(first)))


def unit_pairs(
    left: Units, right: Units | None, count: int, among: int, rng: np.random.Generator
) -> tuple[Index, Index]:
    """Random pairs of rows from different units, drawn among that many units: within `left`, or across to `right`."""
    own = _some(left, among, rng)
    i = rng.integers(0, len(own), count)
    if right is not None:
        other = _some(right, among, rng)
        return own[i], other[rng.integers(0, len(other), count)]
    j = (i + rng.integers(1, max(len(own), 2), count)) % len(own)
    return own[i], own[j]


def _some(units: Units, among: int, rng: np.random.Generator) -> Index:
    return units.first if units.count <= among else rng.choice(units.first, among, replace=False)
