"""Which points lie in which balls, from blocks of bounds; pairs that these leave in doubt are computed exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.manifold.bounds import Block, Index, Product, rounded_up, squared_between
from harness.metrics.manifold.neighbours import Nearest, Neighbours
from harness.uncertainty import Rows, Vector, blocks

Ranks = npt.NDArray[np.uint16]
EDGES = 2**22  # pairs handled at a time


class Radii:
    """Balls around rows that reach to their neighbours at some places of their lists, from 0, ascending."""

    def __init__(self, lists: Neighbours, places: npt.ArrayLike) -> None:
        self.lists, self.places = lists, np.asarray(places, np.intp)
        self.squared, self.slack = lists.squared[:, self.places], lists.slack[:, self.places]
        self.furthest = self.squared[:, -1] + self.slack[:, -1]

    def _settle(self, centre: Index, number: Index) -> None:
        self.squared[centre, number] = self.lists.exact(centre, self.places[number])
        self.slack[centre, number] = 0.0

    def rank(self, points: Rows, centre: Index, point: Index, squared: Vector, slack: Vector) -> tuple[Ranks, Ranks]:
        """How many balls of each centre are too small for the point, and how many of them if balls are open."""
        count = len(self.places)
        rank = np.zeros(len(centre), np.intp)
        step = 1 << (count.bit_length() - 1)
        while step:  # a binary search of all pairs at once
            ahead = rank + step <= count
            ahead &= self.squared[centre, np.minimum(rank + step, count) - 1] < squared
            rank += step * ahead
            step >>= 1
        doubtful = np.zeros(len(centre), np.bool_)
        for number in (np.minimum(rank, count - 1), np.maximum(rank, 1) - 1):
            doubtful |= np.abs(self.squared[centre, number] - squared) <= slack + self.slack[centre, number]
        some = np.flatnonzero(doubtful)
        closed = rank.astype(np.uint16)
        opened = closed.copy()
        for part in blocks(len(some), 4 * count):
            pairs = some[part]
            own = centre[pairs]
            exact = squared_between(self.lists.points, points, own, point[pairs])[:, None]
            near = np.abs(self.squared[own] - exact) <= self.slack[own]
            near &= self.slack[own] > 0
            pair, number = np.nonzero(near)
            self._settle(own[pair], number)
            closed[pairs] = (self.squared[own] < exact).sum(axis=1)
            opened[pairs] = (self.squared[own] <= exact).sum(axis=1)
        return closed, opened


@dataclass(frozen=True)
class Edges:
    """Points that lie in balls, sorted by centre, and the smallest rank whose ball holds the point.

    Rank r means: inside the ball of radius number r (from 0) and outside the one before; `closed` for balls with the
    points at their radius, `open` for balls without. A rank equal to the number of radii means outside all of them.
    """

    centre: Index
    point: Index
    closed: Ranks
    open: Ranks


def edges(
    product: Product,
    *,
    around_left: Radii | None = None,
    around_right: Radii | None = None,
    also: Nearest | None = None,
) -> Iterator[tuple[Edges | None, Edges | None]]:
    """Every pair within the largest radius, in pieces: of balls around left rows, and of balls around right rows.

    `also` is given all bounds of the same pass.
    """
    scaled = product.scale**2
    reach_left = None if around_left is None else rounded_up(around_left.furthest * scaled, product.kind)
    reach_right = None if around_right is None else rounded_up(around_right.furthest * scaled, product.kind)
    for block in product.each_block():
        if also is not None:
            also.offer(block.number, block.low, block.left.start)
        if around_left is not None:
            assert reach_left is not None
            flat = np.flatnonzero(block.low <= reach_left[block.left][:, None])
            for part in blocks(len(flat), 1, size=EDGES):
                yield _edges(product, around_left, block, flat[part], turned=False), None
        if around_right is not None:
            assert reach_right is not None
            flat = np.flatnonzero(block.low <= reach_right[block.right])
            flat = flat[np.argsort(flat % block.low.shape[1], kind="stable")]
            for part in blocks(len(flat), 1, size=EDGES):
                yield None, _edges(product, around_right, block, flat[part], turned=True)


def _edges(product: Product, radii: Radii, block: Block, flat: Index, *, turned: bool) -> Edges:
    i, j = np.divmod(flat, block.low.shape[1])
    left, right = i + block.left.start, j + block.right.start
    width = product.width(product.of_left[left], product.of_right[right])
    squared, slack = (block.low[i, j] + width) / product.scale**2, width / product.scale**2
    centre, point, points = (right, left, product.left) if turned else (left, right, product.right)
    closed, opened = radii.rank(points, centre, point, squared, slack)
    inside = closed < len(radii.places)
    return Edges(centre[inside], point[inside], closed[inside], opened[inside])
