"""Independent units: a row, all exact copies of a repeated row, or a cluster that the caller declares.

Copies carry no information of their own; rows of a cluster (one prompt, one video) less than as many rows. Units may
lie in strata (see `strata`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


BEGINNING = 16  # columns
FEW = 50.0  # independent units: below, their number bounds the degrees of freedom


@dataclass(frozen=True)
class Units:
    """Which unit each row belongs to. `first` is the first row of each unit, `sizes` its number of rows.

    `repeats` counts rows that repeat an earlier one; `clustered` says that units are declared clusters. `strata` is the
    stratum of each unit, 0, 1, …, or None where units are drawn from the whole population.
    """

    of: Index
    first: Index
    sizes: Index
    repeats: int
    clustered: bool = False
    strata: Index | None = None

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

    @property
    def largest(self) -> float:
        """The share of the rows that the largest unit has."""
        return float(self.sizes.max()) / self.rows

    @property
    def few(self) -> bool:
        """Whether rows hang together in so few units that no expansion in their number is known to err on one side."""
        return self.effective < min(FEW, self.rows)

    @property
    def stratum_sizes(self) -> Index:
        """Number of units of each stratum; of all units where there are no strata."""
        return np.asarray([self.count]) if self.strata is None else np.bincount(self.strata)

    def total(self, influence: Vector) -> Vector:
        """Influence per unit, scaled and centred so that its variance over `count` is the variance of the mean.

        With strata of m_h units the variance of the mean is Σ m_h var_h(unit sums) / rows². Centring within strata and
        scaling each to m_h - 1 degrees of freedom makes the plain variance equal to that, and stays linear in the
        influence, so that sums and differences over generators need no case of their own. Clusters of unlike sizes are
        scaled by what centring takes from the larger of them (`_lost_to_centring`).
        """
        summed = np.bincount(self.of, weights=influence, minlength=self.count) * (self.count / self.rows)
        if self.strata is None:
            return np.asarray((summed - summed.mean()) * np.sqrt(self._lost_to_centring()))
        sizes = self.stratum_sizes
        means = np.bincount(self.strata, weights=summed) / sizes
        freedom = np.sqrt(sizes / (sizes - 1) * (self.count - 1) / self.count)
        return np.asarray((summed - means[self.strata]) * freedom[self.strata])

    def _lost_to_centring(self) -> float:
        """The variance of a mean over what the plain variance of cluster sums is on average; 1 for equal sizes.

        Influence is centred on the mean of all rows, towards which a large cluster draws it: of a cluster's sum
        n_i c_i, with independent c_i, what is left has the variance Σ n_i² (1 - 2 n_i/n + Σ n_j²/n²), and not
        Σ n_i² (1 - 1/G). For 12 clusters of 7 rows and one of 36 that is a quarter too little.
        """
        if not self.clustered or self.sizes.min() == self.sizes.max():
            return 1.0  # also of exact copies, whose number is chance and not a size
        share = self.sizes / self.rows
        squares = float(np.sum(share**2))
        return (1.0 - 1.0 / self.count) / (1.0 - 2.0 * float(np.sum(share**3)) / squares + squares)

    def note(self, side: str) -> str | None:
        """What an Estimate says about repeats, clusters and strata, if there are any."""
        counted = self._counted(side)
        if self.strata is None:
            return counted
        strata = f"{self.rows} {side} rows in {len(self.stratum_sizes)} strata; what varies is what lies within them"
        return strata + (f"; {counted}" if counted else "")

    def _counted(self, side: str) -> str | None:
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
    copies, first = _copies(rows)
    repeats = len(rows) - len(first)
    if clusters is None:
        return Units(copies, first, np.bincount(copies, minlength=len(first)), repeats)
    given = np.asarray(clusters)
    if given.shape != (len(rows),):
        raise UsageError(f"`{name}` has shape {given.shape}; it must hold one label for each of the {len(rows)} rows")
    own, _ = first_seen(given.tolist())
    root = np.arange(own.max() + 1)
    for cluster, row in zip(own, first[copies], strict=True):  # join clusters that share a copied row
        a, b = _root(root, int(cluster)), _root(root, int(own[row]))
        root[max(a, b)] = min(a, b)
    of, start = first_seen(_root(root, int(cluster)) for cluster in own)
    return Units(of, start, np.bincount(of, minlength=len(start)), repeats, clustered=len(start) < len(first))


def _copies(rows: npt.NDArray[Any]) -> tuple[Index, Index]:
    """`first_seen` of whole rows: only those that begin alike are read to their end."""
    start = [row.tobytes() for row in rows[:, :BEGINNING] + 0.0]  # + 0.0 makes -0.0 positive
    count = Counter(start)
    if len(count) == len(start):
        every = np.arange(len(start))
        return every, every
    return first_seen(
        beginning if count[beginning] == 1 else (row + 0.0).tobytes()
        for beginning, row in zip(start, rows, strict=True)
    )


def first_seen(labels: Iterable[Hashable]) -> tuple[Index, Index]:
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
