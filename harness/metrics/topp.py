"""Topological precision and recall (Kim et al. 2023, arXiv:2306.08013): on supports that noise does not reach.

Each set's density is estimated by a kernel, and its support is where that exceeds a bootstrap band: what is lower may
be chance. Conventions are those of the authors' package top-pr 0.2.1: the cosine kernel; the median, over all rows but
the last k, of the distance to the k-th nearest of the rows that follow, k five times the columns, as bandwidth; ten
bootstraps, whose .9 quantile of the largest deviation is the band. It depends on the order of the rows for that. More
than 32 columns are projected at random on 32: the package by torch, here by numpy, so that values agree exactly up to
32 columns and in law beyond. Its topological choice of bandwidths for three columns or fewer is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.own import analyse_function, without_interval
from harness.uncertainty import Analysis, Matrix, MetricCall, Pair, Rows, blocks, checked

COLUMNS = 32  # that more are projected on
ROWS = 5  # a column: the neighbour that decides the bandwidth
BOOTSTRAPS = 10


def topp(real: npt.ArrayLike, fake: npt.ArrayLike, *, alpha: float = 0.1, seed: int = 42) -> float:
    """Share of the fakes in their own support that lie in the real one too, in [0, 1]; higher is better.

    The seed draws the projection and the bootstraps; `alpha` is the level of the band. It does not see fakes that are
    few and apart: they count as noise, as few real ones do. Raises UsageError for bad features, up to five rows a
    column (of at most 32), and sets without any support.
    """
    return _value("topp", real, fake, alpha=alpha, seed=seed)


def topr(real: npt.ArrayLike, fake: npt.ArrayLike, *, alpha: float = 0.1, seed: int = 42) -> float:
    """Share of the real rows in their own support that lie in the fakes' too, in [0, 1]; higher is better.

    It hardly sees fakes that crowd at the middle of each mode, whose own kernel is narrow too (`harness exam`). What
    else is said of `topp` holds of it with the roles changed.
    """
    return _value("topr", real, fake, alpha=alpha, seed=seed)


def least_rows(columns: int) -> int:
    """The fewest rows of a set of so many columns."""
    return ROWS * min(columns, COLUMNS) + 1


def _value(use: str, real: npt.ArrayLike, fake: npt.ArrayLike, *, alpha: float, seed: int) -> float:
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"`alpha` is {alpha!r}; it must be between 0 and 1")
    sides = checked(real, fake)
    least = least_rows(sides[0].shape[1])
    checked(*sides, least=least, because=f"a bandwidth from the {least - 1}th neighbour")
    rng = np.random.RandomState(seed)
    left, right = _projected(sides, rng)
    of_real, of_fake = _Support.of("real", left, alpha, rng), _Support.of("fake", right, alpha, rng)
    own, other, points = (of_fake, of_real, right) if use == "topp" else (of_real, of_fake, left)
    return float(other.holds(points)[own.members].mean())


def _projected(sides: tuple[Rows, Rows], rng: np.random.RandomState) -> tuple[Matrix, Matrix]:
    d = sides[0].shape[1]
    if d <= COLUMNS:
        return sides[0].astype(np.float64), sides[1].astype(np.float64)
    onto = rng.normal(0.0, np.sqrt(2.0 / (d + COLUMNS)), (d, COLUMNS)).astype(sides[0].dtype)
    return (sides[0] @ onto).astype(np.float64), (sides[1] @ onto).astype(np.float64)


@dataclass(frozen=True)
class _Support:
    """Rows, the kernel's bandwidth, the band, and which rows lie above it."""

    rows: Matrix
    bandwidth: float
    band: float
    members: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, side: str, rows: Matrix, alpha: float, rng: np.random.RandomState) -> _Support:
        n = len(rows)
        bandwidth = _bandwidth(rows)
        if bandwidth == 0.0:
            raise UsageError(f"`{side}` has so many equal rows that its kernel has no width; drop repeats")
        drawn = np.stack([np.bincount(rng.choice(np.arange(n), size=n), minlength=n) for _ in range(BOOTSTRAPS)])
        # The first column is the estimate itself; constants of the kernel cancel against the band.
        found = _sums(rows, rows, bandwidth, np.vstack([np.ones(n), drawn]).T) / n
        band = float(np.quantile(np.abs(found[:, 1:] - found[:, :1]).max(axis=0), 1.0 - alpha))
        members = found[:, 0] > band
        if not members.any():
            raise UsageError(f"`{side}` has no row whose density is above chance: take more rows, or a larger `alpha`")
        return cls(rows, bandwidth, band, members)

    def holds(self, points: Matrix) -> npt.NDArray[np.bool_]:
        """Which points lie in the support."""
        return np.asarray(
            _sums(points, self.rows, self.bandwidth, np.ones((len(self.rows), 1)))[:, 0] / len(self.rows) > self.band
        )


def _bandwidth(rows: Matrix) -> float:
    """The median distance to the k-th nearest of the following rows, as the authors' code sorts and picks it."""
    k = ROWS * rows.shape[1]
    found = np.empty(len(rows) - k)
    for part in blocks(len(found), len(rows)):
        squared = _squared(rows[part], rows[part.start :])
        squared[np.tril_indices(len(squared), 0, squared.shape[1])] = np.inf  # the row itself and those before
        found[part] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return float(np.sqrt(np.sort(found)[max(int(len(found) * 0.5) - 1, 0)]))


def _sums(points: Matrix, rows: Matrix, bandwidth: float, weights: Matrix) -> Matrix:
    """The cosine kernel's sums over rows at each point, for each column of weights."""
    result = np.empty((len(points), weights.shape[1]))
    for part in blocks(len(points), len(rows)):
        near = np.sqrt(_squared(points[part], rows))
        near /= bandwidth
        outside = near > 1.0
        near *= np.pi / 2.0
        np.cos(near, out=near)
        near[outside] = 0.0
        result[part] = near @ weights
    return result


def _squared(left: Matrix, right: Matrix) -> Matrix:
    centre = right.mean(axis=0)
    one, two = left - centre, right - centre
    found: Matrix = -2.0 * (one @ two.T)
    found += np.einsum("ij,ij->i", one, one)[:, None]
    found += np.einsum("ij,ij->i", two, two)
    return np.maximum(found, 0.0, out=found)


def _analyse(use: str, call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """Tables of disjoint parts, where quarters of both sets have a bandwidth."""
    least = 4 * least_rows(pair.real.shape[1])
    for side, units in (("real", pair.units_real), ("fake", pair.units_fake)):
        if units.count < least:
            reason = f"`{side}` has {units.count} distinct rows; an interval of {use} quarters them and needs {least}"
            return without_interval(call, pair, reason)
    return analyse_function(call, pair, effort)


analyse_topp = partial(_analyse, "topp")
analyse_topr = partial(_analyse, "topr")
