"""Kernels that are a function of inner products: polynomial and Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.base import UsageError
from harness.uncertainty import Matrix, Rows, Vector, blocks


@dataclass(frozen=True)
class Kernel:
    """k = t^power of t = scale x·y + offset; or exp(-scale |x - y|² / 2) where `power` is None.

    Of rows less a centre c both are a function of t_ij = scale (x_i - c)·(y_j - c) + a_i + b_j (see `terms`), so that
    products are of short vectors and lose few digits.
    """

    scale: float
    offset: float = 0.0
    power: int | None = None

    def __call__(self, left: Rows, right: Rows) -> Matrix:
        """The kernel matrix (m, n) in float64."""
        a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
        centre = b.mean(axis=0)
        a, b = a - centre, b - centre
        t = a @ b.T
        t *= self.scale
        t += self.terms(a, centre)[:, None]
        t += self.terms(b, centre)
        return self.of(t, np.empty_like(t))

    def paired(self, left: Rows, right: Rows) -> Vector:
        """k(x_i, y_i) of rows of equal number, in float64."""
        result = np.empty(len(left))
        for block in blocks(len(left), 2 * left.shape[1]):
            a, b = left[block].astype(np.float64), right[block].astype(np.float64)
            if self.power is None:
                t = -0.5 * self.scale * ((a - b) ** 2).sum(axis=1)
            else:
                t = self.scale * np.einsum("ij,ij->i", a, b) + self.offset
            result[block] = self.of(t, np.empty_like(t))
        return result

    def terms(self, centred: Matrix, centre: Vector) -> Vector:
        """What each row adds to t, in float64, given it less the centre."""
        if self.power is None:
            return np.asarray(-0.5 * self.scale * np.einsum("ij,ij->i", centred, centred))
        return np.asarray(self.scale * (centred @ centre) + 0.5 * (self.offset + self.scale * float(centre @ centre)))

    def of(self, t: Matrix, values: Matrix) -> Matrix:
        """The kernel of arguments t, which are overwritten; into `values`."""
        if self.power is None:
            np.minimum(t, 0.0, out=t)
            return np.exp(t, out=values)
        if self.power == 1:
            return t
        np.multiply(t, t, out=values)
        for _ in range(self.power - 2):  # ** with a float exponent is twenty times slower
            values *= t
        return values

    def moved(self, square: float, left: Vector, right: Vector) -> float:
        """How far the mean kernel moves where x·y is off by |x||y|, all to one side.

        Given the mean of k² and the lengths of the rows: by Hölder, mean |k'| |x||y| ≤ |k'|_p (mean (|x||y|)^q)^(1/q)
        with the norm of k' that the mean square of k bounds.
        """
        share = 0.5 if self.power is None else (self.power - 1) / (2 * self.power)  # |k'| is a power 2 share of |k|
        q = 1.0 / (1.0 - share)
        lengths = (float((left**q).mean()) * float((right**q).mean())) ** (1.0 / q)
        return float(self.scale * (self.power or 1) * square**share * lengths)


def kernel_function(
    d: int,
    *,
    kernel: str = "polynomial",
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    bandwidth: float | None = None,
) -> Kernel:
    """The kernel of these parameters, checked, for rows of d columns."""
    if kernel == "polynomial":
        if bandwidth is not None:
            raise UsageError("`bandwidth` belongs to kernel 'rbf'; kernel 'polynomial' takes `degree`, `gamma`, `coef`")
        if isinstance(degree, bool) or not isinstance(degree, (int, np.integer)) or degree < 1:
            raise UsageError(f"`degree` is {degree!r}; it must be an integer of at least 1")
        scale = 1.0 / d if gamma is None else _finite("gamma", gamma)
        if scale <= 0:
            raise UsageError(f"`gamma` is {gamma!r}; it must be positive (or None for 1/d)")
        return Kernel(scale, _finite("coef", coef), int(degree))
    if kernel == "rbf":
        if bandwidth is None or _finite("bandwidth", bandwidth) <= 0:
            raise UsageError(f"`bandwidth` is {bandwidth!r}; kernel 'rbf' needs a positive one")
        return Kernel(float(bandwidth) ** -2)
    raise UsageError(f"`kernel` is {kernel!r}; it must be 'polynomial' or 'rbf'")


def _finite(name: str, value: object) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not np.isfinite(value):  # type: ignore[call-overload]
        raise UsageError(f"`{name}` is {value!r}; it must be a finite number")
    return float(value)  # type: ignore[arg-type]
