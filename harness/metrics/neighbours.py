"""Exact nearest neighbours and "which points lie in which balls", in row blocks.

Distances are compared as squares, in float64. A matrix product finds the candidates; whatever a comparison could turn
on is recomputed as the sum of squared differences, so that equal rows are at distance exactly 0, equal distances are
equal, and the result depends on neither the order of the rows nor the block size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.metrics.features import Matrix, Rows, Vector, blocks

Index = npt.NDArray[np.intp]
EPS = float(np.finfo(np.float64).eps)
SPARE = 4  # candidates beyond the depth asked for, so that rounding in the product cannot displace a true neighbour


@dataclass(frozen=True)
class Neighbours:
    """The `depth` nearest other rows of each row, nearest first: squared distances and row numbers, both (n, depth)."""

    squared: Matrix
    index: Index

    def radius_squared(self, k: int) -> Vector:
        """Squared distance to the k-th nearest other row (0 where a row has k exact duplicates)."""
        return np.ascontiguousarray(self.squared[:, k - 1])


def squared_between(left: Rows, right: Rows, i: Index, j: Index) -> Vector:
    """Sum of squared differences of the row pairs (i, j), in float64."""
    result = np.empty(len(i))
    for part in blocks(len(i), 2 * left.shape[1]):
        difference = left[i[part]].astype(np.float64)
        difference -= right[j[part]]
        difference *= difference
        result[part] = difference.sum(axis=1)
    return result


def nearest(rows: Rows, depth: int) -> Neighbours:
    """The `depth` nearest other rows of each row."""
    n = len(rows)
    take = min(depth + SPARE, n - 1)
    squared = np.empty((n, depth))
    index = np.empty((n, depth), dtype=np.intp)
    for block, approximate, _ in _products(rows, rows):
        approximate[np.arange(block.stop - block.start), np.arange(block.start, block.stop)] = np.inf
        near = np.argpartition(approximate, take - 1, axis=1)[:, :take] if take < n - 1 else _others(block, n)
        owner = np.repeat(np.arange(block.start, block.stop), take)
        exact = squared_between(rows, rows, owner, near.ravel()).reshape(near.shape)
        order = np.lexsort((near, exact), axis=1)[:, :depth]  # by distance, then row number
        squared[block] = np.take_along_axis(exact, order, axis=1)
        index[block] = np.take_along_axis(near, order, axis=1)
    return Neighbours(squared, index)


def _others(block: slice, n: int) -> Index:
    every = np.broadcast_to(np.arange(n), (block.stop - block.start, n))
    mask = every != np.arange(block.start, block.stop)[:, None]
    return np.asarray(every[mask].reshape(-1, n - 1))


def nearest_to(points: Rows, rows: Rows) -> tuple[Vector, Index]:
    """For each point, the squared distance to its nearest row and that row's number (the lowest of equals)."""
    squared = np.empty(len(points))
    index = np.empty(len(points), dtype=np.intp)
    for block, approximate, slack in _products(points, rows):
        i, j = np.nonzero(approximate <= approximate.min(axis=1, keepdims=True) + 2 * slack)
        exact = squared_between(points[block], rows, i, j)
        order = np.lexsort((j, exact, i))
        first = order[np.unique(i[order], return_index=True)[1]]
        squared[block], index[block] = exact[first], j[first]
    return squared, index


@dataclass(frozen=True)
class Edges:
    """Points that lie in balls: centre, point, and the smallest rank whose ball holds the point.

    `rank` r means: inside the ball that reaches to the centre's neighbour number r (from 0) and outside the one before.
    Sorted by centre, then point.
    """

    centre: Index
    point: Index
    rank: npt.NDArray[np.uint8]


def edges(centres: Rows, radii_squared: Matrix, points: Rows, *, closed: bool) -> Iterator[Edges]:
    """Every (centre, point) pair within the centre's largest radius, in blocks of centres.

    `radii_squared` is (len(centres), depth), ascending along each row, depth at most 255. A closed ball holds the
    points at its radius, an open one does not.
    """
    side: Literal["left", "right"] = (
        "left" if closed else "right"
    )  # closed: first radius >= distance; open: first radius > distance
    for block, approximate, slack in _products(centres, points):
        radii = radii_squared[block]
        i, j = np.nonzero(approximate <= radii[:, -1:] + slack)
        value = approximate[i, j]
        give = slack[i, 0]
        starts = np.searchsorted(i, np.arange(len(radii) + 1))
        low, high = np.empty(len(i), np.uint8), np.empty(len(i), np.uint8)
        for row in range(len(radii)):
            part = slice(starts[row], starts[row + 1])
            low[part] = np.searchsorted(radii[row], value[part] - give[part], side=side)
            high[part] = np.searchsorted(radii[row], value[part] + give[part], side=side)
        doubtful = np.flatnonzero(low != high)
        if len(doubtful):
            exact = squared_between(centres[block], points, i[doubtful], j[doubtful])
            if closed:
                high[doubtful] = (radii[i[doubtful]] < exact[:, None]).sum(axis=1)
            else:
                high[doubtful] = (radii[i[doubtful]] <= exact[:, None]).sum(axis=1)
        inside = high < radii.shape[1]
        yield Edges(i[inside] + block.start, j[inside], high[inside])


def _products(left: Rows, right: Rows) -> Iterator[tuple[slice, Matrix, Matrix]]:
    """Blocks of left rows with their approximate squared distances to all right rows and each row's error bound."""
    centre = right.mean(axis=0, dtype=np.float64)  # distances ignore a shift; large norms would cancel badly
    moved = right - centre
    norms = (moved**2).sum(axis=1)
    largest = float(norms.max())
    for block in blocks(len(left), len(right)):
        rows = left[block] - centre
        own = (rows**2).sum(axis=1)[:, None]
        squared = rows @ moved.T
        squared *= -2.0
        squared += own
        squared += norms
        yield block, squared, (left.shape[1] + 16) * EPS * (own + largest)  # bounds the rounding of the product
