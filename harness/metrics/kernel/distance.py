"""Kernel distance: the unbiased squared maximum mean discrepancy (Gretton et al. 2012; Bińkowski et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Matrix, Rows, Vector, blocks, checked

Kernel = Callable[[Rows, Rows], Matrix]
BLOCK_ROWS = 256


def kernel_distance(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    kernel: str = "polynomial",
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    bandwidth: float | None = None,
) -> float:
    """Squared MMD as the full U-statistic over all rows, whose expectation no set size moves; lower is better.

    `polynomial` is (gamma x·y + coef)^degree with gamma = 1/d unless given (KID's kernel); `rbf` is
    exp(-|x - y|² / (2 bandwidth²)) and needs `bandwidth`. It can be negative: it is unbiased, and 0 when both sets come
    from one distribution. Not the mean over random subsets that most KID code prints: that is a noisy version of this.

    Raises UsageError for an unknown kernel or parameter value, fewer than two rows, unequal widths, NaN or infinity.
    """
    real_rows, fake_rows = checked(real, fake)
    function = kernel_function(
        real_rows.shape[1], kernel=kernel, degree=degree, gamma=gamma, coef=coef, bandwidth=bandwidth
    )
    return kernel_sums(real_rows, fake_rows, function).distance


def kernel_function(
    d: int,
    *,
    kernel: str = "polynomial",
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    bandwidth: float | None = None,
) -> Kernel:
    """A function giving the (m, n) float64 kernel matrix of two blocks of rows."""
    if kernel == "polynomial":
        if bandwidth is not None:
            raise UsageError("`bandwidth` belongs to kernel 'rbf'; kernel 'polynomial' takes `degree`, `gamma`, `coef`")
        if isinstance(degree, bool) or not isinstance(degree, (int, np.integer)) or degree < 1:
            raise UsageError(f"`degree` is {degree!r}; it must be an integer of at least 1")
        scale = 1.0 / d if gamma is None else _finite("gamma", gamma)
        if scale <= 0:
            raise UsageError(f"`gamma` is {gamma!r}; it must be positive (or None for 1/d)")
        offset, power = _finite("coef", coef), int(degree)

        def polynomial(left: Rows, right: Rows) -> Matrix:
            base = np.asarray(left, np.float64) @ np.asarray(right, np.float64).T
            base *= scale
            base += offset
            result = base.copy()
            for _ in range(power - 1):  # ** with a float exponent is twenty times slower
                result *= base
            return result

        return polynomial
    if kernel == "rbf":
        if bandwidth is None or _finite("bandwidth", bandwidth) <= 0:
            raise UsageError(f"`bandwidth` is {bandwidth!r}; kernel 'rbf' needs a positive one")
        exponent = -0.5 / float(bandwidth) ** 2

        def rbf(left: Rows, right: Rows) -> Matrix:
            a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
            centre = b.mean(axis=0)  # the kernel ignores a shift; large norms would cancel badly
            a, b = a - centre, b - centre
            squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2.0 * (a @ b.T)
            return np.asarray(np.exp(exponent * np.maximum(squared, 0.0)))

        return rbf
    raise UsageError(f"`kernel` is {kernel!r}; it must be 'polynomial' or 'rbf'")


def _finite(name: str, value: object) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not np.isfinite(value):  # type: ignore[call-overload]
        raise UsageError(f"`{name}` is {value!r}; it must be a finite number")
    return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True)
class KernelSums:
    """Row means of the three kernel matrices, and their mean squares.

    real, fake      mean of k(x_i, x_j) over j != i, per row
    real_to_fake    mean of k(x_i, y_j) over j, per real row; fake_to_real likewise
    *_square        mean of k² over the off-diagonal (real, fake) or all (cross) pairs
    """

    real: Vector
    fake: Vector
    real_to_fake: Vector
    fake_to_real: Vector
    real_square: float
    fake_square: float
    cross_square: float

    @property
    def distance(self) -> float:
        """The unbiased squared MMD."""
        return float(self.real.mean() + self.fake.mean() - 2.0 * self.real_to_fake.mean())


def kernel_sums(real: Rows, fake: Rows, kernel: Kernel) -> KernelSums:
    """Everything the distance and its interval need, in one pass over square blocks; no n by n matrix is kept."""
    m, n = len(real), len(fake)
    own_real, real_square = _own_sums(real, kernel)
    own_fake, fake_square = _own_sums(fake, kernel)
    to_fake, to_real, cross = np.zeros(m), np.zeros(n), 0.0
    for left in blocks(m, 1, size=8 * BLOCK_ROWS):
        for right in blocks(n, 1, size=8 * BLOCK_ROWS):
            values = kernel(real[left], fake[right])
            to_fake[left] += values.sum(1)
            to_real[right] += values.sum(0)
            cross += float(np.vdot(values, values))
    return KernelSums(
        real=own_real / (m - 1),
        fake=own_fake / (n - 1),
        real_to_fake=to_fake / n,
        fake_to_real=to_real / m,
        real_square=real_square / (m * (m - 1)),
        fake_square=fake_square / (n * (n - 1)),
        cross_square=cross / (m * n),
    )


def _own_sums(rows: Rows, kernel: Kernel) -> tuple[Vector, float]:
    sums, square = np.zeros(len(rows)), 0.0
    for left in blocks(len(rows), 1, size=8 * BLOCK_ROWS):
        for right in blocks(len(rows), 1, size=8 * BLOCK_ROWS):
            if right.start < left.start:
                continue
            values = kernel(rows[left], rows[right])
            if left == right:
                np.fill_diagonal(values, 0.0)
                sums[left] += values.sum(1)
                square += float(np.vdot(values, values))
            else:
                sums[left] += values.sum(1)
                sums[right] += values.sum(0)
                square += 2.0 * float(np.vdot(values, values))
    return sums, square
