"""Classifier two-sample test (Lopez-Paz & Oquab 2017): how well a linear classifier tells fakes from real rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from harness.base import UsageError
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

RIDGE = 1e-3
WIDTH = 0.5  # of the standard deviation of margins within a set: over so much a verdict's step is smoothed
SAMPLE = 200  # rows of a fold and side whose pairs are looked at
SIGNS = (-1.0, 1.0)  # margins of real and fake rows that are told right


def c2st(real: npt.ArrayLike, fake: npt.ArrayLike, *, folds: int = 5, ridge: float = RIDGE, seed: int = 0) -> float:
    """Cross-validated accuracy of Fisher's linear discriminant between real and fake rows, in [0, 1]; lower is better.

    0.5 where no plane tells them apart, 1 where one does without error; both sets count alike whatever their sizes.
    Rows are dealt at random into `folds`, equal rows into one; each fold is judged by the discriminant of the others,
    whose pooled covariance has `ridge` times its mean variance added. Its expectation rises with the set sizes, as a
    classifier learns from more.

    It cannot see what no plane sees: equal means with other covariances score 0.5. A plane that tells fakes by one
    artefact scores 1 however good they look. Raises UsageError for bad features and fewer rows than folds.
    """
    of_real, of_fake = judged(real, fake, folds=folds, ridge=ridge, seed=seed)
    return float(of_real.mean() + of_fake.mean()) / 2.0


def judged(real: npt.ArrayLike, fake: npt.ArrayLike, *, folds: int, ridge: float, seed: int) -> tuple[Vector, Vector]:
    """1 for each real row (m,) and fake row (n,) that the classifier of the other folds tells right, 0 otherwise."""
    sides = _Sides.of(real, fake, folds=folds, seed=seed)
    found = [np.empty(len(rows)) for rows in sides.rows]
    for fold in sides.fitted(ridge):
        for side, right in enumerate(found):
            right[sides.dealt[side] == fold.number] = fold.verdicts(side)
    return found[0], found[1]


def analyse_c2st(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The accuracy with its influence functions: what a row's own verdict adds, and what it teaches the classifiers.

    The latter is the derivative of the other verdicts, smoothed over `WIDTH` of the spread of margins. Where nothing
    can be told, verdicts hang together by pairs of rows that teach about one another: what this adds to the variance,
    and the noise of the derivative, are counted over pairs of at most `SAMPLE` rows a fold and side.
    """
    chosen = with_defaults(c2st, call.parameters)
    sides = _Sides.of(pair.real, pair.fake, folds=chosen["folds"], seed=chosen["seed"])
    right = [np.empty(len(rows)) for rows in sides.rows]
    taught = [np.zeros(len(rows)) for rows in sides.rows]
    pairs = _Pairs(sides)
    for fold in sides.fitted(chosen["ridge"]):
        for side in (0, 1):
            right[side][sides.dealt[side] == fold.number] = fold.verdicts(side)
        for side, lessons in enumerate(fold.lessons()):
            learnt = sides.dealt[side] != fold.number
            taught[side][learnt] += lessons * len(learnt) / learnt.sum()
        pairs.take(fold)
    of_real, of_fake = (0.5 * (own - own.mean()) + lessons for own, lessons in zip(right, taught, strict=True))
    second = pairs.second_order()
    return Analysis(
        use=call.use,
        value=float(right[0].mean() + right[1].mean()) / 2.0,
        form=InfluenceForm(
            pair.units_real.total(of_real - of_real.mean()),
            pair.units_fake.total(of_fake - of_fake.mean()),
            np.array([np.sqrt(second[0, 0])]),
            float(second[0, 0]),
            float(second[1, 1]),
            float(second[0, 1] + second[1, 0]),
        ),
        **pair.sizes(),
        method="influence of verdicts and training, second-order corrected",
        method_fixed="influence of verdicts and training, second-order corrected",
        bias="but c2st has no population value: a classifier learns from more; ask for 'T_N'",
    )


@dataclass(frozen=True)
class _Sides:
    """Real and fake rows, which fold each is dealt into, and the sums of each fold's."""

    rows: tuple[Rows, Rows]
    centre: Vector
    dealt: tuple[Index, Index]
    folds: int

    @classmethod
    def of(cls, real: npt.ArrayLike, fake: npt.ArrayLike, *, folds: int, seed: int) -> _Sides:
        """Both sets dealt. Raises UsageError as `c2st` does."""
        if positive_integer("folds", folds) < 2:
            raise UsageError(f"`folds` is {folds}; cross-validation needs at least 2")
        sides = checked(real, fake, least=folds, because=f"cross-validation in {folds} folds")
        rng = np.random.default_rng(seed)
        centre = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in sides], axis=0)
        return cls(sides, centre, (_dealt(sides[0], folds, rng), _dealt(sides[1], folds, rng)), folds)

    def part(self, side: int, fold: int) -> Matrix:
        """A side's rows of one fold, centred."""
        return np.asarray(self.rows[side][self.dealt[side] == fold] - self.centre)

    def fitted(self, ridge: float) -> Iterator[_Fold]:
        """The discriminant of all other folds, for each fold."""
        if not np.isfinite(ridge) or ridge <= 0:
            raise UsageError(f"`ridge` is {ridge!r}; it must be positive")
        parts = [[_Sums.of(self.part(side, f)) for f in range(self.folds)] for side in (0, 1)]
        whole = [_Sums.over(own) for own in parts]
        for f in range(self.folds):
            learnt = [total.without(own[f]) for total, own in zip(whole, parts, strict=True)]
            yield _Fold(self, f, learnt, ridge)


class _Fold:
    """The discriminant that judges one fold: margins, verdicts, and what each row that it learnt from did to them."""

    def __init__(self, sides: _Sides, number: int, learnt: list[tuple[Vector, Matrix]], ridge: float) -> None:
        self.sides, self.number, self.ridge = sides, number, ridge
        (mean_real, cov_real), (mean_fake, cov_fake) = learnt
        self.means, self.covariances = (mean_real, mean_fake), (cov_real, cov_fake)
        pooled = (cov_real + cov_fake) / 2.0
        d, spread = len(pooled), float(np.trace(pooled)) / len(pooled)
        self.factor: tuple[Matrix, bool] | None = None  # none where all rows of each side are the same
        self.normal = mean_fake - mean_real
        if spread > 0:
            ridged = pooled.copy()
            ridged[np.diag_indices(d)] += ridge * spread
            self.factor = cho_factor(ridged, lower=True, overwrite_a=True, check_finite=False)
            self.normal = self.solved(self.normal)
        self.middle = (mean_fake + mean_real) / 2.0
        self.margins = [SIGNS[side] * ((sides.part(side, number) - self.middle) @ self.normal) for side in (0, 1)]
        width = WIDTH * float(np.sqrt(np.maximum(self.normal @ pooled @ self.normal, 0.0)))
        # By how much the accuracy moves with each margin: a verdict's step, smoothed.
        self.steps = [
            np.exp(-0.5 * (margin / width) ** 2) / (width * np.sqrt(2.0 * np.pi)) / (2.0 * len(rows))
            if width > 0 and self.factor is not None
            else np.zeros(len(margin))
            for margin, rows in zip(self.margins, sides.rows, strict=True)
        ]

    def solved(self, columns: Matrix) -> Matrix:
        """The pooled covariance's inverse times some columns."""
        return columns if self.factor is None else np.asarray(cho_solve(self.factor, columns, check_finite=False))

    def verdicts(self, side: int) -> Vector:
        """1 where a row of this fold is told right; on the plane either answer is as good."""
        return np.where(self.margins[side] == 0.0, 0.5, self.margins[side] > 0.0)

    def lessons(self) -> Iterator[Vector]:
        """For each side, the derivative of the accuracy on this fold in the weight of each row of the others."""
        slope, tilt = np.zeros(len(self.normal)), 0.0
        for side in (0, 1):
            steps = SIGNS[side] * self.steps[side]
            slope += steps @ (self.sides.part(side, self.number) - self.middle)
            tilt += float(steps.sum())
        slope = self.solved(slope)
        for side in (0, 1):
            learnt = self.sides.rows[side][self.sides.dealt[side] != self.number] - self.sides.centre
            learnt -= self.means[side]
            teach = _Lesson(self, side, learnt)
            yield (
                teach.lever * (learnt @ slope)
                + teach.shape @ slope
                - teach.growth * (self.normal @ slope)
                - (0.5 * tilt * teach.along)
            )

    def between(self, side: int, rows: Matrix, other: int, chosen: Index) -> Matrix:
        """(rows, chosen): what each row of `side`, learnt from, does to the accuracy by each chosen verdict of `other`.

        In units of the accuracy: what the row's presence among those learnt from adds.
        """
        judged = self.sides.part(other, self.number)[chosen] - self.middle
        teach = _Lesson(self, side, rows - self.means[side])
        solved = self.solved(judged.T)
        moved = (teach.lever[:, None] * teach.rows) @ solved + teach.shape @ solved
        moved -= np.outer(teach.growth, judged @ self.solved(self.normal)) + 0.5 * teach.along[:, None]
        learnt = int((self.sides.dealt[side] != self.number).sum())
        return np.asarray(moved * (SIGNS[other] * self.steps[other][chosen]) / learnt)


class _Lesson:
    """What the weight of learnt rows does to a discriminant S⁻¹δ, parts by part: dδ - dS S⁻¹δ of each row r.

    lever (r,) times the row; `shape`, the same for all rows; growth (r,) times the normal, by the ridge.
    """

    def __init__(self, fold: _Fold, side: int, rows: Matrix) -> None:
        self.rows, d = rows, rows.shape[1]
        self.along = rows @ fold.normal
        self.lever = SIGNS[side] - 0.5 * self.along
        self.shape = 0.5 * fold.covariances[side] @ fold.normal
        lengths = np.einsum("ij,ij->i", rows, rows)
        self.growth = 0.5 * fold.ridge / d * (lengths - np.trace(fold.covariances[side]))


class _Pairs:
    """What pairs of rows teach about one another, over a sample of each fold."""

    def __init__(self, sides: _Sides) -> None:
        self.sides = sides
        self.chosen = [[_evenly(int((of == f).sum())) for f in range(sides.folds)] for of in sides.dealt]
        sizes = [[len(some) for some in own] for own in self.chosen]
        self.fold = [np.repeat(np.arange(sides.folds), own) for own in sizes]
        self.rows = [
            np.concatenate([sides.part(side, f)[self.chosen[side][f]] for f in range(sides.folds)]) for side in (0, 1)
        ]
        self.moved = {(a, b): np.zeros((len(self.fold[a]), len(self.fold[b]))) for a in (0, 1) for b in (0, 1)}

    def take(self, fold: _Fold) -> None:
        """Take in what rows of other folds do to the verdicts of this one."""
        for a, b in self.moved:
            learnt, here = self.fold[a] != fold.number, self.fold[b] == fold.number
            self.moved[a, b][np.ix_(learnt, here)] = fold.between(
                a, self.rows[a][learnt], b, self.chosen[b][fold.number]
            )

    def second_order(self) -> Matrix:
        """(2, 2): the variance that pairs of a learnt and a judged row, of these sides, have in the plug-in too much.

        The noise of the derivative, and once what pairs have in common, which verdict and lesson both count.
        """
        centred, noise = {}, np.zeros((2, 2))
        for (a, b), moved in self.moved.items():
            apart = self.fold[a][:, None] != self.fold[b]
            each = (moved - moved.sum(axis=1, keepdims=True) / apart.sum(axis=1, keepdims=True)) * apart
            noise[a, b] = (each**2).sum() * self._share(a, b)
            centred[a, b] = (each - each.sum(axis=0) / apart.sum(axis=0)) * apart
        both = {key: float((centred[key] * centred[key[::-1]].T).sum()) * self._share(*key) for key in centred}
        return np.array([[max(noise[a, b] + both[a, b], 0.0) for b in (0, 1)] for a in (0, 1)])

    def _share(self, a: int, b: int) -> float:
        """How many pairs of rows there are for each that was looked at."""
        return float(np.prod([len(self.sides.rows[side]) / len(self.fold[side]) for side in (a, b)]))


def _evenly(count: int) -> Index:
    """At most SAMPLE of so many rows, far apart: sets may be sorted."""
    return np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(np.intp)


class _Sums:
    """Count, sum and sum of outer products of some rows."""

    def __init__(self, count: int, first: Vector, second: Matrix) -> None:
        self.count, self.first, self.second = count, first, second

    @classmethod
    def of(cls, rows: Rows) -> _Sums:
        return cls(len(rows), rows.sum(axis=0), rows.T @ rows)

    @classmethod
    def over(cls, parts: list[_Sums]) -> _Sums:
        return cls(
            sum(p.count for p in parts),
            np.asarray(np.sum([p.first for p in parts], axis=0)),
            np.asarray(np.sum([p.second for p in parts], axis=0)),
        )

    def without(self, part: _Sums) -> tuple[Vector, Matrix]:
        """Mean and covariance of the rows that are not in the part."""
        count = self.count - part.count
        mean = (self.first - part.first) / count
        return mean, (self.second - part.second) / count - np.outer(mean, mean)


def _dealt(rows: Rows, folds: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The fold of each row: equal rows share one, or the classifier would know some answers by heart."""
    _, first, of = np.unique(
        np.ascontiguousarray(rows + 0.0).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0],
        return_index=True,
        return_inverse=True,
    )
    if len(first) < folds:
        raise UsageError(f"a set has {len(first)} distinct rows, fewer than the {folds} folds")
    # In the order in which they come, so that the deal does not hang on how bytes sort.
    place = np.argsort(np.argsort(first))
    return np.asarray((rng.permutation(len(first)) % folds)[place[of]], np.intp)
