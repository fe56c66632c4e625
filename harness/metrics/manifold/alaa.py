"""Integrated α-precision and β-recall (Alaa, van Breugel, Saveliev & van der Schaar 2022, arXiv:2102.08921).

The authors first embed rows by a one-class network; here an encoder's features are the embedding and their mean is its
centre. Curves have the authors' 30 levels and their integral.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.groups import Near, NearMetric, analyse_near
from harness.metrics.own import without_interval
from harness.uncertainty import Analysis, MetricCall, Pair, Vector, checked

LEVELS = np.linspace(0.0, 1.0, 30)


def alpha_precision(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """1 - 2 ∫ |P_α - α|, P_α the share of fakes in the ball about the real mean that holds α of the real rows.

    In about [0, 1], 1 the best: fakes spread about the real mean as real rows do. One centre for all: it sees how far
    from the mean fakes lie, not in which direction. It has no interval: where curve and diagonal cross, the absolute
    value bends, and those from disjoint parts held .84 to .92 at a nominal .95. Raises UsageError for bad features.
    """
    left, right = checked(real, fake)
    centre = left.mean(axis=0, dtype=np.float64)
    inside = _distances(right, centre)[:, None] <= np.quantile(_distances(left, centre), LEVELS)
    return _integrated(inside.mean(axis=0))


def beta_recall(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """1 - 2 ∫ |R_β - β|, R_β the share of real rows near a fake that lies in the middle β of such fakes.

    Near: no further than the row's nearest other real one. In about [0, 1], higher is better; about a half or less even
    for two draws of one law, since each row is covered with chance a half only. Raises UsageError for bad features.
    """
    left, right = checked(real, fake)
    return _RECALL(left, right)


NO_INTERVAL = (
    "alpha_precision has a value alone: it is an integral of absolute differences, skewed near its best value, and "
    "intervals from disjoint parts do not hold their level (.84 to .92, measured at a nominal .95)"
)


def analyse_alpha_precision(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The value, and why there is no interval."""
    return without_interval(call, pair, NO_INTERVAL)


def analyse_beta_recall(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of `beta_recall`."""
    return analyse_near(_RECALL, pair, effort)


def _recall(near: Near) -> float:
    fakes = near.lists.fake
    centre = fakes[near.rows_fake].mean(axis=0, dtype=np.float64)
    nearest = near.real_fake.index[:, 0]
    middle = _distances(fakes[nearest], centre)
    covered = near.real_fake.squared[:, 0] <= near.real_real.squared[:, 0]
    return _integrated((covered[:, None] & (middle[:, None] <= np.quantile(middle, LEVELS))).mean(axis=0))


_RECALL = NearMetric("beta_recall", 1, _recall)


def _distances(rows: npt.NDArray[np.floating], centre: Vector) -> Vector:
    return np.asarray(np.sqrt(((rows - centre) ** 2).sum(axis=1)))


def _integrated(curve: Vector) -> float:
    return float(1.0 - 2.0 * np.abs(LEVELS - curve).sum() * (LEVELS[1] - LEVELS[0]))
