"""Bounds of the squared distances of two sets, in square blocks, and exact ones of single pairs.

Distances are compared as squares, in float64: sums of squared differences. A matrix product gives every pair a lower
bound and a width within which its distance lies (from float32 products for wide float32 features). What the bounds
decide is decided; only what they leave in doubt is computed exactly. So equal rows are at distance exactly 0, equal
distances are equal, and the result depends on neither row order nor block size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.processor import CPU, Processor, worth
from harness.metrics.processor import Block as Factor
from harness.uncertainty import Rows, Vector, blocks

Index = npt.NDArray[np.intp]
WIDE = 512  # columns from which float32 features are multiplied in float32
SIDE = 2048  # rows of a block at most: a float32 product of two fills 16 MB
ORDINARY = 16  # binary orders of magnitude that squared lengths may be off 1
FLOOR = 1e-30  # squares that are smaller may have been rounded to zero


def squared_between(left: Rows, right: Rows, i: npt.NDArray[np.integer], j: npt.NDArray[np.integer]) -> Vector:
    """Sum of squared differences of the row pairs (i, j), in float64."""
    result = np.empty(len(i))
    for part in blocks(len(i), 2 * left.shape[1], size=2**20):
        difference = np.subtract(left[i[part]], right[j[part]], dtype=np.float64)
        difference *= difference
        result[part] = difference.sum(axis=1)
    return result


class Product:
    """Lower bounds of the squared distances of two sets, in blocks, in units in which rows are of ordinary length."""

    def __init__(self, left: Rows, right: Rows, processor: Processor = CPU) -> None:
        self.left, self.right = left, right
        d = left.shape[1]
        single = d >= WIDE and left.dtype == right.dtype == np.float32
        self.kind: type[np.floating] = np.float32 if single else np.float64
        # Rounding of a product of d terms: d eps at the very worst. In float32 that would doubt everything; BLAS sums
        # blocks of a few hundred terms, of which tests/metrics/test_neighbours.py finds 34 eps to be lost at most.
        bound = 128.0 if single else d + 16.0
        self.error = bound * float(np.finfo(self.kind).eps)
        # Distances ignore a shift; large norms would cancel badly.
        both = (left,) if right is left else (left, right)
        self.centre = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in both], axis=0).astype(self.kind)
        norms = [self._norms(rows) for rows in both]
        _, exponent = np.frexp(max(float(one.max()) for one in norms))
        # A power of two: it rounds nothing, and squares of very small and very large features keep their digits.
        # Features of most encoders need none.
        limit = np.finfo(self.kind).maxexp - 2
        power = 0 if abs(int(exponent)) <= ORDINARY else -((int(exponent) + 1) // 2)
        self.scale = 2.0 ** float(np.clip(power, -limit, limit))
        self.of_left = norms[0] * self.scale**2
        self.of_right = norms[-1] * self.scale**2
        self.processor = worth(processor, d)
        held = [self.processor.hold(rows, self.centre, self.scale) for rows in both]
        self._held_left, self._held_right = held[0], held[-1]

    def _norms(self, rows: Rows) -> Vector:
        found = np.empty(len(rows))
        for block in blocks(len(rows), 4 * rows.shape[1]):
            shifted = (rows[block] - self.centre).astype(np.float64, copy=False)
            found[block] = np.einsum("ij,ij->i", shifted, shifted)
        return found

    def sides(self, rows: Rows) -> list[slice]:
        """The blocks of one of the sets."""
        return list(blocks(len(rows), max(rows.shape[1], SIDE)))

    def factor(self, rows: Rows, part: slice | Index) -> Factor:
        """Some rows of either set, centred and scaled, as `bounds` takes them."""
        return (self._held_left if rows is self.left else self._held_right).block(part)

    def bounds(self, one: Factor, other: Factor, norms_one: Vector, norms_other: Vector) -> Rows:
        """What the scaled squared distances of two blocks are at least, given their factors and scaled norms.

        A pair's own lies at most `2 * width` higher.
        """
        less = 1.0 - self.error
        return self.processor.bounds(one, other, norms_one * less, norms_other * less)

    def each_block(self) -> Iterator[Block]:
        """The bounds of all pairs, block by block: those of the left rows' in order, and of the right rows' in each."""
        right = self.sides(self.right)
        for block in self.sides(self.left):
            one = self.factor(self.left, block)
            for number, other in enumerate(right):
                norms = self.of_left[block], self.of_right[other]
                yield Block(block, number, other, self.bounds(one, self.factor(self.right, other), *norms))

    def width(self, norms_one: Vector, norms_other: Vector) -> Vector:
        """By how much a scaled squared distance may lie off the middle of its bounds."""
        return np.asarray(self.error * (norms_one + norms_other) + FLOOR)


@dataclass(frozen=True)
class Block:
    """Lower bounds of the squared distances of some left rows to some right rows, those of block `number`."""

    left: slice
    number: int
    right: slice
    low: Rows


def rounded_up(values: Vector, kind: npt.DTypeLike) -> Rows:
    """Numbers of this kind that are no smaller."""
    return values if kind == np.float64 else np.nextafter(values.astype(np.float32), np.float32(np.inf))
