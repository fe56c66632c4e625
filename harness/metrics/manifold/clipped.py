"""Clipped density and coverage (Salvy, Talbot & Thirion 2025, arXiv:2507.01761): shares of good images, linear in them.

Density and coverage of Naeem et al. with three faults mended: outliers' huge balls are clipped, no fake counts for more
than one, and the coverage is calibrated so that it says which share of good fakes would cover as much.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from harness.metrics.contract import Effort
from harness.metrics.manifold.balls_of_groups import BallScore, Distances, analyse_scores
from harness.metrics.manifold.groups import Near, NearestInGroup, NearMetric, analyse_near
from harness.uncertainty import Analysis, Index, MetricCall, Pair, Vector, checked, positive_integer, with_defaults


def clipped_density(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> float:
    """Mean over fakes of min(real balls around it / k, 1) over the same of real rows, at most 1; higher is better.

    In [0, 1]: the share of fakes that look real. Closed balls to the k-th other real row, none larger than the median
    one. It does not see what the fakes leave out. Raises UsageError for bad features or no more real rows than k.
    """
    left, right = checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")
    return _density(k)(left, right)


def clipped_coverage(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> float:
    """The share of good fakes that would cover the real rows as well as these do, in [0, 1]; higher is better.

    Mean over real rows of the share of their k nearest fakes that lie strictly inside the ball to the k-th other real
    row, looked up in its closed-form expectation for so many draws of the real law among other images. It does not see
    how bad the other fakes are. Raises UsageError for bad features or no more rows than k.
    """
    left, right = checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")
    return _coverage(k)(left, right)


def analyse_clipped_density(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of `clipped_density`."""
    return analyse_scores(_density(with_defaults(clipped_density, call.parameters)["k"]), pair, effort)


def analyse_clipped_coverage(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of `clipped_coverage`."""
    return analyse_near(_coverage(with_defaults(clipped_coverage, call.parameters)["k"]), pair, effort)


def _density(k: int) -> BallScore:
    def radii(distance: Vector) -> Vector:
        return np.asarray(np.minimum(distance, np.median(distance)))

    def each(distances: Distances, of: Index, radii: Vector) -> Vector:
        return np.asarray(np.minimum(distances.within(of, radii).sum(axis=0) / k, 1.0))

    def base(own: NearestInGroup, radii: Vector) -> float:
        inside = np.sqrt(own.squared[:, :k]) <= radii[:, None]
        # Neighbours of a group are numbered in the full set; each counts once a ball.
        _, count = np.unique(own.index[:, :k][inside], return_counts=True)
        return float(np.minimum(count / k, 1.0).sum() / len(radii))

    return BallScore("clipped_density", k, radii, each, base=base, most=1.0, share=True)


def _coverage(k: int) -> NearMetric:
    def value(near: Near) -> float:
        m, n = len(near.rows_real), len(near.rows_fake)
        inside = near.real_fake.squared[:, :k] < near.real_real.squared[:, k - 1 : k]
        return float(np.searchsorted(expected(m, n, k), inside.mean()) / (n + 1))

    return NearMetric("clipped_coverage", k, value, share_of="real")


@lru_cache(maxsize=64)
def expected(m: int, n: int, k: int) -> Vector:
    """Mean share of k fakes inside a ball if 0, 1, …, n of them are draws of the real law, the rest far off (n + 1,).

    The ball to the k-th of m - 1 others has Beta(k, m - k) of the mass, so that the draws in it are beta-binomial; as
    published, fewer than k draws count as none.
    """
    good = np.arange(n + 1, dtype=np.float64)[:, None]
    j = np.arange(k, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        log_p = gammaln(good + 1) - gammaln(j + 1) - gammaln(np.maximum(good - j, 0.0) + 1)
        log_p = log_p + betaln(j + k, np.maximum(good - j, 0.0) + m - k) - betaln(k, m - k)
    found = 1.0 - (np.exp(log_p) * (k - j)).sum(axis=1) / k
    found[:k] = 0.0
    return np.asarray(found)
