"""Which pairs of generators does a ranking order for sure? Noisy rankings as replicates, from wherever they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError

Values = npt.NDArray[np.float64]
FEWEST = 3  # generators: of two there is one pair, and every correlation is 1 or -1


@dataclass(frozen=True)
class Ranking:
    """Generators' `values` (p,) under one encoder or judge, and joint replicates `draws` (count, p) around them."""

    name: str
    names: tuple[str, ...]
    values: Values
    draws: Values
    lower_is_better: bool

    def __post_init__(self) -> None:
        p = len(self.names)
        if self.values.shape != (p,) or self.draws.ndim != 2 or self.draws.shape[1] != p or len(set(self.names)) < p:
            raise UsageError(
                f"{self.name}: {p} names, values {self.values.shape} and draws {self.draws.shape}; "
                "expected distinct names, (p,) and (count, p)"
            )
        if not (np.isfinite(self.values).all() and np.isfinite(self.draws).all()):
            raise UsageError(f"{self.name} has a value or replicate that is not a finite number")

    @property
    def scored(self) -> Values:
        """The values with the sign that makes lower better."""
        return self.values if self.lower_is_better else -self.values

    @property
    def replicates(self) -> Values:
        """The draws with the sign that makes lower better."""
        return self.draws if self.lower_is_better else -self.draws

    def of(self, names: Sequence[str]) -> Ranking:
        """The same ranking of some of its generators, in the order given."""
        at = [self.names.index(name) for name in names]
        return Ranking(self.name, tuple(names), self.values[at], self.draws[:, at], self.lower_is_better)


def independent(
    name: str, values: Mapping[str, float], se: Mapping[str, float], *, lower_is_better: bool, count: int, seed: int
) -> Ranking:
    """A ranking whose values have independent normal errors of the given standard errors; 0 takes a value as exact.

    Values scored against one reference set share its noise, which cancels in their differences: with standard errors
    that include it, fewer pairs are sure than the data allow.
    """
    names = tuple(values)
    point = np.array([values[n] for n in names], dtype=np.float64)
    spread = np.array([se[n] for n in names], dtype=np.float64)
    noise = np.random.default_rng(seed).standard_normal((count, len(names)))
    return Ranking(name, names, point, point + noise * spread, lower_is_better)


def participants(name: str, rates: Mapping[str, Values], *, count: int, seed: int) -> Ranking:
    """A ranking by the mean over people, each generator judged by people of its own; a bootstrap over them.

    Rates are of people's mistakes: higher is better. It speaks about other people like these, who see the same images.
    UsageError for fewer than two people.
    """
    rng = np.random.default_rng(seed)
    values, draws = [], []
    for generator, answers in rates.items():
        n = len(answers)
        if n < 2:
            raise UsageError(
                f"{name}: {generator} was judged by {n} participants; at least two are needed to estimate their spread"
            )
        mean = float(answers.mean())
        noise = answers[rng.integers(0, n, (count, n))].mean(axis=1) - mean
        # A bootstrap of n people spreads by sqrt((n - 1)/n) too little, and knows their spread no better than Student.
        noise *= np.sqrt(n / rng.chisquare(n - 1, count))
        values.append(mean)
        draws.append(mean + noise)
    return Ranking(name, tuple(rates), np.array(values), np.stack(draws, axis=1), lower_is_better=False)


@dataclass(frozen=True)
class Orders:
    """What one ranking orders for sure: `signs` (p, p) is -1 where row is better than column, 1 where worse, else 0."""

    signs: Values


@dataclass(frozen=True)
class Evidence:
    """Every pair's standardised gap, per ranking, and how large noise alone makes the largest of them all.

    The largest gap over pairs is taken within each ranking and its rank among the replicates over rankings, so that one
    ranking with heavy tails (two training seeds) does not set the threshold of the others.
    """

    gaps: tuple[Values, ...]  # (p, p) each, signed, in units of its noise
    maxima: tuple[Values, ...]  # (count,) each, sorted
    joint: npt.NDArray[np.intp]  # (count,) sorted: largest rank of a maximum, from 1

    def at(self, level: float) -> list[Orders]:
        """The orders that hold all at once, in all rankings, with probability `level`."""
        if not 0 < level < 1:
            raise UsageError(f"`level` is {level!r}; it must lie between 0 and 1, such as 0.95")
        count = int(np.ceil(level * (len(self.joint) + 1)))
        if count > len(self.joint):
            raise UsageError(f"{len(self.joint)} replicates are too few for level {level}; take {20 / (1 - level):.0f}")
        return self.strictest(count)

    def strictest(self, count: int) -> list[Orders]:
        """The orders beyond the noise of `count` of the replicates."""
        at = self.joint[count - 1] - 1
        return [Orders(np.sign(g) * (np.abs(g) > m[at])) for g, m in zip(self.gaps, self.maxima, strict=True)]


def evidence(rankings: Sequence[Ranking]) -> Evidence:
    """The evidence of several rankings of the same generators, whose replicates belong together row by row.

    UsageError for different generators, different numbers of replicates, or fewer than three generators.
    """
    if not rankings:
        raise UsageError("no rankings")
    first = rankings[0]
    for other in rankings[1:]:
        if other.names != first.names:
            raise UsageError(f"{first.name} ranks {', '.join(first.names)}, {other.name} {', '.join(other.names)}")
        if len(other.draws) != len(first.draws):
            raise UsageError(f"{first.name} has {len(first.draws)} replicates, {other.name} {len(other.draws)}")
    if len(first.names) < FEWEST:
        raise UsageError(
            f"{len(first.names)} generators ({', '.join(first.names)}); comparing rankings needs at least {FEWEST}"
        )
    gaps, maxima, ranks = [], [], []
    for ranking in rankings:
        gap, largest = _standardised(ranking)
        ordered = np.sort(largest)
        gaps.append(gap)
        maxima.append(ordered)
        # Ties share the lowest rank: exact values, whose maxima are all 0, must not set the threshold of the others.
        ranks.append(np.searchsorted(ordered, largest, side="left") + 1)
    return Evidence(tuple(gaps), tuple(maxima), np.sort(np.max(ranks, axis=0)))


def _standardised(ranking: Ranking) -> tuple[Values, Values]:
    i, j = np.triu_indices(len(ranking.names), 1)
    gap = ranking.scored[i] - ranking.scored[j]
    noise = np.abs(ranking.replicates[:, i] - ranking.replicates[:, j] - gap)
    # One standard deviation if normal; with two training seeds (Cauchy) the standard deviation itself would not exist.
    scale = np.quantile(noise, 0.6827, axis=0)
    scale = np.where(scale > 0, scale, noise.std(axis=0))
    exact = scale == 0
    size = np.divide(gap, scale, out=np.where(gap == 0, 0.0, np.copysign(np.inf, gap)), where=~exact)
    matrix = np.zeros((len(ranking.names),) * 2)
    matrix[i, j], matrix[j, i] = size, -size
    return matrix, np.divide(noise, scale, out=np.zeros_like(noise), where=~exact).max(axis=1)
