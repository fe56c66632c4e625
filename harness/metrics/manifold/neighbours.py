"""Exact nearest neighbours, from blocks of bounds in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.metrics.manifold.bounds import SIDE, Index, Product, rounded_up, squared_between
from harness.metrics.processor import CPU, Processor
from harness.uncertainty import Matrix, Rows, Vector, blocks

Numbers = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]

# A candidate is one number, so that sorting is what orders candidates: its place in the block of points, the bits of
# the lower bound (a float32 that is not negative), the number of the row.
ROW_BITS, BOUND_BITS = 22, 31
POINT, BOUND, ROW = np.uint64(ROW_BITS + BOUND_BITS), np.uint64(ROW_BITS), np.uint64(2**ROW_BITS - 1)
BOUND_MASK = np.uint64(2**BOUND_BITS - 1)
ULP = 2.0**-22  # a lower bound is rounded down to float32: its pair may lie this much higher


@dataclass(frozen=True)
class Neighbours:
    """The `depth` nearest rows of each point, nearest first, of equally distant ones the lowest number first.

    index    (n, depth) row numbers
    squared  (n, depth) squared distances, ascending, each within `slack` of the true one and exact where that is 0
    slack    (n, depth); `exact` makes more of them 0
    settled  (n,) how many places of each list are in their order

    Beyond `settled` a list holds the right rows, but those whose bounds overlap may stand in each other's places.
    """

    points: Rows
    rows: Rows
    index: Numbers
    squared: Matrix
    slack: Matrix
    settled: Index

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The lists by name, without the rows."""
        return {"index": self.index, "squared": self.squared, "slack": self.slack, "settled": self.settled}

    @classmethod
    def from_arrays(cls, rows: Rows, arrays: Mapping[str, npt.NDArray[Any]]) -> Neighbours:
        """The lists of rows among themselves that `to_arrays` gave."""
        # Copies: what comes from a file cannot be written to.
        return cls(rows, rows, *(arrays[name].copy() for name in ("index", "squared", "slack", "settled")))

    def settle(self, places: Index) -> Index:
        """Put the first `places` (n,) of each list in their order; the numbers of the lists that were not in it."""
        depth = self.index.shape[1]
        # Groups of neighbours whose bounds overlap, those that begin before the place asked for.
        apart = np.ones(self.index.shape, np.bool_)
        low, high = self.squared - self.slack, self.squared + self.slack
        apart[:, 1:] = low[:, 1:] > high[:, :-1]
        del low, high
        group = np.maximum.accumulate(np.where(apart, np.arange(depth, dtype=np.int32), np.int32(0)), axis=1)
        doubtful = ~apart
        doubtful[:, :-1] |= ~apart[:, 1:]
        doubtful &= (group < places[:, None]) & (group >= self.settled[:, None])
        point, place = np.nonzero(doubtful)
        row = self.index[point, place]
        squared = squared_between(self.points, self.rows, point, row)
        order = np.lexsort((row, squared, group[point, place], point))
        self.index[point, place], self.squared[point, place] = row[order], squared[order]
        self.slack[point, place] = 0.0
        np.maximum(self.settled, places, out=self.settled)
        return np.unique(point[row[order] != row])

    def exact(self, point: npt.NDArray[np.integer], place: npt.NDArray[np.integer]) -> Vector:
        """The squared distances of these points to their neighbours at these places (from 0); they are kept."""
        depth = self.index.shape[1]
        flat = point * depth + place
        doubtful, of = np.unique(flat, return_inverse=True)
        found = self.squared.ravel()[doubtful]
        some = np.flatnonzero(self.slack.ravel()[doubtful] > 0)
        i, at = np.divmod(doubtful[some], depth)
        found[some] = squared_between(self.points, self.rows, i, self.index[i, at])
        kept = at < self.settled[i]  # beyond, bounds are what `settle` goes by
        self.squared[i[kept], at[kept]] = found[some[kept]]
        self.slack[i[kept], at[kept]] = 0.0
        return np.asarray(found[of])

    def radius_squared(self, k: int) -> Vector:
        """Squared distance to the k-th nearest row (0 where a row has k exact duplicates)."""
        every = np.arange(len(self.index))
        return self.exact(every, np.full(len(every), k - 1))

    def beyond(
        self, place: npt.NDArray[np.integer], other: Neighbours, at: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """For each point, whether its nearest row at `place` is further than that row's own neighbour, at `at`."""
        point = np.arange(len(self.index))
        row = self.index[point, place].astype(np.intp)
        mine, theirs = self.squared[point, place], other.squared[row, at[row]]
        further = np.asarray(theirs < mine)
        doubtful = np.flatnonzero(np.abs(mine - theirs) <= self.slack[point, place] + other.slack[row, at[row]])
        if len(doubtful):
            mine = self.exact(doubtful, place[doubtful])
            further[doubtful] = other.exact(row[doubtful], at[row[doubtful]]) < mine
        return further


def depth_for(k: int, groups: int) -> int:
    """List length that the k-th neighbour within a group overruns with probability below 1e-9 a row."""
    return groups * (k + 5 * ceil(sqrt(k)) + 8)


def nearest(
    rows: Rows, depth: int, *, points: Rows | None = None, rough: bool = False, processor: Processor = CPU
) -> Neighbours:
    """The `depth` nearest other rows of each row, or the nearest rows of each of `points`; `depth` of them exist.

    `rough` lists are to be settled as far as they are read.
    """
    if points is not None:
        found = Nearest(Product(rows, points, processor), depth)
        for pairs in found.product.each_block():
            found.offer(pairs.number, pairs.low, pairs.left.start)
        return found.neighbours(rough=rough)
    found = Nearest(Product(rows, rows, processor), depth)
    product, norms = found.product, found.product.of_left
    for number, block in enumerate(found.blocks):
        one = product.factor(rows, block)
        for other in (number, *range(number)):  # its own block first: in sorted data that has the nearest
            beside = found.blocks[other]
            two = one if other == number else product.factor(rows, beside)
            low = product.bounds(one, two, norms[block], norms[beside])
            if other == number:
                np.fill_diagonal(low, np.inf)
            else:
                found.offer(other, low, block.start)
            found.offer(number, low.T, beside.start)
    return found.neighbours(rough=rough)


class Nearest:
    """Collects, for each right row of a product, its `depth` nearest left rows, from blocks in any order."""

    def __init__(self, product: Product, depth: int) -> None:
        self.product, self.depth = product, depth
        self.blocks = product.sides(product.right)
        self.keys: list[Keys] = [np.empty(0, np.uint64) for _ in self.blocks]
        # What the distance of the depth-th nearest is at most; that of its lower bound is `wide` less.
        self.limit = np.full(len(product.right), np.inf)
        self.wide = 2.0 * product.width(product.of_right, product.of_left.max())
        self.most = 4 * depth + 256
        self.crowded: list[int] = []  # points with more candidates than that: equal distances

    def offer(self, number: int, low: Rows, start: int) -> None:
        """Take in the lower bounds (rows, points) of rows from `start` on to a block of points."""
        block = self.blocks[number]
        limit = self.limit[block]
        within = low <= rounded_up(limit, low.dtype)
        if len(low) >= self.depth and np.count_nonzero(within) > 4 * self.depth * low.shape[1]:
            nearest_here = np.partition(low.T, self.depth - 1, axis=1)[:, self.depth - 1]
            limit = np.minimum(limit, nearest_here * (1.0 + ULP) + self.wide[block])
            within = low <= rounded_up(limit, low.dtype)
            if len(crowded := np.flatnonzero(within.sum(axis=0) > self.most)):
                self._leave(number, crowded)
                limit[crowded] = -np.inf
                within[:, crowded] = False
        if within.flags.c_contiguous:
            row, point = np.divmod(np.flatnonzero(within), low.shape[1])
        else:
            point, row = np.divmod(np.flatnonzero(within.T), low.shape[0])
        bound = np.maximum(low[row, point], 0.0)
        if bound.dtype != np.float32:
            bound = np.maximum(np.nextafter(bound.astype(np.float32), np.float32(-np.inf)), np.float32(0.0))
        bits = bound.view(np.uint32).astype(np.uint64)
        new = (point.astype(np.uint64) << POINT) | (bits << BOUND) | (row + start).astype(np.uint64)
        keys = np.concatenate([self.keys[number], new])
        keys.sort()
        starts = self._starts(keys, block)
        full = np.flatnonzero(np.diff(starts) >= self.depth)
        reached = _bound(keys[starts[full] + self.depth - 1]) * (1.0 + ULP) + self.wide[block][full]
        limit[full] = np.minimum(limit[full], reached)
        keys = keys[_bound(keys) <= limit[keys >> POINT]]
        crowded = np.flatnonzero(np.diff(self._starts(keys, block)) > self.most)
        self.keys[number], self.limit[block] = keys, limit
        self._leave(number, crowded)

    def _leave(self, number: int, crowded: Index) -> None:
        """Leave points of a block to `_search`: no bound tells their neighbours apart."""
        if len(crowded):
            block = self.blocks[number]
            self.crowded += (crowded + block.start).tolist()
            self.limit[crowded + block.start] = -np.inf
            self.keys[number] = self.keys[number][self.limit[block][self.keys[number] >> POINT] >= 0]

    @staticmethod
    def _starts(keys: Keys, block: slice) -> Index:
        return np.searchsorted(keys, np.arange(block.stop - block.start + 1, dtype=np.uint64) << POINT)

    def neighbours(self, *, rough: bool = False) -> Neighbours:
        """The lists of all points, `rough` ones to be settled as far as they are read."""
        product, depth = self.product, self.depth
        shape = (len(product.right), depth)
        settled = np.full(len(product.right), 0 if rough else depth, np.intp)
        arrays = np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape)
        found = Neighbours(product.right, product.left, *arrays, settled)
        for block, keys in zip(self.blocks, self.keys, strict=True):
            self._order(found, block, keys, rough)
        if self.crowded:
            distinct = _Distinct(product.left)
            points = np.array(sorted(self.crowded), np.intp)
            for some in blocks(len(points), len(distinct.first), size=8 * 2**20):
                self._search(found, points[some], distinct)
        return found

    def _order(self, found: Neighbours, block: slice, keys: Keys, rough: bool) -> None:
        """Write the lists of a block of points: by lower bound where that decides, exactly where bounds overlap."""
        if not len(keys):
            return
        product = self.product
        point, row = (keys >> POINT).astype(np.intp), (keys & ROW).astype(np.intp)
        low = _bound(keys)
        first = np.flatnonzero(np.diff(point, prepend=-1))
        # One width for all candidates of a point: then their upper bounds are in the order of the lower ones.
        widest = np.maximum.reduceat(product.of_left[row], first)
        counts = np.diff(first, append=len(keys))
        slack = np.repeat(product.width(product.of_right[block][point[first]], widest), counts)
        slack += 0.5 * ULP * low
        apart = np.ones(len(keys), np.bool_)
        apart[1:] = (point[1:] != point[:-1]) | (low[1:] > low[:-1] + 2.0 * slack[:-1])
        place = np.arange(len(keys)) - np.repeat(first, counts)
        group = np.cumsum(apart)
        doubtful = ~apart
        doubtful[:-1] |= ~apart[1:]
        begins = np.flatnonzero(apart)
        doubtful &= place[begins][group - 1] < self.depth
        if rough:  # only what may or may not be on the list
            ends = place[np.append(begins[1:], len(keys)) - 1]
            doubtful &= ends[group - 1] >= self.depth
        some = np.flatnonzero(doubtful)
        squared = (low + slack) / product.scale**2
        slack /= product.scale**2
        if len(some):
            exact = squared_between(product.right, product.left, point[some] + block.start, row[some])
            order = some[np.lexsort((row[some], exact, group[some]))]
            squared[some] = exact
            slack[some] = 0.0
            row[some], squared[some] = row[order], squared[order]
        kept = place < self.depth
        to = point[kept] + block.start, place[kept]
        found.index[to], found.squared[to], found.slack[to] = row[kept], squared[kept], slack[kept]

    def _search(self, found: Neighbours, points: Index, distinct: _Distinct) -> None:
        """Write the lists of some points, from their distances to all distinct rows."""
        product, depth = self.product, self.depth
        low = np.empty((len(points), len(distinct.first)), product.kind)
        one = product.factor(product.right, points)
        for part in blocks(len(distinct.first), max(product.left.shape[1], SIDE)):
            two = product.factor(product.left, distinct.first[part])
            low[:, part] = product.bounds(one, two, product.of_right[points], product.of_left[distinct.first[part]])
        own = product.left is product.right  # then a point is among the rows, and not its own neighbour
        for number, point in enumerate(points):
            order = np.argsort(low[number])
            enough = int(np.searchsorted(np.cumsum(distinct.sizes[order]), depth + own))
            limit = float(low[number, order[enough]]) + self.wide[point]
            groups = np.flatnonzero(low[number] <= limit)
            rows = distinct.first[groups]
            exact = squared_between(product.right, product.left, np.full(len(rows), point), rows)
            order = np.argsort(exact, kind="stable")
            enough = int(np.searchsorted(np.cumsum(distinct.sizes[groups[order]]), depth + own))
            chosen = order[exact[order] <= exact[order[enough]]]
            alike = [distinct.rows(group, depth + 1) for group in groups[chosen]]
            squared = np.repeat(exact[chosen], [len(copies) for copies in alike])
            row = np.concatenate(alike)
            if own:
                squared, row = squared[row != point], row[row != point]
            best = np.lexsort((row, squared))[:depth]
            found.index[point], found.squared[point] = row[best], squared[best]


class _Distinct:
    """The distinct rows of a set: the `first` row of each, how many there are of it, and which."""

    def __init__(self, rows: Rows) -> None:
        seen: dict[bytes, int] = {}
        of = np.array([seen.setdefault(blake2b(row + 0.0).digest(), len(seen)) for row in rows])  # -0.0 is 0.0
        self.sizes = np.bincount(of)
        self._order = np.argsort(of, kind="stable")
        self._starts = np.cumsum(self.sizes) - self.sizes
        self.first: Index = self._order[self._starts]

    def rows(self, group: int, most: int) -> Index:
        """The lowest numbers of rows that are alike."""
        start = self._starts[group]
        return self._order[start : start + min(most, int(self.sizes[group]))]


def _bound(keys: Keys) -> Vector:
    return (keys >> BOUND & BOUND_MASK).astype(np.uint32).view(np.float32).astype(np.float64)
