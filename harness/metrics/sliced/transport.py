"""Squared Wasserstein distances of projections, and how much each row moves them.

In one dimension the optimal plan pairs equal quantiles: sorted values in order, split where the sets differ in size.
The derivative of W₂² in the weight of a row is its Kantorovich potential φ with φ'(t) = 2 (t - T(t)), T the plan's map
(del Barrio, González-Sanz & Loubes 2021); it is integrated along the sorted values and summed over directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.uncertainty import Matrix, Rows, Vector, blocks

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sliced:
    """`value`: mean over directions of the squared distance; potentials (m,) and (n,), centred, averaged likewise."""

    value: float
    influence_real: Vector
    influence_fake: Vector


@dataclass(frozen=True)
class _Plan:
    """Which sorted real value goes with which sorted fake one, and the mass that does."""

    of_real: Index
    of_fake: Index
    mass: Vector

    @classmethod
    def between(cls, m: int, n: int) -> _Plan:
        # Ends of quantile steps in units of 1 / (m n): whole numbers, so that equal ends meet exactly.
        ends = np.unique(np.concatenate([np.arange(1, m + 1) * n, np.arange(1, n + 1) * m]))
        start = np.concatenate([[0], ends[:-1]])
        return cls(start // n, start // m, (ends - start) / (m * n))


def sliced(real: Rows, fake: Rows, directions: Matrix | npt.NDArray[np.float32], *, influence: bool = True) -> Sliced:
    """Mean over the unit rows of `directions` (L, d) of W₂² between the projections of both sets.

    Products are taken in the precision of the rows and directions, sums in float64. Without `influence` those are zero.
    """
    plan = _Plan.between(len(real), len(fake))
    total = 0.0
    of_real, of_fake = np.zeros(len(real)), np.zeros(len(fake))
    for part in blocks(len(directions), len(real) + len(fake)):
        left, right = directions[part] @ real.T, directions[part] @ fake.T
        if not influence:
            left, right = np.sort(left, axis=1).astype(np.float64), np.sort(right, axis=1).astype(np.float64)
            total += float((((left[:, plan.of_real] - right[:, plan.of_fake]) ** 2) @ plan.mass).sum())
            continue
        order_left, order_right = np.argsort(left, axis=1), np.argsort(right, axis=1)
        left = np.take_along_axis(left, order_left, axis=1).astype(np.float64)
        right = np.take_along_axis(right, order_right, axis=1).astype(np.float64)
        gap = left[:, plan.of_real] - right[:, plan.of_fake]
        total += float(((gap**2) @ plan.mass).sum())
        starts_real = np.flatnonzero(np.diff(plan.of_real, prepend=-1))
        starts_fake = np.flatnonzero(np.diff(plan.of_fake, prepend=-1))
        weighted = gap * plan.mass
        _add(of_real, left, np.add.reduceat(weighted, starts_real, axis=1) * len(real), order_left)
        _add(of_fake, right, -np.add.reduceat(weighted, starts_fake, axis=1) * len(fake), order_right)
    number = len(directions)
    return Sliced(total / number, np.asarray(of_real / number), np.asarray(of_fake / number))


def _add(target: Vector, points: Matrix, gap: Matrix, order: Index) -> None:
    """Add the potentials of sorted points (L, n), whose map moves each by -gap, to the rows that they came from."""
    steps = np.diff(points, axis=1) * (gap[:, 1:] + gap[:, :-1])
    potential = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    potential -= potential.mean(axis=1, keepdims=True)
    target += np.bincount(order.ravel(), weights=potential.ravel(), minlength=len(target))
