"""Metrics that score each fake by the real balls around it, on the full sets and on pairs of groups of many splits.

Distances are computed once, in blocks of fakes; each split then scores a block by the balls of its own groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.metrics.contract import Effort
from harness.metrics.manifold.groups import Lists, Near, Nearest, depth_of, splits_of, too_few
from harness.uncertainty import (
    Analysis,
    Matrix,
    NoIntervalError,
    Pair,
    ReferenceSet,
    Rows,
    SplitForm,
    Tables,
    Vector,
    blocks,
)

TINY = 1e-12  # of the squared norms: two equal rows are no further apart by rounding


@dataclass(frozen=True)
class BallScore:
    """A metric that is a mean over fakes of what real balls say of each, made comparable by the real rows alone.

    radii   (m,) distances to the k-th other real row → (m,) radii of the balls
    each    distances (m, b) and radii (m,) → scores of b fakes
    base    lists of the real rows and radii → a number that the mean is divided by, or None
    most    the value is clipped to this
    swapped  reals and fakes change places: a mean over real rows of what the fakes' balls say
    """

    use: str
    k: int
    radii: Callable[[Vector], Vector]
    each: Callable[[Matrix, Vector], Vector]
    base: Callable[[Nearest, Vector], float] | None = None
    most: float = np.inf
    swapped: bool = False
    share: bool = False

    def __call__(self, real: Rows, fake: Rows) -> float:
        """The value on the full sets."""
        if self.swapped:
            real, fake = fake, real
        lists = Lists(real, fake, self.k)
        radii, base = self._balls(Near(lists, self.k).real_real)
        scores = [self.each(distances, radii) for _, distances in _blocks(real, fake)]
        return self._finished(float(np.concatenate(scores).mean()), base)

    def of_images(self, real: Rows, fake: Rows) -> Vector:
        """The score of each fake, (n,)."""
        radii, _ = self._balls(Near(Lists(real, fake, self.k), self.k).real_real)
        return np.concatenate([self.each(distances, radii) for _, distances in _blocks(real, fake)])

    def _balls(self, own: Nearest) -> tuple[Vector, float]:
        radii = self.radii(np.sqrt(own.squared[:, self.k - 1]))
        return radii, 1.0 if self.base is None else self.base(own, radii)

    def _finished(self, mean: float, base: float) -> float:
        return min(mean / base, self.most)


def analyse_scores(metric: BallScore, pair: Pair, effort: Effort) -> Analysis:
    """The value and its split tables. Raises NoIntervalError where halves would have too few rows."""
    if reason := too_few(pair, metric.k, metric.use):
        raise NoIntervalError(reason)
    given = pair
    if metric.swapped:
        turned = ReferenceSet(pair.fake, pair.units_fake, pair.fake_seed)
        pair = Pair(turned, pair.real, pair.units_real, pair.real_seed)
    depth, quartered = depth_of(pair, metric.k)
    lists = Lists(pair.real, pair.fake, depth, pair.reference)
    whole, whole_base = metric._balls(Near(lists, metric.k).real_real)
    n = len(pair.fake)
    value = np.empty(n)
    balls, scores, groups_of = [], [], []
    for groups, of_real, of_fake in splits_of(pair, effort, quartered):
        own = [_group_balls(metric, lists, of, groups) for of in of_real]
        balls.append((groups, of_real, own))
        scores.append(np.empty((len(of_real), groups, n)))
        groups_of.append(of_fake)
    for block, distances in _blocks(pair.real, pair.fake):
        value[block] = metric.each(distances, whole)
        for (groups, of_real, own), found in zip(balls, scores, strict=True):
            for s, of in enumerate(of_real):
                for a in range(groups):
                    found[s, a, block] = metric.each(distances[of == a], own[s][a][0])
    tables: list[Tables] = []
    for (groups, _, own), found, of_fake in zip(balls, scores, groups_of, strict=True):
        table = np.empty((len(found), groups, groups))
        for s in range(len(found)):
            for a in range(groups):
                for b in range(groups):
                    table[s, a, b] = metric._finished(float(found[s, a, of_fake[s] == b].mean()), own[s][a][1])
        tables.append(table.transpose(0, 2, 1) if metric.swapped else table)
    final = metric._finished(float(value.mean()), whole_base)
    # Held at its ceiling the value does not move with the rows, to first order: the tables know more.
    simple = not metric.swapped and value.mean() / whole_base < metric.most
    method = f"variance between disjoint {'halves and quarters, extrapolated' if quartered else 'halves, halved'}"
    return Analysis(
        use=metric.use,
        value=final,
        form=SplitForm(
            tables[0],
            tables[1] if quartered else None,
            given.units_fake.total(value / whole_base) if simple else None,
        ),
        **given.sizes(),
        method=method,
        method_fixed="mean over fake rows" if simple else method,
        bias=f"but {metric.use} has no population value at a fixed k; ask for 'T_N'",
        share_of=("real" if metric.swapped else "fake") if metric.share else None,
    )


def _group_balls(metric: BallScore, lists: Lists, of: np.ndarray, groups: int) -> list[tuple[Vector, float]]:
    return [metric._balls(Near(lists, metric.k, of == a, None).real_real) for a in range(groups)]


def _blocks(real: Rows, fake: Rows) -> Iterator[tuple[slice, Matrix]]:
    """Blocks of fakes with their distances to all real rows (m, b), float64."""
    centre = real.mean(axis=0, dtype=np.float64)
    left = real - centre
    norms = np.einsum("ij,ij->i", left, left)
    for block in blocks(len(fake), len(real)):
        right = fake[block] - centre
        own = np.einsum("ij,ij->i", right, right)
        squared = left @ right.T
        squared *= -2.0
        squared += norms[:, None]
        squared += own
        squared[squared < TINY * (norms[:, None] + own)] = 0.0
        yield block, np.sqrt(squared, out=squared)
