"""Do two rankings of the same generators agree, when neither is known exactly?

Rank correlations of noisy values are biased: noise reverses near ties, which pulls tau and rho towards 0, and a
bootstrap of tau adds the same noise once more, so that its percentile interval misses. The intervals here are built
from pairs of generators instead. Each ranking's noise says which pairs are ordered for sure, all at once; tau's
interval holds every value that orders of the remaining pairs allow (a projection: the level is kept whatever the truth,
ties included, at the cost of width). Every statement is about these generators, not about others like them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.base import UsageError
from harness.uncertainty.agreements.orders import Orders, Ranking, Values, evidence


@dataclass(frozen=True)
class Correlation:
    """A rank correlation in [-1, 1] of two rankings, and what noise does to it.

    `low` to `high` holds, with probability `level` or more, the correlation of the true orders. `noisy` are the 2.5%,
    50% and 97.5% quantiles of the correlation over the replicates: how much one more measurement would move it. They
    are no interval: `attenuation`, the replicates' mean minus the value, tells how far noise pulls the value, too.
    """

    kind: str
    value: float
    low: float
    high: float
    level: float
    noisy: tuple[float, float, float]
    attenuation: float


@dataclass(frozen=True)
class Pair:
    """Two generators under two rankings.

    `first_leads`: the probability, over each ranking's replicates, that `first` is better. `differs`: that the two
    rankings order them differently; a summary of the noise, not a test. `reversed_for_sure` is the test.
    """

    first: str
    second: str
    first_leads: tuple[float, float]
    differs: float
    reversed_for_sure: bool


@dataclass(frozen=True)
class Agreement:
    """Two rankings of the same generators: Kendall's tau-b, Spearman's rho, and every pair.

    `reversed_for_sure` of all pairs hold at once with probability `level`, together with the intervals.
    """

    first: str
    second: str
    tau: Correlation
    rho: Correlation
    pairs: tuple[Pair, ...]


def agreement(
    first: Ranking, second: Ranking, *, level: float = 0.95, orders: Sequence[Orders] | None = None
) -> Agreement:
    """How far two rankings agree; +1 is the same order from best to worst, whatever the direction of their numbers.

    Tau's interval holds tau-b of the true values, ties included. Rho's is about the ranks with any true tie broken
    either way. `orders` are what either ranking orders for sure, where that is known better than from its replicates;
    all must hold at once with probability `level`. UsageError for different generators, or fewer than three.
    """
    known = evidence([first, second])
    one, other = known.at(level) if orders is None else orders
    tau = _correlation("Kendall's tau-b", tau_b, first, second, level, tau_bounds(one, other))
    rho = _correlation("Spearman's rho", spearman, first, second, level, _rho_bounds(one, other))
    i, j = np.triu_indices(len(first.names), 1)
    leads = [r.replicates[:, i] < r.replicates[:, j] for r in (first, second)]
    differs = (leads[0] != leads[1]).mean(axis=0)
    against = one.signs[i, j] * other.signs[i, j] < 0
    pairs = tuple(
        Pair(first.names[a], first.names[b], (float(p), float(q)), float(d), bool(r))
        for a, b, p, q, d, r in zip(i, j, leads[0].mean(axis=0), leads[1].mean(axis=0), differs, against, strict=True)
    )
    return Agreement(first.name, second.name, tau, rho, pairs)


@dataclass(frozen=True)
class Consensus:
    """One order from several rankings, each with the same say (Borda).

    `mean_rank` per generator (1 is best; ties share the mean of their ranks), best first, with the least and most that
    it can be in truth, for all at once with probability `level`: these rankings, not what others would say. `agreed`
    lists the pairs (better, worse) that every ranking orders the same way for sure, likewise all at once. `first_place`
    is, per ranking, each generator's share of replicates in which it leads: a summary of the noise, no test.
    """

    mean_rank: dict[str, tuple[float, float, float]]
    agreed: tuple[tuple[str, str], ...]
    first_place: dict[str, dict[str, float]]
    level: float


def consensus(rankings: Sequence[Ranking], *, level: float = 0.95, orders: Sequence[Orders] | None = None) -> Consensus:
    """The consensus of several rankings of the same generators, and how stable their first places are.

    `orders` as for `agreement`, one for each ranking.
    """
    orders = evidence(rankings).at(level) if orders is None else orders
    names = rankings[0].names
    point = np.mean([_ranks(r.scored) for r in rankings], axis=0)
    # Quantiles of replicated ranks would miss near ties, as those of tau do; the sure pairs say what a rank can be.
    low, high = np.mean([_centred_ranks(o) for o in orders], axis=0) + (len(names) + 1) / 2
    order = np.argsort(point, kind="stable")
    same = np.all([o.signs < 0 for o in orders], axis=0)
    leads = [r.replicates.argmin(axis=1) for r in rankings]
    return Consensus(
        mean_rank={names[i]: (float(point[i]), float(low[i]), float(high[i])) for i in order},
        agreed=tuple((names[i], names[j]) for i in order for j in order if same[i, j]),
        first_place={
            r.name: {name: float((lead == i).mean()) for i, name in enumerate(names)}
            for r, lead in zip(rankings, leads, strict=True)
        },
        level=level,
    )


def tau_b(one: Values, other: Values) -> Values:
    """Kendall's tau-b along the last axis: (concordant - discordant) / sqrt(pairs untied in one x in the other).

    NaN where all values of a side are equal. Kendall 1945; equals scipy.stats.kendalltau.
    """
    i, j = np.triu_indices(one.shape[-1], 1)
    signs = [np.sign(x[..., i] - x[..., j]) for x in (one, other)]
    untied = np.sqrt(np.prod([np.abs(s).sum(axis=-1) for s in signs], axis=0))
    with np.errstate(invalid="ignore"):
        return np.asarray((signs[0] * signs[1]).sum(axis=-1) / untied)


def spearman(one: Values, other: Values) -> Values:
    """Spearman's rho along the last axis: Pearson's correlation of mid-ranks; NaN where a side is constant."""
    a, b = (_ranks(x) - (x.shape[-1] + 1) / 2 for x in (one, other))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1)))


def _ranks(x: Values) -> Values:
    """Mid-ranks from 1 along the last axis; the lowest value is first."""
    above = (x[..., :, None] > x[..., None, :]).sum(axis=-1)
    equal = (x[..., :, None] == x[..., None, :]).sum(axis=-1)
    return np.asarray(above + (equal + 1) / 2)


def _correlation(
    kind: str,
    measure: Callable[[Values, Values], Values],
    first: Ranking,
    second: Ranking,
    level: float,
    bounds: tuple[float, float],
) -> Correlation:
    value = float(measure(first.scored, second.scored))
    drawn = measure(first.replicates, second.replicates)
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value):
        raise UsageError(f"{first.name} or {second.name} gives every generator the same value: there is no order")
    return Correlation(kind, value, *bounds, level, quantiles(drawn), float(drawn.mean() - value))


def tau_bounds(one: Orders, other: Orders) -> tuple[float, float]:
    """What tau-b may be in truth: every pair that is unsure under either ranking counts for or against."""
    i, j = np.triu_indices(len(one.signs), 1)
    product = one.signs[i, j] * other.signs[i, j]
    unsure = float((product == 0).sum())
    # Ties in truth shrink tau-b's denominator, but never carry it beyond the bounds for strict orders.
    return (float(product.sum()) - unsure) / len(i), (float(product.sum()) + unsure) / len(i)


def _rho_bounds(one: Orders, other: Orders) -> tuple[float, float]:
    """From the ranks that each generator can have: by products and by squared differences of ranks, the narrower."""
    p = len(one.signs)
    (a_low, a_high), (b_low, b_high) = (_centred_ranks(o) for o in (one, other))
    corners = np.array([x * y for x in (a_low, a_high) for y in (b_low, b_high)])
    total = (p**3 - p) / 12
    farthest = np.maximum(np.abs(a_high - b_low), np.abs(b_high - a_low))
    nearest = np.maximum(np.maximum(a_low - b_high, b_low - a_high), 0.0)
    low = max(-1.0, corners.min(axis=0).sum() / total, 1.0 - (farthest**2).sum() / (2 * total))
    high = min(1.0, corners.max(axis=0).sum() / total, 1.0 - (nearest**2).sum() / (2 * total))
    return float(low), float(high)


def _centred_ranks(orders: Orders) -> tuple[Values, Values]:
    """Rank minus (p + 1)/2 is half the sum of a generator's signs against all others: its bounds."""
    sure = orders.signs.sum(axis=1) / 2
    unsure = ((orders.signs == 0).sum(axis=1) - 1) / 2
    return sure - unsure, sure + unsure


def quantiles(drawn: Values) -> tuple[float, float, float]:
    """The 2.5%, 50% and 97.5% quantiles."""
    low, middle, high = np.quantile(drawn, [0.025, 0.5, 0.975])
    return float(low), float(middle), float(high)
