"""Variance of a weighted sum of metric values that share a reference set: the one place where variances meet.

Influence form, weights w, units m (real, shared) and n_g (fake, independent):

    V_r  = var(Σ w ψ_r) / m        V2_r  = mean((Σ w pairs)²)       the real side is shared: sum first, then square
    V_f  = Σ w² var(ψ_f) / n       V2_f, V2_c = Σ w² (…)            the fake sides are independent
    fixed:   max(V_f - V2_f, V2_f)
    random:  max(V_r + V_f - V2, V2),    V2 = V2_r + V2_f + V2_c

because the plug-in variance counts the degenerate second-order part twice (docs/statistics.md).
Split form: variances and covariances between disjoint groups (see `splits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.record import Reference
from harness.uncertainty.analysis import Analysis, Vector, same_real
from harness.uncertainty.splits import Tables, extrapolate, shared_covariance, variance_of_both, variance_of_fake

NEAR_NULL = 0.4  # share of the plug-in variance that is second order, from which the interval is known to over-cover


@dataclass(frozen=True)
class Variance:
    """Variance of a weighted sum.

    `total` for the reference treatment asked for; `fake` and `reference` its two parts, the second 0 when the reference
    is fixed; `degrees` of freedom of the quantile; `conservative` where the second-order part dominates.
    """

    total: float
    fake: float
    reference: float
    degrees: float
    conservative: bool


def variance_of_sum(analyses: Sequence[Analysis], weights: Sequence[float], reference: Reference) -> Variance:
    """Variance of Σ w_g F_g for analyses against one reference set, with independent fake sets."""
    same_real(list(analyses))
    w = np.asarray(weights, dtype=np.float64)
    fake = np.array([fake_variance(a) for a in analyses])
    fake_part = float(w**2 @ fake)
    if analyses[0].influence_real is not None:
        v_fake = float(w**2 @ [_variance_of_mean(a.influence_fake) for a in analyses])
        second_fake = float(w**2 @ [a.second_order_fake for a in analyses])
        if reference == "fixed":
            return Variance(fake_part, fake_part, 0.0, np.inf, second_fake > NEAR_NULL * v_fake)
        v_real, second_real = _real_terms(analyses, w)
        cross = float(w**2 @ [a.second_order_cross for a in analyses])
        second = second_real + second_fake + cross
        total = max(v_real + v_fake - second, second)
        part = max(v_real - second_real - cross, second_real)
        return Variance(total, fake_part, part, np.inf, second > NEAR_NULL * (v_real + v_fake))
    if reference == "fixed":
        return Variance(fake_part, fake_part, 0.0, np.inf, False)
    half, quarter = _stacked(analyses)
    summed = [None if tables is None else variance_of_both(np.tensordot(w, tables, 1)) for tables in (half, quarter)]
    total = extrapolate(summed[0] or 0.0, summed[1])
    total = max(total, fake_part)
    return Variance(total, fake_part, total - fake_part, np.inf, False)


def fake_variance(analysis: Analysis) -> float:
    """Variance of one value over image samples, the reference held fixed."""
    if analysis.influence_fake is not None:
        second = analysis.second_order_fake
        variance = max(_variance_of_mean(analysis.influence_fake) - second, second)
    else:
        quarters = None if analysis.quarters is None else variance_of_fake(analysis.quarters)
        variance = extrapolate(variance_of_fake(_known(analysis.halves)), quarters)
    # A share that never varied is still not known better than to one unit.
    return max(variance, 1.0 / min(analysis.units_real, analysis.units_fake) ** 2) if analysis.bounded else variance


def reference_covariance(analyses: Sequence[Analysis]) -> npt.NDArray[np.float64]:
    """Covariance matrix of several values over draws of the reference set they share, fake sets averaged out."""
    same_real(list(analyses))
    if analyses[0].influence_real is not None:
        influence = np.stack([_known(a.influence_real) for a in analyses])
        pairs = np.stack([a.pairs_real if a.pairs_real is not None else np.zeros(1) for a in analyses])
        units = influence.shape[1]
        second = pairs @ pairs.T / pairs.shape[1]
        matrix = np.atleast_2d(np.cov(influence)) / units - second - np.diag([a.second_order_cross for a in analyses])
        np.fill_diagonal(matrix, np.maximum(np.diag(matrix), np.diag(second)))
        return np.asarray(matrix)
    half, quarter = _stacked(analyses)
    smaller = [None] * len(half) if quarter is None else [variance_of_both(tables) for tables in quarter]
    whole = [extrapolate(variance_of_both(tables), small) for tables, small in zip(half, smaller, strict=True)]
    # One scale for the whole matrix, so that what generators share keeps cancelling in their differences.
    matrix = shared_covariance(list(half))
    own = sum(max(v - fake_variance(a), 0.0) for v, a in zip(whole, analyses, strict=True))
    trace = float(np.trace(matrix))
    return np.asarray(matrix * np.clip(own / trace, 0.125, 2.0)) if trace > 0 else np.zeros_like(matrix)


def _stacked(analyses: Sequence[Analysis]) -> tuple[Tables, Tables | None]:
    """Tables of all analyses, (analyses, splits, G, G), for halves and, if all have them, quarters."""
    quarters = [a.quarters for a in analyses if a.quarters is not None]
    return np.stack([_known(a.halves) for a in analyses]), (
        np.stack(quarters) if len(quarters) == len(analyses) else None
    )


def _real_terms(analyses: Sequence[Analysis], w: Vector) -> tuple[float, float]:
    summed = np.sum([weight * _known(a.influence_real) for weight, a in zip(w, analyses, strict=True)], axis=0)
    known = [np.zeros(1) if a.pairs_real is None else a.pairs_real for a in analyses]
    pairs = np.sum([weight * values for weight, values in zip(w, known, strict=True)], axis=0)
    return _variance_of_mean(summed), float((pairs**2).mean())


def _variance_of_mean(influence: Vector | None) -> float:
    values = _known(influence)
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else float("inf")


def _known(values: Vector | None) -> Vector:
    if values is None:
        raise ValueError("analyses of different families cannot be combined")
    return values
