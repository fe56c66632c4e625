"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

A ball around each row reaches to its k-th nearest other row of the same set; exact duplicates count as neighbours, so a
row with k duplicates has radius 0, as in both papers' code. Closed balls (<=) are Kynkäänniemi's convention, open ones
(<) that of Naeem's `prdc` package: the defaults follow each paper. Arithmetic: see `neighbours`.

None of the four has a population limit at a fixed k: each speaks about its own m and n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.manifold.neighbours import edges, nearest
from harness.uncertainty import Rows, checked, positive_integer


def precision(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Share of fake rows inside the k-NN ball of some real row, in [0, 1]; higher is better."""
    real_rows, fake_rows = checked_for_balls(real, fake, k)
    return float((hits(real_rows, fake_rows, k=k, closed=closed).point > 0).mean())


def recall(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Share of real rows inside the k-NN ball of some fake row, in [0, 1]; higher is better."""
    real_rows, fake_rows = checked_for_balls(real, fake, k)
    return float((hits(fake_rows, real_rows, k=k, closed=closed).point > 0).mean())


def density(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """Mean over fake rows of the number of real k-NN balls that hold them, over k; at least 0, not bounded by 1."""
    real_rows, fake_rows = checked_for_balls(real, fake, k)
    return float(hits(real_rows, fake_rows, k=k, closed=closed).point.mean() / k)


def coverage(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """Share of real rows whose k-NN ball holds a fake row, in [0, 1]; higher is better."""
    real_rows, fake_rows = checked_for_balls(real, fake, k)
    return float((hits(real_rows, fake_rows, k=k, closed=closed).centre > 0).mean())


@dataclass(frozen=True)
class Hits:
    """How many balls hold each point, and how many points each ball holds."""

    point: npt.NDArray[np.int64]
    centre: npt.NDArray[np.int64]


def hits(centres: Rows, points: Rows, *, k: int, closed: bool) -> Hits:
    """Count the points in the k-NN balls of the centres."""
    radii = nearest(centres, k).squared[:, k - 1 : k]
    per_point = np.zeros(len(points), np.int64)
    per_centre = np.zeros(len(centres), np.int64)
    for found, _ in edges(centres, points, around_real=radii):
        assert found is not None
        inside = (found.closed if closed else found.open) == 0
        per_point += np.bincount(found.point[inside], minlength=len(points))
        per_centre += np.bincount(found.centre[inside], minlength=len(centres))
    return Hits(per_point, per_centre)


def checked_for_balls(real: npt.ArrayLike, fake: npt.ArrayLike, k: int) -> tuple[Rows, Rows]:
    """The two feature sets, each with more than k rows; UsageError otherwise."""
    if positive_integer("k", k) > 100:
        raise UsageError(f"`k` is {k}; it must be at most 100")
    return checked(real, fake, least=k + 1, because=f"`k`={k}")
