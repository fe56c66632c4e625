"""Squared 2-Wasserstein distance of the features themselves, exact by assignment or entropic by Sinkhorn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from harness.base import UsageError
from harness.uncertainty import Matrix, Rows, Vector, checked, positive_integer

ITERATIONS = 2000
TOLERANCE = 1e-6  # of the mass that a marginal may be off


class Wasserstein2:
    """Least mean squared distance over all ways to pair fakes with real rows, at least 0; lower is better.

    Unit: the features' squared, as FD's; it is never below the FD of the same rows (with covariances over n), which is
    the W₂² of two Gaussians (Gelbrich 1990). As many rows of both sets are paired: the smaller number of both, at most
    `rows`; of a larger set a random part of `seed`. That part is the stated approximation for large sets.

    `regularisation` takes the entropic cost instead (Cuturi 2013): <P, C> + ε KL(P | uniform) at its least, ε that
    share of the mean cost; it is above the exact one and needs no cubic time. Cost: k² memory in float64 (200 MB at
    5,000), about k³ time for the exact one.

    Its expectation falls slowly as the sets grow, as n^(-2/d): in high dimension two draws of one distribution lie far
    apart, so compare at equal sizes only. Raises UsageError for bad features or parameters, or if Sinkhorn's iteration
    does not settle.
    """

    def __call__(
        self,
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        rows: int = 5000,
        regularisation: float | None = None,
        seed: int = 0,
    ) -> float:
        """The squared distance."""
        _, _, _, costs = _chosen(real, fake, rows, seed)
        return _plan(costs, regularisation, potentials=False).value

    def influence(
        self,
        real: npt.ArrayLike,
        fake: npt.ArrayLike,
        *,
        rows: int = 5000,
        regularisation: float | None = None,
        seed: int = 0,
    ) -> tuple[Vector, Vector]:
        """Kantorovich potentials of each row; rows left out have none.

        They are its derivative, and the distance minus its own expectation is normal with their variance (del Barrio &
        Loubes 2019, exact; Mena & Niles-Weed 2019, entropic).
        """
        sides, of_real, of_fake, costs = _chosen(real, fake, rows, seed)
        plan = _plan(costs, regularisation, potentials=True)
        found = []
        for all_rows, part, own in zip(sides, (of_real, of_fake), (plan.of_real, plan.of_fake), strict=True):
            whole = np.zeros(len(all_rows))
            whole[part] = (own - own.mean()) * len(all_rows) / len(part)
            found.append(whole)
        return found[0], found[1]


@dataclass(frozen=True)
class Plan:
    """The least cost and its derivative in the weight of each real and each fake row, up to a constant."""

    value: float
    of_real: Vector
    of_fake: Vector


def _chosen(
    real: npt.ArrayLike, fake: npt.ArrayLike, rows: int, seed: int
) -> tuple[tuple[Rows, Rows], npt.NDArray[np.intp], npt.NDArray[np.intp], Matrix]:
    sides = checked(real, fake)
    count = min(len(sides[0]), len(sides[1]), max(positive_integer("rows", rows), 2))
    rng = np.random.default_rng(seed)
    parts = [
        np.arange(count) if len(own) == count else np.sort(rng.choice(len(own), count, replace=False)) for own in sides
    ]
    left, right = (own[part].astype(np.float64) for own, part in zip(sides, parts, strict=True))
    centre = right.mean(axis=0)  # costs ignore a shift; large norms would cancel badly
    left, right = left - centre, right - centre
    costs = left @ right.T
    costs *= -2.0
    costs += (left**2).sum(axis=1)[:, None]
    costs += (right**2).sum(axis=1)
    return sides, parts[0], parts[1], np.maximum(costs, 0.0, out=costs)


def _plan(costs: Matrix, regularisation: float | None, *, potentials: bool) -> Plan:
    if regularisation is not None:
        if not np.isfinite(regularisation) or regularisation <= 0:
            raise UsageError(
                f"`regularisation` is {regularisation!r}; it must be positive, or null for the exact distance"
            )
        return sinkhorn(costs, regularisation)
    _, partner = linear_sum_assignment(costs)
    paired = costs[np.arange(len(costs)), partner]
    none = np.zeros(len(costs))
    if not potentials:
        return Plan(float(paired.mean()), none, none)
    # u_i + v_j <= c_ij with equality where paired. Two such pairs, from either side; their mean is one too.
    first = _shortest(costs[:, partner] - paired)
    second = _shortest((costs[:, partner] - paired[:, None]).T)
    of_real = (first + paired - second) / 2.0
    of_fake = np.empty(len(costs))
    of_fake[partner] = paired - of_real
    return Plan(float(paired.mean()), of_real, of_fake)


def _shortest(lengths: Matrix) -> Vector:
    """u with u_i <= u_k + lengths_ik: Bellman-Ford, all nodes at once; an optimal pairing has no negative cycle."""
    found = np.zeros(len(lengths))
    tiny = 1e-12 * max(float(np.abs(lengths).max()), 1e-300)
    for _ in range(len(lengths)):
        nearer = np.minimum(found, (lengths + found).min(axis=1))
        if np.abs(nearer - found).max() <= tiny:
            break
        found = nearer
    return found


def sinkhorn(costs: Matrix, regularisation: float) -> Plan:
    """The entropic cost with uniform weights and its potentials, in the log domain."""
    epsilon = regularisation * float(costs.mean())
    if epsilon == 0.0:
        return Plan(0.0, np.zeros(len(costs)), np.zeros(costs.shape[1]))
    scaled = costs / -epsilon
    m, n = costs.shape
    f, g = np.zeros(m), np.zeros(n)
    for _ in range(ITERATIONS):
        g = -_log_mean(scaled + f[:, None], 0)
        update = -_log_mean(scaled + g, 1)
        # exp(f - update) is how far each real row's mass is off, times m.
        off = float(np.abs(np.exp(f - update) - 1.0).mean())
        f = update
        if off < TOLERANCE:
            break
    else:
        raise UsageError(
            f"`regularisation` is {regularisation:g}; Sinkhorn's iteration has not converged after "
            f"{ITERATIONS} steps (marginals off by {off:.2g}); use a larger one, or null for the "
            "exact distance"
        )
    value = epsilon * float(f.mean() + g.mean())
    # ε is a share of the mean cost: a row moves the value through it too, by the entropy, as the plan is optimal.
    plan = np.exp(scaled + f[:, None] + g) / (m * n)
    entropy = (value - float(np.vdot(plan, costs))) / epsilon
    through = regularisation * entropy
    return Plan(
        value,
        np.asarray(epsilon * f + through * costs.mean(axis=1)),
        np.asarray(epsilon * g + through * costs.mean(axis=0)),
    )


def _log_mean(values: Matrix, axis: int) -> Vector:
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).mean(axis=axis)) + np.squeeze(top, axis))


wasserstein2 = Wasserstein2()
