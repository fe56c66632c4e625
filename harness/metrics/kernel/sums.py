"""Sums of a kernel over all pairs of rows, in one pass over blocks of products."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from harness.metrics.kernel.kernels import Kernel
from harness.metrics.rounding import NEGLIGIBLE, product_error, single
from harness.uncertainty import Index, Matrix, Rows, Vector, blocks

Found = TypeVar("Found")
Kind = type[np.float32] | type[np.float64]

COLUMNS = 1024  # rows of the right side whose products with a panel of the left are taken at a time
PANEL_BYTES = 64 * 2**20  # of a panel, which has four times as many rows where they fit
MOST_KEPT = 2**14  # rows a side up to which products of some rows are kept, not taken again: 32 MB each of 512
STRIP = 64  # rows of products that become kernel values at a time, so that these stay in the processor's cache


class Once(Protocol):
    """`ReferenceSet.once`, or a function that keeps nothing."""

    def __call__(self, what: Hashable, make: Callable[[], Found], /) -> Found:
        """What `make` gives, or gave before."""
        ...


def _anew(what: Hashable, make: Callable[[], Found]) -> Found:
    return make()


class Side:
    """Rows less a centre, block by block in float32 or float64, with what each adds to the kernel's argument."""

    def __init__(self, rows: Rows, centre: Vector, kernel: Kernel, kind: Kind) -> None:
        self.rows, self.kernel = rows, kernel
        self.centre = centre.astype(kind)
        n, d = rows.shape
        self.terms, self.lengths = np.empty(n), np.empty(n)
        exact = self.centre.astype(np.float64)
        for block in blocks(n, d, size=2**23):
            centred = rows[block] - exact
            self.terms[block] = kernel.terms(centred, exact)
            self.lengths[block] = np.sqrt(np.einsum("ij,ij->i", centred, centred))

    def panel(self, index: slice | Index, out: Rows | None = None) -> Rows:
        """Rows less the centre, in the precision that products are taken in; into the beginning of `out`, if given."""
        rows = self.rows[index]
        room = np.empty(rows.shape, self.centre.dtype) if out is None else out[: len(rows)]
        return np.asarray(np.subtract(rows, self.centre, out=room))

    @property
    def panel_rows(self) -> int:
        """How many rows a panel has."""
        fit = int(PANEL_BYTES // (self.rows.shape[1] * self.centre.itemsize) // COLUMNS)
        return COLUMNS * min(max(fit, 1), 4)

    @property
    def kind(self) -> tuple[int, npt.DTypeLike]:
        """Columns and precision of panels."""
        return self.rows.shape[1], self.centre.dtype

    @property
    def itself(self) -> float:
        """The mean of k(x, x)."""
        t = self.kernel.scale * self.lengths**2 + 2.0 * self.terms
        return float(self.kernel.of(t, np.empty_like(t)).mean())


class Room:
    """Buffers that one pass uses again and again."""

    def __init__(self, rows: int, d: int, kind: npt.DTypeLike) -> None:
        self.left, self.right = np.empty((rows, d), kind), np.empty((COLUMNS, d), kind)
        self.products = np.empty(rows * COLUMNS, kind)
        self.t, self.values = np.empty(STRIP * COLUMNS), np.empty(STRIP * COLUMNS)

    def product(self, left: Rows, right: Rows) -> Rows:
        """Inner products of all rows of two panels, which the next ones overwrite."""
        m, n = len(left), len(right)
        return np.matmul(left, right.T, out=self.products[: m * n].reshape(m, n))

    def strips(
        self, kernel: Kernel, products: Rows, left_terms: Vector, right_terms: Vector
    ) -> Iterator[tuple[slice, Matrix]]:
        """Kernel values of some rows of `products` at a time in float64, which the next ones overwrite."""
        m, n = products.shape
        for start in range(0, m, STRIP):
            some = slice(start, min(start + STRIP, m))
            size = (some.stop - start) * n
            t, values = (part[:size].reshape(-1, n) for part in (self.t, self.values))
            np.multiply(products[some], kernel.scale, out=t, dtype=np.float64)
            t += right_terms
            t += left_terms[some, None]
            yield some, kernel.of(t, values)


class Kept:
    """Products of some rows, in ascending order, with all of the other side, collected while a pass takes them."""

    def __init__(self, some: Index, others: int, kind: npt.DTypeLike) -> None:
        self.some, self.products = some, np.empty((len(some), others), kind)

    def meet(self, products: Rows, rows: slice, others: slice) -> None:
        """Products of `rows` of this side with `others`."""
        at = slice(*np.searchsorted(self.some, (rows.start, rows.stop)))
        self.products[at, others] = products[self.some[at] - rows.start]


@dataclass(frozen=True)
class Groups:
    """Subsets of the rows of both sides, (m, s) and (n, s): 1 where a row is in a subset, else 0."""

    real: Matrix
    fake: Matrix


@dataclass
class Sums:
    """Of k over pairs: by left row, by right row, of squares, and within each subset; and what products were kept."""

    left: Vector
    right: Vector
    kept: Kept | None
    square: float = 0.0
    grouped: Vector | float = 0.0


def own_sums(side: Side, members: Matrix | None = None, some: Index | None = None) -> Sums:
    """Over pairs of different rows of one side: each unordered pair's kernel is taken once, and counted twice.

    Products of `some` rows are kept, if asked for.
    """
    n, terms = len(side.rows), side.terms
    sums = np.zeros(n)
    found = Sums(sums, sums, _kept(some, n, side))
    room = Room(min(side.panel_rows, n), *side.kind)
    for panel in _slices(0, n, side.panel_rows):
        left = side.panel(panel, room.left)
        for right in columns(panel.start, n):
            inside = right.start < panel.stop  # then what lies above the diagonal, and the block on it
            block = left[right.start - panel.start :][:COLUMNS] if inside else side.panel(right, room.right)
            above = slice(panel.start, min(right.start, panel.stop))
            for rows in (above, right) if inside else (above,):
                products = room.product(left[rows.start - panel.start : rows.stop - panel.start], block)
                if found.kept is not None:
                    found.kept.meet(products, rows, right)
                    found.kept.meet(products.T, right, rows)
                for strip, values in room.strips(side.kernel, products, terms[rows], terms[right]):
                    one = slice(rows.start + strip.start, rows.start + strip.stop)
                    if rows is right:
                        values[np.arange(len(values)), np.arange(strip.start, strip.stop)] = 0.0
                    else:
                        sums[right] += values.sum(axis=0)
                    sums[one] += values.sum(axis=1)
                    times = 1.0 if rows is right else 2.0
                    found.square += times * float(np.vdot(values, values))
                    if members is not None:
                        found.grouped += times * np.einsum("is,is->s", members[one], values @ members[right])
    return found


def cross_sums(real: Side, fake: Side, groups: Groups | None = None, some: Index | None = None) -> Sums:
    """Over pairs of a real and a fake row; products of `some` fake rows are kept, if asked for."""
    m, n = len(real.rows), len(fake.rows)
    found = Sums(np.zeros(m), np.zeros(n), _kept(some, m, fake))
    room = Room(min(real.panel_rows, m), *real.kind)
    for panel in _slices(0, m, real.panel_rows):
        left = real.panel(panel, room.left)
        for right in columns(0, n):
            products = room.product(left, fake.panel(right, room.right))
            if found.kept is not None:
                found.kept.meet(products.T, right, panel)
            for strip, values in room.strips(real.kernel, products, real.terms[panel], fake.terms[right]):
                one = slice(panel.start + strip.start, panel.start + strip.stop)
                found.left[one] += values.sum(axis=1)
                found.right[right] += values.sum(axis=0)
                found.square += float(np.vdot(values, values))
                if groups is not None:
                    found.grouped += np.einsum("is,is->s", groups.real[one], values @ groups.fake[right])
    return found


def _kept(some: Index | None, others: int, side: Side) -> Kept | None:
    return None if some is None or others > MOST_KEPT else Kept(some, others, side.centre.dtype)


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
    kept: tuple[Kept | None, Kept | None, Kept | None]

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
) -> KernelSums:
    """Everything the distance and its interval need, in one pass; no n by n matrix is kept.

    Float32 features of many columns have their products taken in float32 and the kernel and its sums in float64, unless
    rounding could reach a hundredth of the standard error: then, as for other features, all is float64.
    Products of `some` real and fake rows are kept for whoever needs them. `once` keeps what is the real side's alone.
    """
    if single(real, fake):
        with np.errstate(over="ignore", invalid="ignore"):  # of features too large for float32's squares
            found = _sums(real, fake, kernel, np.float32, groups, some, once)
            if found.rounding <= NEGLIGIBLE * found.least_error:
                return found
    return _sums(real, fake, kernel, np.float64, groups, some, once)


def _sums(
    real: Rows, fake: Rows, kernel: Kernel, kind: Kind, groups: Groups | None, some: Some, once: Once
) -> KernelSums:
    m, n = len(real), len(fake)
    key = ("kernel", kernel, kind)
    centre: Vector = once((*key, "centre"), lambda: real.mean(axis=0, dtype=np.float64))
    side_real: Side = once((*key, "side"), lambda: Side(real, centre, kernel, kind))
    side_fake = Side(fake, centre, kernel, kind)
    if groups is None:
        own_real: Any = once((*key, "own", some[0] is not None), lambda: own_sums(side_real, some=some[0]))
    else:
        own_real = own_sums(side_real, groups.real, some[0])
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
