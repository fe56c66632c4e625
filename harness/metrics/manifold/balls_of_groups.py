"""Metrics that score each fake by the real balls around it, on the full sets and on pairs of groups of many splits.

Distances are computed once, in blocks of fakes; each split then scores a block by the balls of its own groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.bounds import FLOOR, Index, squared_between
from harness.metrics.manifold.groups import Lists, Near, NearestInGroup, depth_of, splits_of, too_few
from harness.uncertainty import (
    Analysis,
    Matrix,
    NoIntervalError,
    Pair,
    Rows,
    SplitForm,
    Tables,
    Vector,
    blocks,
)

EPS = float(np.finfo(np.float64).eps)
TINY = 1e-12  # of the squared norms: two equal rows are no further apart by rounding


@dataclass(frozen=True)
class BallScore:
    """A metric that is a mean over fakes of what real balls say of each, made comparable by the real rows alone.

    radii   (m,) distances to the k-th other real row → (m,) radii of the balls
    each    distances to b fakes, numbers (r,) of real rows and their radii (r,) → scores of the fakes (b,)
    base    lists of the real rows and radii → a number that the mean is divided by, or None
    most    the value is clipped to this
    swapped  reals and fakes change places: a mean over real rows of what the fakes' balls say
    """

    use: str
    k: int
    radii: Callable[[Vector], Vector]
    each: Callable[[Distances, Index, Vector], Vector]
    base: Callable[[NearestInGroup, Vector], float] | None = None
    most: float = np.inf
    swapped: bool = False
    share: bool = False

    def __call__(self, real: Rows, fake: Rows) -> float:
        """The value on the full sets."""
        scores, base = self._scores(real, fake)
        return self._finished(float(scores.mean()), base)

    def of_images(self, real: Rows, fake: Rows) -> Vector:
        """The score of each fake, (n,); of each real row (m,) where the roles are swapped."""
        return self._scores(real, fake)[0]

    def _scores(self, real: Rows, fake: Rows) -> tuple[Vector, float]:
        if self.swapped:
            real, fake = fake, real
        radii, base = self._balls(Near(Lists(real, fake, self.k), self.k).real_real)
        every = np.arange(len(real))
        return np.concatenate([self.each(distances, every, radii) for distances in _blocks(real, fake)]), base

    def _balls(self, own: NearestInGroup) -> tuple[Vector, float]:
        radii = self.radii(np.sqrt(own.squared[:, self.k - 1]))
        return radii, 1.0 if self.base is None else self.base(own, radii)

    def _finished(self, mean: float, base: float) -> float:
        return min(mean / base, self.most)


def analyse_scores(metric: BallScore, pair: Pair, effort: Effort) -> Analysis:
    """The value and its split tables. Raises NoIntervalError where halves would have too few rows."""
    if reason := too_few(pair, metric.k, metric.use):
        raise NoIntervalError(reason)
    given, pair = pair, pair.turned() if metric.swapped else pair
    depth, quartered = depth_of(pair, metric.k)
    lists = Lists(pair.real, pair.fake, depth, pair.reference, effort.processor)
    whole, whole_base = metric._balls(Near(lists, metric.k).real_real)
    n = len(pair.fake)
    value = np.empty(n)
    balls, scores, groups_of = [], [], []
    for groups, of_real, of_fake in splits_of(pair, effort, quartered):
        own = [_group_balls(metric, lists, of, groups) for of in of_real]
        balls.append((groups, of_real, own))
        scores.append(np.empty((len(of_real), groups, n)))
        groups_of.append(of_fake)
    for distances in _blocks(pair.real, pair.fake):
        value[distances.block] = metric.each(distances, np.arange(len(pair.real)), whole)
        for (groups, of_real, own), found in zip(balls, scores, strict=True):
            for s, of in enumerate(of_real):
                for a in range(groups):
                    found[s, a, distances.block] = metric.each(distances, np.flatnonzero(of == a), own[s][a][0])
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
    form = SplitForm(
        tables[0], tables[1] if quartered else None, given.units_fake.total(value / whole_base) if simple else None
    )
    return Analysis(
        use=metric.use,
        value=final,
        form=form,
        **given.sizes(),
        method=form.method,
        method_fixed="mean over fake rows" if simple else form.method,
        bias=f"but {metric.use} has no population value at a fixed k; ask for 'T_N'",
        share_of=("real" if metric.swapped else "fake") if metric.share else None,
    )


def _group_balls(metric: BallScore, lists: Lists, of: np.ndarray, groups: int) -> list[tuple[Vector, float]]:
    return [metric._balls(Near(lists, metric.k, of == a, None).real_real) for a in range(groups)]


class Distances:
    """Distances of all real rows to some fakes, `block` of their set: values (m, b), float64, off by rounding."""

    def __init__(self, real: Rows, fake: Rows, block: slice, values: Matrix, width: Vector) -> None:
        self.real, self.fake, self.block, self.values = real, fake, block, values
        self._width = width  # how much the square of each real row's distances may be off (m,)
        self._exact: npt.NDArray[np.bool_] | None = None

    def within(self, of: Index, limits: Vector) -> npt.NDArray[np.bool_]:
        """Which distances of some real rows (r, b) are at most their limits (r,).

        Pairs that rounding leaves in doubt are computed as sums of squared differences, as limits are: once.
        """
        squares, values = limits**2, self.values[of]
        low = np.sqrt(np.maximum(squares - self._width[of], 0.0)) * (1.0 - EPS)
        high = np.sqrt(squares + self._width[of]) * (1.0 + EPS)
        inside: npt.NDArray[np.bool_] = values <= high[:, None]
        doubtful = inside & (values >= low[:, None])
        if self._exact is not None:
            doubtful &= ~self._exact[of]
        if doubtful.any():
            i, j = np.nonzero(doubtful)
            exact = squared_between(self.real, self.fake, of[i], j + self.block.start)
            self.values[of[i], j] = np.sqrt(exact)
            if self._exact is None:
                self._exact = np.zeros(self.values.shape, np.bool_)
            self._exact[of[i], j] = True
        return inside if self._exact is None else inside & (self.values[of] <= limits[:, None])


def _blocks(real: Rows, fake: Rows) -> Iterator[Distances]:
    """Blocks of fakes with their distances to all real rows."""
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
        width = (real.shape[1] + 16.0) * EPS * (norms + own.max()) + FLOOR
        yield Distances(real, fake, block, np.sqrt(squared, out=squared), np.maximum(width, TINY * (norms + own.max())))
