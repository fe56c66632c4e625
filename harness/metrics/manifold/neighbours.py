"""Exact nearest neighbours and "which points lie in which balls", in row blocks.

Distances are compared as squares, in float64. A matrix product finds the candidates (in float32 for wide float32
features); whatever a comparison could turn on is recomputed as the sum of squared differences. So equal rows are at
distance exactly 0, equal distances are equal, and the result depends on neither row order nor block size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.uncertainty import Matrix, Rows, Vector, blocks

Index = npt.NDArray[np.intp]
SPARE = 4  # candidates beyond the depth asked for: enough unless distances tie
WIDE = 512  # columns from which float32 features are multiplied in float32


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
    for part in blocks(len(i), 2 * left.shape[1], size=4 * 2**20):
        difference = left[i[part]].astype(np.float64)
        difference -= right[j[part]]
        difference *= difference
        result[part] = difference.sum(axis=1)
    return result


def nearest(rows: Rows, depth: int, *, points: Rows | None = None) -> Neighbours:
    """The `depth` nearest other rows of each row, or the nearest rows of each of `points`.

    Of equally distant ones the lowest row numbers come first.
    """
    others = len(rows) - (points is None)
    of = rows if points is None else points
    take = min(depth + SPARE, others)
    squared = np.empty((len(of), depth))
    index = np.empty((len(of), depth), dtype=np.intp)
    for block, approximate, slack in _products(of, rows):
        own = np.arange(block.start, block.stop)
        if points is None:
            approximate[own - block.start, own] = np.inf
        near = np.argpartition(approximate, (depth - 1, take - 1), axis=1)[:, :take]
        exact = squared_between(of, rows, np.repeat(own, take), near.ravel()).reshape(near.shape)
        order = np.lexsort((near, exact), axis=1)[:, :depth]
        squared[block] = np.take_along_axis(exact, order, axis=1)
        index[block] = np.take_along_axis(near, order, axis=1)
        if take == others:
            continue
        # Where the spare candidates are no further than the error of the product, the true neighbour may lie beyond.
        limit = np.take_along_axis(approximate, near[:, depth - 1 : depth], axis=1) + 2 * slack
        furthest = np.take_along_axis(approximate, near[:, take - 1 : take], axis=1)
        for row in np.flatnonzero((furthest <= limit)[:, 0]):
            wider = np.flatnonzero(approximate[row] <= limit[row])
            exact_row = squared_between(of, rows, np.full(len(wider), own[row]), wider)
            best = np.lexsort((wider, exact_row))[:depth]
            squared[own[row]], index[own[row]] = exact_row[best], wider[best]
    return Neighbours(squared, index)


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
    """Points that lie in balls, sorted by centre, and the smallest rank whose ball holds the point.

    Rank r means: inside the ball that reaches to the centre's neighbour number r (from 0) and outside the one before;
    `closed` for balls with the points at their radius, `open` for balls without. A rank equal to the number of radii
    given means outside all of them.
    """

    centre: Index
    point: Index
    closed: npt.NDArray[np.uint16]
    open: npt.NDArray[np.uint16]


def edges(
    real: Rows, fake: Rows, *, around_real: Matrix | None = None, around_fake: Matrix | None = None
) -> Iterator[tuple[Edges | None, Edges | None]]:
    """Every pair within the largest radius, in blocks of real rows: balls around real rows, and around fake rows.

    `around_real` is (m, depth): squared radii, ascending along each row; `around_fake` (n, depth) likewise; None leaves
    a side out.
    """
    for block, approximate, slack in _products(real, fake):
        forward = backward = None
        if around_real is not None:
            radii = around_real[block]
            i, j = np.nonzero(approximate <= radii[:, -1:] + slack)
            forward = _ranked(real, fake, i + block.start, j, radii, i, approximate[i, j], slack[i, 0])
        if around_fake is not None:
            i, j = np.nonzero((approximate <= around_fake[:, -1] + slack).T)
            found = _ranked(fake, real, i, j + block.start, around_fake, i, approximate[j, i], slack[j, 0])
            backward = found
        yield forward, backward


def _ranked(
    centres: Rows, points: Rows, centre: Index, point: Index, radii: Matrix, row: Index, value: Rows, slack: Vector
) -> Edges:
    depth = radii.shape[1]
    rank = np.empty(len(row), np.uint16)
    starts = np.searchsorted(row, np.arange(len(radii) + 1))
    for number in np.flatnonzero(np.diff(starts)):
        part = slice(starts[number], starts[number + 1])
        rank[part] = np.searchsorted(radii[number], value[part])
    above = radii[row, np.minimum(rank, depth - 1)] - value
    below = value - radii[row, np.maximum(rank, 1) - 1]
    doubtful = np.flatnonzero((np.abs(above) <= slack) | (np.abs(below) <= slack))
    closed, opened = rank, rank.copy()
    for part in blocks(len(doubtful), 2 * depth):
        some = doubtful[part]
        exact = squared_between(centres, points, centre[some], point[some])[:, None]
        closed[some] = (radii[row[some]] < exact).sum(axis=1)
        opened[some] = (radii[row[some]] <= exact).sum(axis=1)
    inside = closed < depth
    return Edges(centre[inside], point[inside], closed[inside], opened[inside])


def _products(left: Rows, right: Rows) -> Iterator[tuple[slice, Rows, Rows]]:
    """Blocks of left rows with their approximate squared distances to all right rows and each row's error bound."""
    d = left.shape[1]
    single = d >= WIDE and left.dtype == right.dtype == np.float32
    kind = np.float32 if single else np.float64
    # Rounding of a product of d terms: d eps at the very worst. In float32 that would doubt everything; 16 sqrt(d) eps
    # is still many times what blocked summation reaches.
    error = (16.0 * d**0.5 if single else d + 16.0) * float(np.finfo(kind).eps)
    centre = right.mean(axis=0, dtype=np.float64)  # distances ignore a shift; large norms would cancel badly
    moved = np.empty(right.shape, kind)
    norms = np.empty(len(right))
    for part in blocks(len(right), d):
        shifted = right[part] - centre
        norms[part] = np.einsum("ij,ij->i", shifted, shifted)
        moved[part] = shifted
    largest = float(norms.max())
    norms = norms.astype(kind)
    for block in blocks(len(left), len(right)):
        rows = left[block] - centre
        own = np.einsum("ij,ij->i", rows, rows)[:, None]
        squared = rows.astype(kind) @ moved.T
        squared *= -2.0
        squared += own.astype(kind)
        squared += norms
        yield block, squared, error * (own + largest)
