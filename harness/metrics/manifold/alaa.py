"""Integrated α-precision and β-recall (Alaa, van Breugel, Saveliev & van der Schaar 2022, arXiv:2102.08921).

The authors first embed rows by a one-class network; here an encoder's features are the embedding and their mean is its
centre. Curves have the authors' 30 levels and their integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.groups import Near, NearMetric, analyse_near, too_few
from harness.uncertainty import (
    Analysis,
    InfluenceForm,
    Matrix,
    MetricCall,
    NoIntervalError,
    Pair,
    Rows,
    Vector,
    checked,
)

LEVELS = np.linspace(0.0, 1.0, 30)
UNSURE = 1 / 3  # standard errors from the diagonal, within which a level's side is taken for luck
HARDLY_KNOWN = 0.3  # share of such levels from which the interval is known to over-cover


def alpha_precision(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """1 - 2 ∫ |P_α - α|, P_α the share of fakes in the ball about the real mean that holds α of the real rows.

    In about [0, 1], 1 the best: fakes spread about the real mean as real rows do. One centre for all: it sees how far
    from the mean fakes lie, not in which direction. Raises UsageError for bad features.
    """
    left, right = checked(real, fake)
    return _integrated(_Rings.of(left, right).curve)


def beta_recall(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """1 - 2 ∫ |R_β - β|, R_β the share of real rows near a fake that lies in the middle β of such fakes.

    Near: no further than the row's nearest other real one. In about [0, 1], higher is better; about a half or less even
    for two draws of one law, since each row is covered with chance a half only. Raises UsageError for bad features.
    """
    left, right = checked(real, fake)
    return _RECALL(left, right)


def analyse_alpha_precision(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The value with the influence of each row on the curve, at the side of the diagonal on which the curve lies.

    |P_α - α| bends where curve and diagonal meet. With the side of each level as found, the sum of squared influences
    is no less on average than the variance (the Poincaré inequality of Gaussian curves), but it is small just where
    the value is high by luck: intervals covered .88 to .97 of a nominal .95. Levels within `UNSURE` standard errors of
    the diagonal therefore take the side of the curve's area, which covers .92 to 1.00, near the best value with
    intervals up to twice too wide.
    """
    if reason := too_few(pair, 3, call.use):
        raise NoIntervalError(reason)
    rings = _Rings.of(pair.real, pair.fake)
    of_real, of_fake = rings.influence_real(pair.real, pair.fake), rings.influence_fake()
    gap = rings.curve - LEVELS
    spread = np.sqrt(of_real.var(axis=0) / len(of_real) + of_fake.var(axis=0) / len(of_fake))
    unsure = np.abs(gap) < UNSURE * spread
    side = np.where(unsure, np.sign(gap.sum()), np.sign(gap)) * (2.0 * (LEVELS[1] - LEVELS[0]))
    inner = (LEVELS > 0) & (LEVELS < 1)  # both curves end where the diagonal does, or within a row of it
    return Analysis(
        use=call.use,
        value=_integrated(rings.curve),
        form=InfluenceForm(pair.units_real.total(-of_real @ side), pair.units_fake.total(-of_fake @ side)),
        **pair.sizes(),
        method="influence on the curve",
        method_fixed="influence on the curve",
        bias="but alpha_precision has no known bias: its value falls with noise; ask for 'T_N'",
        conservative=bool(unsure[inner].mean() > HARDLY_KNOWN),
    )


@dataclass(frozen=True)
class _Rings:
    """Distances of real rows and fakes from the real mean, their real quantiles, and the fakes' share within each."""

    centre: Vector
    real: Vector
    fake: Vector
    reach: Vector
    curve: Vector

    @classmethod
    def of(cls, real: Rows, fake: Rows) -> _Rings:
        """The rings of two sets."""
        centre = real.mean(axis=0, dtype=np.float64)
        of_real, of_fake = _distances(real, centre), _distances(fake, centre)
        reach = np.quantile(of_real, LEVELS)
        return cls(centre, of_real, of_fake, reach, (of_fake[:, None] <= reach).mean(axis=0))

    def influence_fake(self) -> Matrix:
        """Of each fake on the curve (n, levels)."""
        return np.asarray((self.fake[:, None] <= self.reach) - self.curve)

    def influence_real(self, real: Rows, fake: Rows) -> Matrix:
        """Of each real row on the curve (m, levels): it moves the quantiles, and the centre of all distances.

        A quantile that moves takes in fakes as they lie there beside real rows: the slope of the curve, from one level
        to either side. A centre that moves by c brings fakes in as their mean direction there differs from real rows'.
        """
        slope = _around(self.curve, 0.0) / _around(LEVELS, 0.0)
        width = _around(self.reach, self.reach[0])
        width = np.where(width > 0, width, np.inf)  # copies: rows at one distance
        quantiles = -slope * ((self.real[:, None] <= self.reach) - LEVELS)
        turned = self._directions(fake, self.fake) - slope[:, None] * self._directions(real, self.real)
        moved = (real - self.centre) @ (turned / width[:, None]).T
        return np.asarray(quantiles - quantiles.mean(axis=0) + moved - moved.mean(axis=0))

    def _directions(self, rows: Rows, distances: Vector) -> Matrix:
        """The sum of unit vectors from the centre to rows between the levels beside each one, over all rows."""
        cell = np.searchsorted(self.reach, distances, side="left")
        weight = np.zeros((len(LEVELS) + 1, len(rows)))
        weight[cell, np.arange(len(rows))] = 1.0 / (len(rows) * np.where(distances > 0, distances, 1.0))
        cells = weight @ rows - weight.sum(axis=1)[:, None] * self.centre
        return np.asarray(cells[:-1] + np.concatenate([cells[1:-1], np.zeros((1, rows.shape[1]))]))


def _around(steps: Vector, start: float) -> Vector:
    """What a curve rises by from the level before to the level after; before the first it is at `start`."""
    whole = np.concatenate([[start], steps, steps[-1:]])
    return np.asarray(whole[2:] - whole[:-2])


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
