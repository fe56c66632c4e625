"""Independent units: a row, all exact copies of a repeated row, or a cluster that the caller declares.

Copies carry no information of their own; rows of a cluster (one prompt, one class, one video) less than as many rows.
Units of a stratum (a class of which a fixed number is drawn) are draws of their own: only the spread within strata is
noise.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Units:
    """Which unit each row belongs to. `first` is the first row of each unit, `sizes` its number of rows.

    `repeats` counts rows that repeat an earlier one; `clustered` says that units are declared clusters; `strata` is the
    stratum of each unit, 0, 1, …, where the number of units from each was fixed beforehand.
    """

    of: Index
    first: Index
    sizes: Index
    repeats: int
    clustered: bool = False
    strata: Index | None = None

    @property
    def independent(self) -> bool:
        """Whether the units are a plain sample: one row each, drawn from one population."""
        return not self.clustered and self.strata is None

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
        """Influence per unit, scaled and centred so that its variance over `count` is the variance of the mean.

        With strata that is Σ (n_h/n)² s_h²/n_h, the spread within each (Cochran, Sampling Techniques, 5.6).
        """
        summed = np.bincount(self.of, weights=influence, minlength=self.count) * (self.count / self.rows)
        if self.strata is None:
            return np.asarray(summed - summed.mean())
        sizes = np.bincount(self.strata).astype(np.float64)
        within = summed - (np.bincount(self.strata, weights=summed) / sizes)[self.strata]
        factor = np.sqrt(sizes / (sizes - 1.0) * (self.count - 1.0) / self.count)
        return np.asarray(within * factor[self.strata])

    def note(self, side: str) -> str | None:
        """What an Estimate says about repeats, clusters and strata, if there are any."""
        if self.strata is not None:
            inside = f" ({self.count} clusters)" if self.clustered else ""
            return (
                f"{self.rows} {side} rows{inside} in {int(self.strata.max()) + 1} strata of fixed size: only the "
                "spread within strata counts as noise"
            )
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


def units(
    rows: npt.NDArray[Any], clusters: npt.ArrayLike | None = None, strata: npt.ArrayLike | None = None, side: str = ""
) -> Units:
    """Group the rows that are equal bit for bit (0.0 and -0.0 are equal), and those of a cluster.

    Clusters that share a repeated row are one. Raises UsageError for labels that are not one per row, for a cluster (or
    copies of a row) in several strata, and for a stratum with one unit, whose spread cannot be known.
    """
    found = _units(rows, clusters, f"clusters{side}")
    if strata is None:
        return found
    label = _labels(rows, strata, f"strata{side}")
    own = label[found.first]
    if (label != own[found.of]).any():
        raise UsageError(f"`strata{side}` puts rows of one cluster, or copies of one row, into several strata")
    small = np.bincount(own) < 2
    if small.any():
        raise UsageError(
            f"`strata{side}` has {int(small.sum())} strata with one independent unit; each needs at least 2 to show "
            "its spread: join strata or leave them out"
        )
    return replace(found, strata=own)


def _labels(rows: npt.NDArray[Any], given: npt.ArrayLike, name: str) -> Index:
    """Labels as numbers by order of first appearance."""
    array = np.asarray(given)
    if array.shape != (len(rows),):
        raise UsageError(f"`{name}` has shape {array.shape}; it must hold one label for each of the {len(rows)} rows")
    return _first_seen(array.tolist())[0]


def _units(rows: npt.NDArray[Any], clusters: npt.ArrayLike | None, name: str) -> Units:
    copies, first = _first_seen((row + 0.0).tobytes() for row in rows)
    repeats = len(rows) - len(first)
    if clusters is None:
        return Units(copies, first, np.bincount(copies, minlength=len(first)), repeats)
    own = _labels(rows, clusters, name)
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
