"""Which of two rankings agrees better with people?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.base import UsageError
from harness.uncertainty.agreements.orders import Evidence, Orders, Ranking, Values, evidence
from harness.uncertainty.agreements.rankings import quantiles

METRIC_SHARE = 0.2  # of the error allowed goes to the metrics' noise, whose threshold depends on it least


@dataclass(frozen=True)
class Lead:
    """A difference between two rankings' agreement with a judge: positive where the first agrees better.

    `low` to `high` holds the difference of the true orders with probability `level` or more. `p` is the smallest error
    at which that interval excludes 0: two-sided, 1 where none does, never below what the number of replicates allows.
    """

    value: float
    low: float
    high: float
    p: float
    level: float


@dataclass(frozen=True)
class Judgement:
    """Which of two rankings agrees better with a judge (people)?

    tau    Kendall's tau(first, judge) minus tau(second, judge), in [-2, 2] (tau-a: a tied pair counts 0). Every pair
           counts the same, also those that the judge cannot tell apart, so that its interval is wide.
    gain   in the judge's unit, here the error rate: of two generators taken at random, the one that `first` prefers is
           better in the judge's eyes than the one that `second` prefers, by this much on average. A pair counts by
           how far the judge sees it apart, so that this is the sharper of the two.
    noisy  2.5%, 50% and 97.5% quantiles of tau over the replicates; no interval, since noise pulls the taus down
    """

    first: str
    second: str
    judge: str
    tau: Lead
    gain: Lead
    noisy: tuple[float, float, float]


def judgement(first: Ranking, second: Ranking, judge: Ranking, *, level: float = 0.95) -> Judgement:
    """The paired difference of two rankings' agreement with `judge`, over the metrics' noise and the judge's.

    It speaks about these generators and image sets, and other participants like the judge's. It keeps its level when
    both are equally good at different noise, where the noisier ranking's tau is pulled further down and a bootstrap of
    the difference errs (in simulations it found a difference in more than eight of ten). The judge's values must have
    errors independent between generators, and of the metrics': people of their own for each.
    """
    if not 0 < level < 1:
        raise UsageError(f"`level` is {level!r}; it must lie between 0 and 1, such as 0.95")
    everyone, metrics = evidence([first, second, judge]), evidence([first, second])
    one, other, third = (r.scored for r in (first, second, judge))

    def tau(error: float) -> tuple[float, float]:
        return _tau_bounds(_orders(everyone, error))

    def gain(error: float) -> tuple[float, float]:
        return _gain_bounds(_orders(metrics, METRIC_SHARE * error), judge, (1.0 - METRIC_SHARE) * error)

    least = 1.0 / (len(judge.draws) + 1)
    i, j = np.triu_indices(len(judge.names), 1)
    liking = np.sign(one[i] - one[j]) - np.sign(other[i] - other[j])
    drawn = [np.sign(r.replicates[:, i] - r.replicates[:, j]) for r in (first, second, judge)]
    return Judgement(
        first.name,
        second.name,
        judge.name,
        _lead(float((liking * np.sign(third[i] - third[j])).mean()), tau, level, least),
        _lead(float((liking * (third[i] - third[j])).mean() / 2), gain, level, least / METRIC_SHARE),
        quantiles((drawn[2] * (drawn[0] - drawn[1])).mean(axis=1)),
    )


def _lead(value: float, bounds: Callable[[float], tuple[float, float]], level: float, least: float) -> Lead:
    """With p by halving: bounds of a smaller error contain those of a larger."""
    low, high = bounds(1.0 - level)
    if not _excludes_zero(bounds(1.0 - 1e-9)):
        return Lead(value, low, high, 1.0, level)
    smallest, largest = np.log(least), 0.0
    if _excludes_zero(bounds(least)):
        return Lead(value, low, high, float(least), level)
    while largest - smallest > 1e-4:
        middle = (smallest + largest) / 2
        if _excludes_zero(bounds(float(np.exp(middle)))):
            largest = middle
        else:
            smallest = middle
    return Lead(value, low, high, float(np.exp(largest)), level)


def _excludes_zero(bounds: tuple[float, float]) -> bool:
    # Sums of pairs that cancel exactly leave rounding behind; no difference that matters is that small.
    return bounds[0] > 1e-12 or bounds[1] < -1e-12


def _orders(known: Evidence, error: float) -> list[Orders]:
    count = len(known.joint)
    needed = int(np.ceil((1.0 - error) * (count + 1) - 1e-9))
    if needed > count:
        raise UsageError(f"{count} replicates are too few for an error of {error:g}; take {20 / error:.0f}")
    return known.strictest(max(needed, 1))


def _liking(one: Orders, other: Orders) -> tuple[Values, Values]:
    """Per pair (row, column), the least and the most that the signs of the two rankings can differ by; (p, p)."""
    (a_low, a_high), (b_low, b_high) = (
        (np.where(o.signs == 0, -1.0, o.signs), np.where(o.signs == 0, 1.0, o.signs)) for o in (one, other)
    )
    low, high = a_low - b_high, a_high - b_low
    np.fill_diagonal(low, 0.0)
    np.fill_diagonal(high, 0.0)
    return low, high


def _tau_bounds(orders: Sequence[Orders]) -> tuple[float, float]:
    low, high = _liking(orders[0], orders[1])
    judge = orders[2].signs
    corners = [
        h * d for h in (np.where(judge == 0, -1.0, judge), np.where(judge == 0, 1.0, judge)) for d in (low, high)
    ]
    pairs = len(judge) * (len(judge) - 1)
    return float(np.min(corners, axis=0).sum() / pairs), float(np.max(corners, axis=0).sum() / pairs)


def _gain_bounds(orders: Sequence[Orders], judge: Ranking, error: float) -> tuple[float, float]:
    """For each order that the metrics allow the gain is linear in the judge's means: a normal interval; their union."""
    from scipy.special import ndtri

    low, high = _liking(orders[0], orders[1])
    gap = judge.scored[:, None] - judge.scored[None, :]
    corners = np.stack([low * gap, high * gap])
    pairs = len(gap) * (len(gap) - 1)  # each twice in the matrices
    # The weight of a generator's mean is the sum of its row; the largest that any allowed order gives it.
    weight = 2 * np.maximum(np.abs(low.sum(axis=1)), np.abs(high.sum(axis=1)))
    se = float(np.sqrt((weight**2 * judge.draws.var(axis=0, ddof=1)).sum()) / (2 * pairs))
    reach = -float(ndtri(error / 2)) * se
    return float(corners.min(axis=0).sum() / (2 * pairs)) - reach, float(
        corners.max(axis=0).sum() / (2 * pairs)
    ) + reach
