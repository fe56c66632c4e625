"""Where rows are multiplied: by BLAS on the CPU, or on a device by whoever hands in a processor that computes there.

Metrics import no PyTorch: `harness.pipeline.OnDevice` is the other processor. Both take the same blocks of rows in the
same precision and add them up in float64, so that values differ by rounding within a block only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from harness.metrics.kernel.tally import KernelPairs, PairSums, Tally
from harness.metrics.rounding import WIDE
from harness.uncertainty import Index, Matrix, Rows, Vector

Block = Any  # some rows of a set as their processor holds them


class Held(Protocol):
    """Rows (n, d) less a centre, where they are multiplied and in the precision of the centre."""

    def block(self, index: slice | Index, room: Rows | None = None) -> Block:
        """Some of the rows; those on the CPU are written into the beginning of `room`, if given."""
        ...


class Totals(Protocol):
    """A `Tally`, wherever it is kept."""

    def meet(self, rows: slice, right: slice, one: Block, other: Block) -> None:
        """Left `rows` and `right` ones, as `one` and `other` of the same centre."""
        ...

    def found(self) -> PairSums:
        """The sums so far."""
        ...


class Processor(Protocol):
    """What multiplies blocks of rows; full float32 or float64, never rounded further (no TF32)."""

    @property
    def name(self) -> str:
        """The device as `--device` names it."""
        ...

    def hold(self, rows: Rows, centre: Rows, scale: float = 1.0) -> Held:
        """Rows less a centre (d,), times `scale`, in the centre's precision."""
        ...

    def product(self, one: Block, other: Block) -> Rows:
        """Inner products of the rows of two blocks, (m, n)."""
        ...

    def bounds(self, one: Block, other: Block, terms_one: Vector, terms_other: Vector) -> Rows:
        """t_i + t_j - 2 x_i·y_j of the rows of two blocks, (m, n), in their precision: squared distances."""
        ...

    def scatter(self, rows: Rows, centre: Rows, parts: Iterable[slice]) -> Matrix:
        """Σ (x - c)(x - c)ᵀ over rows, (d, d) float64: products in the centre's precision within each part."""
        ...

    def times(self, matrix: Rows) -> Callable[[Rows], Rows]:
        """The function that multiplies rows (n, d) by a matrix (d, r)."""
        ...

    def tally(self, asked: KernelPairs, panel_rows: int, centre: Rows) -> Totals:
        """Sums of a kernel, to be told of blocks of up to `panel_rows` by COLUMNS rows in the centre's precision."""
        ...


class _Rows:
    """`Held` by the CPU: nothing is copied before it is asked for."""

    def __init__(self, rows: Rows, centre: Rows, scale: float) -> None:
        self.rows, self.centre, self.scale = rows, centre, scale

    def block(self, index: slice | Index, room: Rows | None = None) -> Rows:
        """See `Held`."""
        rows = self.rows[index]
        out = np.empty(rows.shape, self.centre.dtype) if room is None else room[: len(rows)]
        np.subtract(rows, self.centre, out=out, dtype=self.centre.dtype)
        if self.scale != 1.0:
            out *= self.centre.dtype.type(self.scale)
        return out


class _Blas:
    """See `Processor`: NumPy's and SciPy's BLAS."""

    name = "cpu"

    def hold(self, rows: Rows, centre: Rows, scale: float = 1.0) -> Held:
        """See `Processor`."""
        return _Rows(rows, centre, scale)

    def product(self, one: Block, other: Block) -> Rows:
        """See `Processor`; of one block with itself numpy does half the work."""
        return np.asarray(one @ other.T)

    def bounds(self, one: Block, other: Block, terms_one: Vector, terms_other: Vector) -> Rows:
        """See `Processor`."""
        found = self.product(one, other)
        found *= -2.0
        found += terms_one.astype(found.dtype)[:, None]
        found += terms_other.astype(found.dtype)
        return found

    def scatter(self, rows: Rows, centre: Rows, parts: Iterable[slice]) -> Matrix:
        """See `Processor`."""
        d = rows.shape[1]
        if centre.dtype == np.float64:
            total = np.zeros((d, d))
            for part in parts:
                centred = rows[part] - centre
                total += centred.T @ centred
            return total
        from scipy.linalg.blas import ssyrk

        total = np.zeros((d, d), order="F")
        for part in parts:
            total += ssyrk(1.0, (rows[part] - centre).T, lower=1)  # zeros above the diagonal
        total += np.tril(total, -1).T
        return total

    def times(self, matrix: Rows) -> Callable[[Rows], Rows]:
        """See `Processor`."""
        return lambda rows: np.asarray(rows @ matrix)

    def tally(self, asked: KernelPairs, panel_rows: int, centre: Rows) -> Totals:
        """See `Processor`."""
        return Tally(asked, panel_rows, centre.dtype)


CPU: Processor = _Blas()


def worth(processor: Processor, d: int) -> Processor:
    """The processor for rows of d columns: narrow ones are done before a device has them."""
    return processor if d > WIDE else CPU
