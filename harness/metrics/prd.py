"""Precision and recall of distributions (Sajjadi et al. 2018, arXiv:1806.00035): a curve, and its two ends in a number.

Both sets are clustered together; the curve is that of the two histograms over the clusters:

    precision(λ) = Σ min(λ r_c, f_c),    recall(λ) = precision(λ) / λ,

r and f the shares of real and fake rows in cluster c, λ the tangents of equal angles. As in the authors' code the
curves of ten clusterings into twenty are averaged, at 1,001 angles. Theirs clusters by mini-batches; here each
clustering is Lloyd's on as many real rows as fakes, drawn anew, at most `MOST` a side; then all rows get their cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.uncertainty import (
    Analysis,
    Index,
    InfluenceForm,
    Matrix,
    MetricCall,
    Pair,
    Rows,
    Vector,
    checked,
    positive_integer,
    with_defaults,
)

WIDTH = 0.5  # of the mean margin between a row's two nearest centres: over so much borders are smoothed
MOST = 2000  # rows of a side that a clustering is found on
CANDIDATES = 5  # for each centre to begin with
STEPS = 50  # of Lloyd's algorithm at most
ANGLES = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, 1001))
BETA = {"prd_f8": 8.0, "prd_f1_8": 1.0 / 8.0}


def prd_f8(real: npt.ArrayLike, fake: npt.ArrayLike, *, clusters: int = 20, repeats: int = 10, seed: int = 0) -> float:
    """Largest F₈ of the curve's precision and recall, in [0, 1], higher is better: recall weighs 64 times precision.

    It sees what fakes leave out by clusters: nothing within one. Its expectation rises with the set sizes, since
    histograms of few rows differ by chance. The seed draws the clusterings. Raises UsageError for bad features and
    fewer rows than clusters.
    """
    return _Curve.of(real, fake, clusters=clusters, repeats=repeats, seed=seed).best(BETA["prd_f8"])


def prd_f1_8(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, clusters: int = 20, repeats: int = 10, seed: int = 0
) -> float:
    """Largest F of the curve's precision and recall with β = 1/8: precision weighs 64 times recall.

    In [0, 1], higher is better. It sees fakes in clusters that have few real rows: none that lie near the real ones.
    It falls too where modes are missing, as what is left splits into uneven clusters (`harness exam`). What is said of
    `prd_f8` holds of it too.
    """
    return _Curve.of(real, fake, clusters=clusters, repeats=repeats, seed=seed).best(BETA["prd_f1_8"])


def prd_curve(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, clusters: int = 20, repeats: int = 10, seed: int = 0
) -> Matrix:
    """The curve that both metrics are read off: recall and precision at each angle, (2, 1001)."""
    found = _Curve.of(real, fake, clusters=clusters, repeats=repeats, seed=seed)
    return np.stack([found.recall, found.precision])


def analyse_prd(asked: Mapping[str, MetricCall], pair: Pair, effort: Effort) -> dict[str, Analysis]:
    """Values and influences: a row counts in its clusters and moves their centres; the best point is held.

    Other rows would cluster in another way altogether: what that adds, the spread of the repeats tells.
    """
    curves: dict[tuple[tuple[str, int], ...], _Curve] = {}
    found = {}
    for name, call in asked.items():
        chosen = with_defaults(prd_f8, call.parameters)
        key = tuple(sorted(chosen.items()))
        if key not in curves:
            curves[key] = _Curve.of(pair.real, pair.fake, **chosen)
        curve = curves[key]
        of_real, of_fake = curve.influence(BETA[call.use])
        spread = float((of_fake**2).mean()) / len(of_fake)
        if spread > 0:
            of_fake = of_fake * np.sqrt(1.0 + curve.restlessness(BETA[call.use]) / spread)
        found[name] = Analysis(
            use=call.use,
            value=curve.best(BETA[call.use]),
            form=InfluenceForm(pair.units_real.total(of_real), pair.units_fake.total(of_fake)),
            **pair.sizes(),
            method="influence on shares and centres, and the spread of clusterings",
            method_fixed="influence on shares and centres, and the spread of clusterings",
            bias=f"but {call.use} has no known population value; ask for 'T_N'",
            curve=np.stack([curve.recall, curve.precision]),
        )
    return found


def prd_values(calls: Mapping[str, MetricCall], real: npt.ArrayLike, fake: npt.ArrayLike) -> dict[str, float]:
    """The values of several of these metrics, from one clustering."""
    curves = {}
    for call in calls.values():
        chosen = with_defaults(prd_f8, call.parameters)
        key = tuple(sorted(chosen.items()))
        if key not in curves:
            curves[key] = _Curve.of(real, fake, **chosen)
    return {
        name: curves[tuple(sorted(with_defaults(prd_f8, call.parameters).items()))].best(BETA[call.use])
        for name, call in calls.items()
    }


@dataclass(frozen=True)
class _Clustering:
    """One repeat: centres, which rows of each side they were found on, and each row's nearest and second one."""

    centres: Matrix
    found_on: tuple[Index, Index]
    first: tuple[Index, Index]
    second: tuple[Index, Index]
    margin: tuple[Vector, Vector]

    @classmethod
    def of(cls, sides: tuple[Rows, Rows], clusters: int, rng: np.random.Generator) -> _Clustering:
        most = min(MOST, *(len(rows) for rows in sides))
        some = [np.sort(rng.permutation(len(rows))[:most]) for rows in sides]
        centres = _centres(np.concatenate([rows[of] for rows, of in zip(sides, some, strict=True)]), clusters, rng)
        (a, b, c), (d, e, f) = (_nearest_two(rows, centres) for rows in sides)
        return cls(centres, (some[0], some[1]), (a, d), (b, e), (c, f))

    def shares(self, side: int) -> Vector:
        """The share of a side's rows in each cluster."""
        return np.asarray(np.bincount(self.first[side], minlength=len(self.centres)) / len(self.first[side]))

    def moving(self, sides: tuple[Rows, Rows], slopes: list[Vector]) -> list[Vector]:
        """What each row's weight does to a function of the shares, of derivatives `slopes`, by moving centres.

        A centre is the mean of its rows: a row's weight moves it, and rows at its border change cluster. That this
        moves centres again is left out: in small clusters it has no end. Borders are smoothed over `WIDTH` of the mean
        margin.
        """
        width = WIDTH * float(np.mean(np.concatenate(self.margin)))
        result = [np.zeros(len(rows)) for rows in sides]
        if width == 0.0:
            return result
        kernel = [np.exp(-0.5 * (margin / width) ** 2) / (width * np.sqrt(2.0 * np.pi)) for margin in self.margin]
        count = sum(
            np.bincount(of[on], minlength=len(self.centres)) for of, on in zip(self.first, self.found_on, strict=True)
        )
        size = np.maximum(count, 1)[:, None]
        pull = np.zeros(self.centres.shape)
        for side, rows in enumerate(sides):
            slope = slopes[side]
            step = kernel[side] * (slope[self.first[side]] - slope[self.second[side]]) / len(rows)
            pull += self._gradient(side, rows, step)
        for side, rows in enumerate(sides):
            on = self.found_on[side]
            result[side][on] = self._along(rows[on], pull / size)[np.arange(len(on)), self.first[side][on]] * len(rows)
        return result

    def _along(self, rows: Rows, directions: Matrix) -> Matrix:
        """(rows, clusters): the way from each centre to each row along the centre's direction."""
        return np.asarray(rows @ directions.T - np.einsum("ij,ij->i", self.centres, directions))

    def _gradient(self, side: int, rows: Rows, step: Vector) -> Matrix:
        """How a sum of steps at the borders moves with each centre."""
        weights = np.zeros((len(self.centres), len(rows)))
        here = np.arange(len(rows))
        weights[self.first[side], here] = step
        weights[self.second[side], here] = -step
        return np.asarray(weights @ rows - weights.sum(axis=1)[:, None] * self.centres)


@dataclass(frozen=True)
class _Curve:
    """The curve, averaged over clusterings, and what it follows from; rows are about their common mean."""

    sides: tuple[Rows, Rows]
    clusterings: tuple[_Clustering, ...]
    precision: Vector
    recall: Vector

    @classmethod
    def of(cls, real: npt.ArrayLike, fake: npt.ArrayLike, *, clusters: int, repeats: int, seed: int) -> _Curve:
        given = checked(real, fake, least=positive_integer("clusters", clusters), because=f"{clusters} clusters")
        # Distances ignore a shift; large norms would cancel badly.
        middle = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in given], axis=0)
        sides = (
            np.subtract(given[0], middle, dtype=given[0].dtype),
            np.subtract(given[1], middle, dtype=given[1].dtype),
        )
        found = tuple(
            _Clustering.of(sides, clusters, np.random.default_rng([seed, repeat]))
            for repeat in range(positive_integer("repeats", repeats))
        )
        curves = [np.minimum(ANGLES[:, None] * one.shares(0), one.shares(1)).sum(axis=1) for one in found]
        return cls(sides, found, np.mean(curves, axis=0), np.mean([curve / ANGLES for curve in curves], axis=0))

    def scores(self, beta: float) -> Vector:
        """F of each point; the tiny number is the authors'."""
        p, r = self.precision, self.recall
        return np.asarray((1.0 + beta**2) * p * r / (beta**2 * p + r + 1e-10))

    def best(self, beta: float) -> float:
        """The largest F."""
        return float(self.scores(beta).max())

    def _by_precision(self, beta: float, at: int) -> float:
        """The derivative of F in the precision at a point."""
        p, r, square = self.precision[at], self.recall[at], beta**2
        return float((1.0 + square) * (r**2 + square * p**2 / ANGLES[at]) / (square * p + r + 1e-10) ** 2)

    def restlessness(self, beta: float) -> float:
        """The variance of the largest F over draws of the clusterings: other rows cluster in another way."""
        at = int(self.scores(beta).argmax())
        each = [np.minimum(ANGLES[at] * one.shares(0), one.shares(1)).sum() for one in self.clusterings]
        if len(each) < 2:
            return 0.0
        return float(self._by_precision(beta, at) ** 2 * np.var(each, ddof=1) / len(each))

    def influence(self, beta: float) -> list[Vector]:
        """The derivative of the largest F in the weight of each real row (m,) and fake row (n,), times m and n."""
        at = int(self.scores(beta).argmax())
        slope = ANGLES[at]
        by_precision = self._by_precision(beta, at)
        parts = [np.zeros(len(rows)) for rows in self.sides]
        for one in self.clusterings:
            gap = slope * one.shares(0) - one.shares(1)
            # Where real and fake shares meet, the smaller is either.
            smaller = [slope * ((gap < 0) + 0.5 * (gap == 0)), (gap > 0) + 0.5 * (gap == 0)]
            moving = one.moving(self.sides, smaller)
            for side, part in enumerate(parts):
                part += smaller[side][one.first[side]] + moving[side]
        return [np.asarray(by_precision * (part - part.mean()) / len(self.clusterings)) for part in parts]


def _centres(rows: Rows, clusters: int, rng: np.random.Generator) -> Matrix:
    """Centres by Lloyd's algorithm, begun as in greedy k-means++ (Arthur & Vassilvitskii 2007)."""
    lengths = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    chosen = [int(rng.integers(len(rows)))]
    least = _squared(rows, lengths, np.array(chosen))[0]
    while len(chosen) < clusters:
        # Fewer distinct rows than clusters: some centres are the same then, and all but one of those stay empty.
        share = least / least.sum() if least.sum() > 0 else None
        tried = rng.choice(len(rows), size=CANDIDATES, p=share)
        left = np.minimum(least, _squared(rows, lengths, tried))
        best = int(left.sum(axis=1).argmin())
        chosen.append(int(tried[best]))
        least = left[best]
    centres = rows[chosen]
    before: Index | None = None
    for _ in range(STEPS):
        of = np.argmax(_closeness(rows, centres), axis=1)
        if before is not None and np.array_equal(of, before):
            break
        before = of
        member = np.zeros((clusters, len(rows)), rows.dtype)
        member[of, np.arange(len(rows))] = 1.0
        count = member.sum(axis=1, keepdims=True)
        centres = np.where(count > 0, member @ rows / np.maximum(count, 1.0), centres)
    return np.asarray(centres, np.float64)


def _squared(rows: Rows, lengths: Vector, of: Index) -> Matrix:
    """Squared distances of some rows, by number, to all rows, (some, n)."""
    found: Matrix = lengths[of][:, None] + lengths - 2.0 * (rows[of] @ rows.T)
    found[np.arange(len(found)), of] = 0.0
    return np.maximum(found, 0.0)


def _closeness(rows: Rows, centres: Matrix) -> Matrix:
    """Half the squared length of each row less half its squared distance to each centre: the larger, the nearer."""
    to = centres.astype(rows.dtype)
    return np.asarray(rows @ to.T - 0.5 * np.einsum("ij,ij->i", to, to))


def _nearest_two(rows: Rows, centres: Matrix) -> tuple[Index, Index, Vector]:
    """The nearest and second nearest centre of each row, and half by how much more squared the second is away."""
    close = _closeness(rows, centres)
    here = np.arange(len(rows))
    first = close.argmax(axis=1)
    nearest = close[here, first].astype(np.float64)
    close[here, first] = -np.inf
    second = close.argmax(axis=1)
    return first, second, nearest - close[here, second]
