"""C_T of Meehan, Chaudhuri & Dasgupta 2020 (arXiv:2004.05675): do fakes lie nearer to training rows than unseen do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.manifold.neighbours import nearest
from harness.metrics.memorisation.roles import Roles, roles
from harness.uncertainty import Analysis, InfluenceForm, MetricCall, Pair, Rows, Vector, positive_integer, with_defaults

Labels = npt.NDArray[np.intp]


def c_t(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    training: npt.ArrayLike | None = None,
    cells: int = 3,
    components: int = 64,
    least: int = 20,
    seed: int = 0,
) -> float:
    """Mean z-score of the rank test of fakes' against held-out rows' distances to their nearest training row.

    real (m, d) were not trained on, training (t, d) were. Below 0 fakes lie nearer than unseen real rows do: data
    copying, from about -3 on beyond chance; 0 where they lie alike, above 0 where they are far from everything
    (underfitting). Not bounded: it grows with the root of the set sizes, so compare it only at one n. Higher is less
    copying, and a value far above 0 is nothing good.

    Training rows are divided by k-means into `cells` (scikit-learn's, the best of ten starts), after their first
    `components` principal ones; within each cell Mann and Whitney's U gives z, and cells with more than `least` fakes
    are averaged by their share of real rows. These are the conventions of layer6ai-labs/dgm-eval and marcojira/fld,
    whose value it is to rounding for the same cells.
    It cannot see copies of a few training rows among many fresh fakes, nor a mode that is missing.

    Raises UsageError for what `roles` refuses, and where no cell has rows of both sides enough.
    """
    return _Cells.of(roles(training, real, fake), cells, components, least, seed).value()


@dataclass(frozen=True)
class _Cells:
    """Distances to the nearest training row of the same cell, and the cell, of each real (m,) and fake row (n,)."""

    real: Vector
    fake: Vector
    of_real: Labels
    of_fake: Labels
    kept: tuple[int, ...]

    @classmethod
    def of(cls, sets: Roles, cells: int, components: int, least: int, seed: int) -> _Cells:
        training, real, fake = _projected(sets, positive_integer("components", components))
        of_training, of_real, of_fake = _partition(training, (real, fake), positive_integer("cells", cells), seed)
        enough = [
            cell
            for cell in range(cells)
            if (of_fake == cell).sum() > least and (of_real == cell).any() and (of_training == cell).sum() > 1
        ]
        if not enough:
            raise UsageError(
                f"none of {cells} cells has more than {least} fakes and a real row; use fewer `cells`, "
                "a lower `least`, or more images"
            )
        near = [np.full(len(rows), np.nan) for rows in (real, fake)]
        for cell in enough:
            of_cell = training[of_training == cell]
            for rows, of, found in zip((real, fake), (of_real, of_fake), near, strict=True):
                found[of == cell] = nearest(of_cell, 1, points=rows[of == cell]).radius_squared(1)
        return cls(near[0], near[1], of_real, of_fake, tuple(enough))

    def value(self) -> float:
        """C_T."""
        weights = np.array([(self.of_real == cell).sum() for cell in self.kept], np.float64)
        scores = np.array([self._tested(cell).score for cell in self.kept])
        return float(weights @ scores / weights.sum())

    def _tested(self, cell: int) -> _Tested:
        return _Tested.of(self.real[self.of_real == cell], self.fake[self.of_fake == cell])

    def influence(self) -> tuple[Vector, Vector]:
        """m and n times the derivative of C_T in each row's weight, (m,) and (n,); the cells are fixed.

        z = (A - 1/2) s + c / s', where A is the share of pairs of which the fake lies further and s grows with the
        rows in the cell. A moves with each row's rank among the other side's, s and the cell's weight with its count.
        """
        m, n = len(self.real), len(self.fake)
        total = float(np.isin(self.of_real, self.kept).sum()) / m
        value = self.value()
        of_real, of_fake = np.zeros(m), np.zeros(n)
        for cell in self.kept:
            real, fake = self.of_real == cell, self.of_fake == cell
            tested = self._tested(cell)
            p, q = int(real.sum()), int(fake.sum())
            weight = p / m / total
            of_real[real] += weight * tested.scale * (tested.beyond_real - tested.share) * m / p
            of_fake[fake] += weight * tested.scale * (tested.beyond_fake - tested.share) * n / q
            by_real = (tested.score - value) / total + weight * tested.score * m / 2.0 * (1.0 / p - 1.0 / (p + q + 1))
            by_fake = weight * tested.score * n / 2.0 * (1.0 / q - 1.0 / (p + q + 1))
            of_real += by_real * (real - p / m)
            of_fake += by_fake * (fake - q / n)
        return of_real, of_fake


@dataclass(frozen=True)
class _Tested:
    """One cell: the share of pairs of which the fake lies further, ties half, and its z-score.

    `beyond_real` is for each real row the share of fakes further than it, `beyond_fake` for each fake that of real rows
    nearer than it; `scale` turns a share into a z-score.
    """

    share: float
    score: float
    scale: float
    beyond_real: Vector
    beyond_fake: Vector

    @classmethod
    def of(cls, real: Vector, fake: Vector) -> _Tested:
        p, q = len(real), len(fake)
        beyond_fake, beyond_real = _below(real, fake), 1.0 - _below(fake, real)
        share = float(beyond_fake.mean())
        spread = np.sqrt(p * q * (p + q + 1) / 12.0)
        # Half a pair is the published correction for continuity; no variance is taken off for ties.
        return cls(share, float((p * q * (share - 0.5) + 0.5) / spread), p * q / spread, beyond_real, beyond_fake)


def _below(some: Vector, others: Vector) -> Vector:
    """For each of `others` the share of `some` below it, equal ones counting half."""
    ordered = np.sort(some)
    found = np.searchsorted(ordered, others, "left") + np.searchsorted(ordered, others, "right")
    return np.asarray(found / (2.0 * len(some)))


def _projected(sets: Roles, components: int) -> tuple[Rows, Rows, Rows]:
    """The three sets in the first principal components of the training rows, where they have more columns."""
    middle = sets.training.mean(axis=0, dtype=np.float64)
    training, real, fake = (rows - middle for rows in (sets.training, sets.real, sets.fake))
    if training.shape[1] > components:
        _, vectors = np.linalg.eigh(training.T @ training)
        first = vectors[:, -components:]
        training, real, fake = (rows @ first for rows in (training, real, fake))
    return training, real, fake


def _partition(training: Rows, others: tuple[Rows, ...], cells: int, seed: int) -> list[Labels]:
    """The cell of each row of the training set and of the others: the nearest of k-means' centres, the best of ten."""
    if cells == 1:
        return [np.zeros(len(rows), np.intp) for rows in (training, *others)]
    if cells > len(np.unique(training, axis=0)):
        raise UsageError(f"`training` has fewer than {cells} distinct rows; use fewer `cells`")
    from sklearn.cluster import KMeans

    found = KMeans(cells, n_init=10, random_state=seed).fit(training)
    return [found.predict(rows).astype(np.intp) for rows in (training, *others)]


def analyse(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """C_T with its influence functions; the training rows, and so the cells, are taken as they are."""
    chosen: dict[str, Any] = with_defaults(c_t, call.parameters)
    found = _Cells.of(roles(pair.reference.training, pair.real, pair.fake), **_read(chosen))
    of_real, of_fake = found.influence()
    return Analysis(
        use="c_t",
        value=found.value(),
        form=InfluenceForm(pair.units_real.total(of_real), pair.units_fake.total(of_fake)),
        **pair.sizes(),
        method="influence functions, training rows fixed",
        method_fixed="influence functions, training rows fixed",
        bias="but c_t grows with the set sizes and has no population value; ask for 'T_N'",
    )


def _read(chosen: dict[str, Any]) -> dict[str, int]:
    return {name: int(chosen[name]) for name in ("cells", "components", "least", "seed")}
