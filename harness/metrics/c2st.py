"""Classifier two-sample test (Lopez-Paz & Oquab 2017): how well a linear classifier tells fakes from real rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Matrix, Rows, Vector, checked, positive_integer

RIDGE = 1e-3


def c2st(real: npt.ArrayLike, fake: npt.ArrayLike, *, folds: int = 5, ridge: float = RIDGE, seed: int = 0) -> float:
    """Cross-validated accuracy of Fisher's linear discriminant between real and fake rows, in [0, 1]; lower is better.

    0.5 where no plane tells them apart, 1 where one does without error; both sets count alike whatever their sizes.
    Rows are dealt at random into `folds`, equal rows into one; each fold is judged by the discriminant of the others,
    whose pooled covariance has `ridge` times its mean variance added. Its expectation rises with the set sizes, as a
    classifier learns from more.

    It cannot see what no plane sees: equal means with other covariances score 0.5. A plane that tells fakes by one
    artefact scores 1 however good they look. Its interval comes from disjoint parts of both sets: the classifier's own
    noise is as large as its verdicts' where it can tell nothing. Raises UsageError for bad features and fewer rows
    than folds.
    """
    of_real, of_fake = judged(real, fake, folds=folds, ridge=ridge, seed=seed)
    return float(of_real.mean() + of_fake.mean()) / 2.0


def judged(real: npt.ArrayLike, fake: npt.ArrayLike, *, folds: int, ridge: float, seed: int) -> tuple[Vector, Vector]:
    """1 for each real row (m,) and fake row (n,) that the classifier of the other folds tells right, 0 otherwise."""
    if positive_integer("folds", folds) < 2:
        raise UsageError(f"`folds` is {folds}; a classifier is judged on rows unknown to it, so at least 2")
    if not np.isfinite(ridge) or ridge <= 0:
        raise UsageError(f"`ridge` is {ridge!r}; it must be positive")
    sides = checked(real, fake, least=folds, because=f"cross-validation in {folds} folds")
    rng = np.random.default_rng(seed)
    centre = np.mean([rows.mean(axis=0, dtype=np.float64) for rows in sides], axis=0)
    dealt = [_dealt(rows, folds, rng) for rows in sides]
    parts = [[_Sums.of(rows[of == f] - centre) for f in range(folds)] for rows, of in zip(sides, dealt, strict=True)]
    whole = [_Sums.over(own) for own in parts]
    found = [np.empty(len(rows)) for rows in sides]
    for f in range(folds):
        (mean_real, cov_real), (mean_fake, cov_fake) = (
            total.without(own[f]) for total, own in zip(whole, parts, strict=True)
        )
        pooled = (cov_real + cov_fake) / 2.0
        spread = float(np.trace(pooled)) / len(pooled)
        if spread > 0:
            pooled[np.diag_indices_from(pooled)] += ridge * spread
            normal = np.linalg.solve(pooled, mean_fake - mean_real)
        else:  # every row of a side is the same
            normal = mean_fake - mean_real
        middle = normal @ (mean_fake + mean_real) / 2.0
        for rows, of, right, sign in zip(sides, dealt, found, (-1.0, 1.0), strict=True):
            margin = sign * ((rows[of == f] - centre) @ normal - middle)
            # On the plane either answer is as good.
            right[of == f] = np.where(margin == 0.0, 0.5, margin > 0.0)
    return found[0], found[1]


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
