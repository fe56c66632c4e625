"""Sums of a kernel over pairs of rows, taken block by block from products; in float64 whatever the products are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.kernel.kernels import Kernel
from harness.uncertainty import Index, Matrix, Rows, Vector

COLUMNS = 1024  # rows of the right side whose products with a panel of the left are taken at a time
STRIP = 64  # rows of products that become kernel values at a time, so that these stay in the processor's cache


class KeptProducts:
    """Products of some rows, in ascending order, with all of the other side, collected while a pass takes them."""

    def __init__(self, some: Index, products: Rows) -> None:
        self.some, self.products = some, products

    def meet(self, products: Rows, rows: slice, others: slice) -> None:
        """Products of `rows` of this side with `others`."""
        at = slice(*np.searchsorted(self.some, (rows.start, rows.stop)))
        self.products[at, others] = products[self.some[at] - rows.start]


@dataclass
class PairSums:
    """Of k over pairs: by left row, by right row, of squares, and within each subset; and what products were kept."""

    left: Vector
    right: Vector
    kept: KeptProducts | None
    square: float = 0.0
    grouped: Vector | float = 0.0


@dataclass(frozen=True)
class KernelPairs:
    """Whose pairs are summed, and what besides: see `Tally`.

    terms    what each left and each right row adds to the kernel's argument
    own      left and right are one set: each unordered pair of different rows is met once, and counted twice
    members  (m, s) and (n, s): 1 where a left or right row is in a subset, else 0; for sums within subsets
    some     rows whose products are kept: right ones, or, of one set, its own
    """

    kernel: Kernel
    terms: tuple[Vector, Vector]
    own: bool
    members: tuple[Matrix, Matrix] | None = None
    some: Index | None = None


class Tally:
    """Takes in blocks of rows in any order, and sums the kernel of their pairs."""

    def __init__(self, asked: KernelPairs, panel_rows: int, kind: npt.DTypeLike) -> None:
        self.asked = asked
        m, n = map(len, asked.terms)
        left = np.zeros(m)
        kept = None
        if asked.some is not None:
            kept = KeptProducts(asked.some, np.empty((len(asked.some), n if asked.own else m), kind))
        self.sums = PairSums(left, left if asked.own else np.zeros(n), kept)
        self.products = np.empty(panel_rows * COLUMNS, kind)
        self.t, self.values = np.empty(STRIP * COLUMNS), np.empty(STRIP * COLUMNS)

    def meet(self, rows: slice, right: slice, one: Rows, other: Rows) -> None:
        """Left `rows` and `right` ones, as `one` and `other` of the same centre."""
        asked, found = self.asked, self.sums
        products = np.matmul(one, other.T, out=self.products[: len(one) * len(other)].reshape(len(one), len(other)))
        if found.kept is not None:
            if asked.own:
                found.kept.meet(products, rows, right)
            found.kept.meet(products.T, right, rows)
        same = asked.own and rows == right
        times = 2.0 if asked.own and not same else 1.0
        of_rows, of_right = asked.terms[0][rows], asked.terms[1][right]
        for strip, values in kernel_strips(asked.kernel, products, of_rows, of_right, self.t, self.values):
            some = slice(rows.start + strip.start, rows.start + strip.stop)
            if same:
                values[np.arange(len(values)), np.arange(strip.start, strip.stop)] = 0.0
            else:
                found.right[right] += values.sum(axis=0)
            found.left[some] += values.sum(axis=1)
            found.square += times * float(np.vdot(values, values))
            if asked.members is not None:
                left, others = asked.members
                found.grouped += times * np.einsum("is,is->s", left[some], values @ others[right])

    def found(self) -> PairSums:
        """The sums so far."""
        return self.sums


def kernel_strips(
    kernel: Kernel, products: Rows, left_terms: Vector, right_terms: Vector, t: Vector, values: Vector
) -> Iterator[tuple[slice, Matrix]]:
    """Kernel values of some rows of `products` at a time in float64; `t` and `values` are room that each overwrites."""
    m, n = products.shape
    for start in range(0, m, STRIP):
        some = slice(start, min(start + STRIP, m))
        size = (some.stop - start) * n
        of_t, of_values = (part[:size].reshape(-1, n) for part in (t, values))
        np.multiply(products[some], kernel.scale, out=of_t, dtype=np.float64)
        of_t += right_terms
        of_t += left_terms[some, None]
        yield some, kernel.of(of_t, of_values)
