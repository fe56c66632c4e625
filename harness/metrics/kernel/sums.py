"""Sums of a kernel over all pairs of rows, in one pass over blocks of products."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from harness.metrics.kernel.kernels import Kernel
from harness.metrics.kernel.tally import COLUMNS, KeptProducts, KernelPairs, PairSums
from harness.metrics.processor import CPU, Processor, Totals, worth
from harness.metrics.rounding import NEGLIGIBLE, product_error, single
from harness.uncertainty import Index, Matrix, Rows, Vector, blocks

Found = TypeVar("Found")
Kind = type[np.float32] | type[np.float64]

PANEL_BYTES = 64 * 2**20  # of a panel, which has four times as many rows where they fit
MOST_KEPT = 2**14  # rows a side up to which products of some rows are kept, not taken again: 32 MB each of 512


class Once(Protocol):
    """`ReferenceSet.once`, or a function that keeps nothing."""

    def __call__(self, what: Hashable, make: Callable[[], Found], /) -> Found:
        """What `make` gives, or gave before."""
        ...


def _anew(what: Hashable, make: Callable[[], Found]) -> Found:
    return make()


class Side:
    """Rows less a centre, block by block in float32 or float64, with what each adds to the kernel's argument."""

    def __init__(self, rows: Rows, centre: Vector, kernel: Kernel, kind: Kind, processor: Processor = CPU) -> None:
        self.rows, self.kernel, self.processor = rows, kernel, processor
        self.centre = centre.astype(kind)
        self.held = processor.hold(rows, self.centre)
        n, d = rows.shape
        self.terms, self.lengths = np.empty(n), np.empty(n)
        exact = self.centre.astype(np.float64)
        for block in blocks(n, d, size=2**23):
            centred = rows[block] - exact
            self.terms[block] = kernel.terms(centred, exact)
            self.lengths[block] = np.sqrt(np.einsum("ij,ij->i", centred, centred))

    @property
    def panel_rows(self) -> int:
        """How many rows a panel has."""
        fit = int(PANEL_BYTES // (self.rows.shape[1] * self.centre.itemsize) // COLUMNS)
        return COLUMNS * min(max(fit, 1), 4)

    @property
    def itself(self) -> float:
        """The mean of k(x, x)."""
        t = self.kernel.scale * self.lengths**2 + 2.0 * self.terms
        return float(self.kernel.of(t, np.empty_like(t)).mean())


@dataclass(frozen=True)
class Groups:
    """Subsets of the rows of both sides, (m, s) and (n, s): 1 where a row is in a subset, else 0.

    `drawn` is what decides the real ones.
    """

    real: Matrix
    fake: Matrix
    drawn: Hashable


def own_sums(side: Side, members: Matrix | None = None, some: Index | None = None) -> PairSums:
    """Over pairs of different rows of one side: each unordered pair's kernel is taken once, and counted twice.

    Products of `some` rows are kept, if asked for.
    """
    n = len(side.rows)
    both = None if members is None else (members, members)
    tally, rooms = _begun((side, side), KernelPairs(side.kernel, (side.terms, side.terms), True, both, _kept(some, n)))
    for panel in _slices(0, n, side.panel_rows):
        left = side.held.block(panel, rooms[0])
        for right in columns(panel.start, n):
            inside = right.start < panel.stop  # then what lies above the diagonal, and the block on it
            first = right.start - panel.start
            block = left[first : first + COLUMNS] if inside else side.held.block(right, rooms[1])
            above = slice(panel.start, min(right.start, panel.stop))
            for rows in (above, right) if inside else (above,):
                if rows.stop > rows.start:
                    tally.meet(rows, right, left[rows.start - panel.start : rows.stop - panel.start], block)
    return tally.found()


def cross_sums(real: Side, fake: Side, groups: Groups | None = None, some: Index | None = None) -> PairSums:
    """Over pairs of a real and a fake row; products of `some` fake rows are kept, if asked for."""
    m, n = len(real.rows), len(fake.rows)
    members = None if groups is None else (groups.real, groups.fake)
    asked = KernelPairs(real.kernel, (real.terms, fake.terms), False, members, _kept(some, m))
    tally, rooms = _begun((real, fake), asked)
    for panel in _slices(0, m, real.panel_rows):
        left = real.held.block(panel, rooms[0])
        for right in columns(0, n):
            tally.meet(panel, right, left, fake.held.block(right, rooms[1]))
    return tally.found()


def _begun(sides: tuple[Side, Side], asked: KernelPairs) -> tuple[Totals, tuple[Rows, Rows]]:
    """An empty tally, and room for a panel of left rows and for a block of right ones."""
    left, d = sides[0], sides[0].rows.shape[1]
    rows = min(left.panel_rows, len(left.rows))
    rooms = np.empty((rows, d), left.centre.dtype), np.empty((COLUMNS, d), left.centre.dtype)
    return left.processor.tally(asked, rows, left.centre), rooms


def _kept(some: Index | None, others: int) -> Index | None:
    return some if others <= MOST_KEPT else None


def columns(start: int, stop: int) -> Iterator[slice]:
    """As many rows at a time as a block of products has columns."""
    return _slices(start, stop, COLUMNS)


def _slices(start: int, stop: int, step: int) -> Iterator[slice]:
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


@dataclass(frozen=True)
class KernelSums:
    """Row means of the three kernel matrices, their mean squares, and what rounding can have done to the distance.

    real, fake      mean of k(x_i, x_j) over j != i, per row
    real_to_fake    mean of k(x_i, y_j) over j, per real row; fake_to_real likewise
    *_square        mean of k² over the off-diagonal (real, fake) or all (cross) pairs
    *_itself        mean of k(x, x)
    subsets         the distance of each subset of rows that was asked for
    kept            products of some real rows with the real, fake with the fake, and fake with the real; None each
                    where none were asked for, or more rows than are kept
    sides           real and fake rows as the products were taken
    """

    real: Vector
    fake: Vector
    real_to_fake: Vector
    fake_to_real: Vector
    real_square: float
    fake_square: float
    cross_square: float
    sides: tuple[Side, Side]
    subsets: Vector
    kept: tuple[KeptProducts | None, KeptProducts | None, KeptProducts | None]

    @property
    def distance(self) -> float:
        """The unbiased squared MMD."""
        return float(self.real.mean() + self.fake.mean() - 2.0 * self.real_to_fake.mean())

    @property
    def single(self) -> bool:
        """Whether products were taken in float32."""
        return self.sides[0].centre.dtype == np.float32

    @cached_property
    def degenerate(self) -> tuple[float, float, float]:
        """Mean squares of the doubly centred kernels: real, fake and mixed pairs.

        Σ (k_ij - u_i - v_j + c)² needs row sums and Σ k² only, so no kernel matrix is kept.
        """

        def centred_own(mean: Vector, square: float) -> float:
            size, overall = len(mean), float(mean.mean())
            # Σ_{i≠j} k_ij (u_i + u_j - c) and Σ_{i≠j} (u_i + u_j - c)², u being row means over j ≠ i.
            linear = 2.0 * float(mean @ mean) / size - overall**2
            others = float(mean.sum()) - mean
            quadratic = (
                2.0 * float(mean @ mean) / size
                + 2.0 * float(mean @ others) / (size * (size - 1))
                - 4.0 * overall * overall
                + overall**2
            )
            return max(square - 2.0 * linear + quadratic, 0.0)

        c = float(self.real_to_fake.mean())
        cross = self.cross_square - float((self.real_to_fake**2).mean()) - float((self.fake_to_real**2).mean()) + c**2
        return (
            centred_own(self.real, self.real_square),
            centred_own(self.fake, self.fake_square),
            max(cross, 0.0),
        )

    @property
    def rounding(self) -> float:
        """What errors of float32 products can have done to the distance.

        As if those of one row's products all had one sign and those of different rows were independent.
        """
        real, fake = self.sides
        moved, m, n = real.kernel.moved, len(self.real), len(self.fake)
        parts = (
            moved(self.real_square, real.lengths, real.lengths) / np.sqrt(m),
            moved(self.fake_square, fake.lengths, fake.lengths) / np.sqrt(n),
            2.0 * moved(self.cross_square, real.lengths, fake.lengths) / np.sqrt(min(m, n)),
        )
        return product_error(real.rows.shape[1]) * float(sum(parts))

    @property
    def least_error(self) -> float:
        """The standard error of the distance to a fixed reference, of independent rows: no design has a smaller one."""
        n = len(self.fake)
        second = 2.0 * self.degenerate[1] / (n * max(n - 1, 1))
        plain = 4.0 * float(np.var(self.fake - self.fake_to_real, ddof=1)) / n
        return float(np.sqrt(max(plain - second, second)))


Some = tuple[Index, Index] | tuple[None, None]


def kernel_sums(
    real: Rows,
    fake: Rows,
    kernel: Kernel,
    *,
    groups: Groups | None = None,
    some: Some = (None, None),
    once: Once = _anew,
    processor: Processor = CPU,
) -> KernelSums:
    """Everything the distance and its interval need, in one pass; no n by n matrix is kept.

    Float32 features of many columns have their products taken in float32 and the kernel and its sums in float64, unless
    rounding could reach a hundredth of the standard error: then, as for other features, all is float64.
    Products of `some` real and fake rows are kept for whoever needs them. `once` keeps what is the real side's alone.
    """
    processor = worth(processor, real.shape[1])
    if single(real, fake):
        with np.errstate(over="ignore", invalid="ignore"):  # of features too large for float32's squares
            found = _sums(real, fake, kernel, np.float32, groups, some, once, processor)
            if found.rounding <= NEGLIGIBLE * found.least_error:
                return found
    return _sums(real, fake, kernel, np.float64, groups, some, once, processor)


def _sums(
    real: Rows,
    fake: Rows,
    kernel: Kernel,
    kind: Kind,
    groups: Groups | None,
    some: Some,
    once: Once,
    processor: Processor,
) -> KernelSums:
    m, n = len(real), len(fake)
    key = ("kernel", kernel, kind, processor.name)
    centre: Vector = once((*key, "centre"), lambda: real.mean(axis=0, dtype=np.float64))
    side_real: Side = once((*key, "side"), lambda: Side(real, centre, kernel, kind, processor))
    side_fake = Side(fake, centre, kernel, kind, processor)
    members, drawn = (None, None) if groups is None else (groups.real, groups.drawn)
    own_real: PairSums = once((*key, "own", some[0] is not None, drawn), lambda: own_sums(side_real, members, some[0]))
    own_fake = own_sums(side_fake, None if groups is None else groups.fake, some[1])
    cross = cross_sums(side_real, side_fake, groups, some[1])
    subsets = np.zeros(0)
    if groups is not None:
        a, b = groups.real.sum(axis=0), groups.fake.sum(axis=0)
        subsets = own_real.grouped / (a * (a - 1)) + own_fake.grouped / (b * (b - 1)) - 2.0 * cross.grouped / (a * b)
    return KernelSums(
        real=own_real.left / (m - 1),
        fake=own_fake.left / (n - 1),
        real_to_fake=cross.left / n,
        fake_to_real=cross.right / m,
        real_square=own_real.square / (m * (m - 1)),
        fake_square=own_fake.square / (n * (n - 1)),
        cross_square=cross.square / (m * n),
        sides=(side_real, side_fake),
        subsets=subsets,
        kept=(own_real.kept, own_fake.kept, cross.kept),
    )
