"""Fréchet distance between two feature sets seen as Gaussians (Dowson & Landau 1982; Heusel et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics.features import Matrix, Rows, Vector, blocks, checked

ROUNDING = 16 * float(np.finfo(np.float64).eps)


def frechet_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Squared Fréchet distance |μ_r - μ_f|² + tr S_r + tr S_f - 2 tr (S_r S_f)^½, at least 0; lower is better.

    Covariances have n-1 in the denominator and, like the means, are float64 whatever the features are. The trace of
    the root is a nuclear norm of factors, so it is accurate for singular covariances too (n <= d, dead features), where
    root-of-a-product implementations lose 1e-6 or fail. A result within rounding of its own terms is 0.

    Its expectation depends on both set sizes: it falls as they grow.
    Raises UsageError for fewer than two rows, unequal widths, NaN or infinity.
    """
    real_rows, fake_rows = checked(real, fake)
    return distance(moments(real_rows), moments(fake_rows))


@dataclass(frozen=True)
class Moments:
    """Mean, total variance and a factor L of the covariance S = L Lᵀ, L being (d, r) with r <= min(d, n)."""

    n: int
    mean: Vector
    trace: float
    factor: Matrix


def moments(rows: Rows) -> Moments:
    """Mean and factored covariance (n-1) of a feature set, in float64."""
    n, d = rows.shape
    mean = rows.mean(axis=0, dtype=np.float64)
    if n <= d:  # the centred rows are a thinner factor than the covariance, and an exact one
        centred = rows - mean
        return Moments(n, mean, float((centred**2).sum() / (n - 1)), np.asarray(centred.T / np.sqrt(n - 1)))
    return moments_of_covariance(n, mean, covariance(rows, mean))


def covariance(rows: Rows, mean: Vector) -> Matrix:
    """Covariance (n-1) about `mean`, summed in float64 over row blocks."""
    n, d = rows.shape
    total = np.zeros((d, d))
    for block in blocks(n, d):
        centred = rows[block] - mean
        total += centred.T @ centred
    return np.asarray(total / (n - 1))


def moments_of_covariance(n: int, mean: Vector, matrix: Matrix) -> Moments:
    """The same from a covariance matrix that may be singular."""
    trace = float(np.trace(matrix))
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        # Eigenvalues below this are rounding of zero; their roots would be 1e-8 each instead of 0.
        keep = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
        factor = vectors[:, keep] * np.sqrt(values[keep])
    return Moments(n, mean, trace, np.asarray(factor, np.float64))


def distance(real: Moments, fake: Moments) -> float:
    """The distance between two Gaussians given by their moments."""
    shift = real.mean - fake.mean
    # tr (S_r S_f)^½ is the nuclear norm of L_rᵀ L_f.
    product = real.factor.T @ fake.factor
    root_trace = float(np.linalg.svd(product, compute_uv=False).sum()) if product.size else 0.0
    spread = real.trace + fake.trace
    return settled(float(shift @ shift) + spread - 2.0 * root_trace, spread)


def settled(value: float, scale: float) -> float:
    """The value, or 0 where it is no more than the rounding error of terms of size `scale`."""
    return 0.0 if value <= ROUNDING * scale else value
