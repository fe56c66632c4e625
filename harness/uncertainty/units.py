"""Independent units: a row, all exact copies of a repeated row, or a cluster that the caller declares.

Copies carry no information of their own; rows of a cluster (one prompt, one class, one video) less than as many rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Units:
    """Which unit each row belongs to. `first` is the first row of each unit, `sizes` its number of rows.

    `repeats` counts rows that repeat an earlier one; `clustered` says that units are declared clusters.
    """

    of: Index
    first: Index
    sizes: Index
    repeats: int
    clustered: bool = False

    @property
    def count(self) -> int:
        """Number of units."""
        return len(self.first)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.of)

    @property
    def effective(self) -> float:
        """The number of independent rows that would give the same variance of a mean: n² / Σ size²."""
        return float(self.rows**2 / np.sum(self.sizes.astype(np.float64) ** 2))

    def total(self, influence: Vector) -> Vector:
        """Influence per unit, scaled and centred so that its variance over `count` is the variance of the mean."""
        summed = np.bincount(self.of, weights=influence, minlength=self.count) * (self.count / self.rows)
        return np.asarray(summed - summed.mean())

    def note(self, side: str) -> str | None:
        """What an Estimate says about repeats and clusters, if there are any."""
        if self.clustered:
            return f"{self.rows} {side} rows in {self.count} clusters, each counted as one independent unit" + (
                f"; {self.repeats} rows repeat another exactly" if self.repeats else ""
            )
        if not self.repeats:
            return None
        return (
            f"{self.repeats} of {self.rows} {side} rows repeat another exactly; "
            f"counted as {self.count} independent rows"
        )


def units(rows: npt.NDArray[Any], clusters: npt.ArrayLike | None = None, name: str = "clusters") -> Units:
    """Group the rows that are equal bit for bit (0.0 and -0.0 are equal), and those of a cluster.

    Clusters that share a repeated row are one. Raises UsageError for clusters that are not one label per row.
    """
    copies, first = _first_seen((row + 0.0).tobytes() for row in rows)
    repeats = len(rows) - len(first)
    if clusters is None:
        return Units(copies, first, np.bincount(copies, minlength=len(first)), repeats)
    given = np.asarray(clusters)
    if given.shape != (len(rows),):
        raise UsageError(f"`{name}` has shape {given.shape}; it must hold one label for each of the {len(rows)} rows")
    own, _ = _first_seen(given.tolist())
    root = np.arange(own.max() + 1)
    for cluster, row in zip(own, first[copies], strict=True):  # join clusters that share a copied row
        a, b = _root(root, int(cluster)), _root(root, int(own[row]))
        root[max(a, b)] = min(a, b)
    of, start = _first_seen(_root(root, int(cluster)) for cluster in own)
    return Units(of, start, np.bincount(of, minlength=len(start)), repeats, clustered=len(start) < len(first))


def _first_seen(labels: Iterable[Hashable]) -> tuple[Index, Index]:
    """Numbers by order of first appearance, and the position of each first appearance."""
    seen: dict[Hashable, int] = {}
    first: list[int] = []
    of: list[int] = []
    for position, label in enumerate(labels):
        number = seen.setdefault(label, len(first))
        if number == len(first):
            first.append(position)
        of.append(number)
    return np.asarray(of, dtype=np.intp), np.asarray(first, dtype=np.intp)


def _root(parents: Index, node: int) -> int:
    while parents[node] != node:
        node = int(parents[node])
    return node


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
