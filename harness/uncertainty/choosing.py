"""The best of several cells, and the price of having chosen it: the value that it was chosen by is too good.

Whoever takes the best of many guidance scales reports the value of the cell that was both good and lucky. Cross-fitting
takes the luck out: each fold of the data is judged under the cell that the other folds would have chosen. What that
leaves is an honest estimate of the cell that this way of choosing ends with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.uncertainty.intervals import quantile_of

# At ten folds the choices of the others are all but the same, and exact ties cover .90 for .95; five cover .93 to .96
# (tests/simulations/test_choosing.py).
FOLDS = 5


@dataclass(frozen=True)
class Choice:
    """The chosen cell with its naive and its corrected value, each with an interval at `level`.

    `best` is its place among the cells. `picked` says how many of the folds' own choices were that cell, of `folds`.
    `price` is corrected less naive, positive where the naive value is too low.
    """

    best: int
    value: float
    low: float
    high: float
    corrected: float
    corrected_low: float
    corrected_high: float
    picked: int
    folds: int
    level: float

    @property
    def price(self) -> float:
        """What choosing made the value look better by, in the metric's units."""
        return self.corrected - self.value


def choose(
    values: npt.NDArray[np.float64], *, lower_is_better: bool, level: float, shared_variance: float = 0.0
) -> Choice:
    """The best cell of `values` (cells, folds), by its mean over independent folds of equal size.

    Naive: its mean, Student's t over folds. Corrected: the mean over folds of the fold's value under the cell that the
    other folds choose; since those choices share folds, its variance is taken as (1/F + 1/(F-1)) s², as Nadeau & Bengio
    2003 correct for overlapping training sets. `shared_variance` is of what all folds share, such as the reference.
    Raises ValueError for fewer than two folds or cells.
    """
    cells, folds = values.shape
    if folds < 2 or cells < 2:
        raise ValueError(f"`values` has the shape {values.shape}; at least two cells and two folds are needed")
    sign = 1.0 if lower_is_better else -1.0
    total = values.sum(axis=1)
    best = int(np.argmin(sign * total))
    others = (total[:, None] - values) / (folds - 1)
    chosen = np.argmin(sign * others, axis=0)
    judged = values[chosen, np.arange(folds)]
    t, z = quantile_of(folds - 1, level), quantile_of(np.inf, level)

    def half(own: npt.NDArray[np.float64], share: float) -> float:
        return float(np.hypot(t * np.sqrt(own.var(ddof=1) * share), z * np.sqrt(shared_variance)))

    value, corrected = float(total[best] / folds), float(judged.mean())
    naive, honest = half(values[best], 1 / folds), half(judged, 1 / folds + 1 / (folds - 1))
    return Choice(
        best,
        value,
        value - naive,
        value + naive,
        corrected,
        corrected - honest,
        corrected + honest,
        int((chosen == best).sum()),
        folds,
        level,
    )


def seed_folds(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(cells, seeds) as (cells, at most FOLDS): means over neighbouring seeds."""
    parts = np.array_split(np.arange(values.shape[1]), min(FOLDS, values.shape[1]))
    return np.stack([values[:, part].mean(axis=1) for part in parts], axis=1)


def image_folds(
    value: float, influence: npt.NDArray[np.float64], order: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """(FOLDS,): one image set's value on each of `FOLDS` folds of its images, to first order and at the set's own size.

    The mean of the influence of a fold's images is what they add to the value; a value computed on the fold alone would
    be about a smaller set, with a bias of its own.
    """
    parts = np.array_split(influence[order], FOLDS)
    return np.array([value + float(part.mean()) for part in parts])
