"""How much a generator depends on its training seed: the spread over seeds, and the share of runs that collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 3  # training seeds: a spread of two has an interval that says nothing


@dataclass(frozen=True)
class Spread:
    """The standard deviation over training seeds (ddof 1) with an exact interval for normal values, >= 0."""

    sd: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Share:
    """A share of runs with its Clopper-Pearson interval, in [0, 1]."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.of


def spread(values: Sequence[float], *, level: float) -> Spread:
    """The spread of one value a training seed; (n-1) s² / σ² is χ² of n-1 degrees. Raises ValueError under three."""
    from scipy.special import chdtri

    seeds = len(values)
    if seeds < FEWEST:
        raise ValueError(f"`values` has {seeds} entries; at least {FEWEST} are needed")
    sd = float(np.std(values, ddof=1))
    rest = (1 - level) / 2
    # chdtri takes the upper tail.
    low, high = (sd * float(np.sqrt((seeds - 1) / chdtri(seeds - 1, tail))) for tail in (rest, 1 - rest))
    return Spread(sd, low, high, seeds)


def share(count: int, of: int, *, level: float) -> Share:
    """`count` of `of` runs: Clopper & Pearson 1934, which covers at least as often as `level` says."""
    from scipy.special import betaincinv

    rest = (1 - level) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, of - count + 1, rest))
    high = 1.0 if count == of else float(betaincinv(count + 1, of - count, 1 - rest))
    return Share(count, of, low, high)


@dataclass(frozen=True)
class Scatter:
    """A value over training × sampling seeds: what retraining and resampling do to it, as standard deviations.

    `least` to `most` are the best and the worst single runs; `single_gap` is the gap between two single runs that seeds
    alone exceed once in twenty.
    """

    mean: float
    least: float
    most: float
    retraining: float
    resampling: float

    @property
    def single_gap(self) -> float:
        """1.96 √2 sd of a single run."""
        return 1.96 * float(np.sqrt(2 * (self.retraining**2 + self.resampling**2)))


def scatter(values: Sequence[Sequence[float]]) -> Scatter:
    """One row of values a training seed, one value a sampling seed: a one-way analysis of variance, equal rows.

    The variance of retraining is the excess of the spread of the rows' means over what resampling explains, >= 0.
    """
    rows = np.array([list(row) for row in values], dtype=float)
    resampling = float(rows.var(axis=1, ddof=1).mean())
    between = float(rows.mean(axis=1).var(ddof=1)) - resampling / rows.shape[1]
    return Scatter(
        float(rows.mean()), float(rows.min()), float(rows.max()), float(np.sqrt(max(0.0, between))), resampling**0.5
    )
