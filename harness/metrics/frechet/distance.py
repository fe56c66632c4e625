"""Fréchet distance between two feature sets seen as Gaussians (Dowson & Landau 1982; Heusel et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.uncertainty import Matrix, Rows, Vector, blocks, checked

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 16 * EPS
SMALL = 256  # columns up to which singular values cost nothing to speak of


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
    """Mean, total variance and a factor L of the covariance S = L Lᵀ, L being (d, r) with r <= min(d, n).

    `matrix` is S itself where it is at hand and of full rank; L is then its lower Cholesky factor.
    """

    n: int
    mean: Vector
    trace: float
    factor: Matrix
    matrix: Matrix | None = None


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
    total /= n - 1
    return total


def moments_of_covariance(n: int, mean: Vector, matrix: Matrix) -> Moments:
    """The same from a covariance matrix that may be singular."""
    trace = float(np.trace(matrix))
    try:
        return Moments(n, mean, trace, np.asarray(np.linalg.cholesky(matrix), np.float64), matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        # Eigenvalues below this are rounding of zero; their roots would be 1e-8 each instead of 0.
        keep = values > len(values) * EPS * max(values[-1], 0.0)
        return Moments(n, mean, trace, np.asarray(vectors[:, keep] * np.sqrt(values[keep]), np.float64))


def distance(real: Moments, fake: Moments) -> float:
    """The distance between two Gaussians given by their moments."""
    return from_roots(real, fake, roots(real, fake))


def from_roots(real: Moments, fake: Moments, s: Vector) -> float:
    """The distance, given the singular values s of L_rᵀ L_f; 0 where it is no more than rounding of its terms."""
    shift = real.mean - fake.mean
    spread = real.trace + fake.trace
    value = float(shift @ shift) + spread - 2.0 * float(s.sum())
    return 0.0 if value <= ROUNDING * spread else value


def roots(real: Moments, fake: Moments) -> Vector:
    """Singular values of L_rᵀ L_f, whose sum is tr (S_r S_f)^½."""
    if real.matrix is not None and fake.matrix is not None and len(real.mean) > SMALL:
        from scipy.linalg.lapack import dsygst

        # L_rᵀ S_f L_r by symmetry in a third of the work of two products, then eigenvalues alone.
        product, info = dsygst(fake.matrix, real.factor, itype=2, lower=1)
        if info == 0:
            s = np.sqrt(np.maximum(np.linalg.eigvalsh(product, UPLO="L"), 0.0))
            if trusted(s):
                return np.asarray(s)
    product = real.factor.T @ fake.factor
    return np.asarray(np.linalg.svd(product, compute_uv=False)) if product.size else np.zeros(0)


def trusted(s: Vector) -> bool:
    """Are roots of eigenvalues accurate? Each is off by up to eps s_max² / 2s: a wide spectrum is not."""
    with np.errstate(divide="ignore"):
        return bool((EPS * s.max() / 2.0 / s).sum() * s.max() <= 1e-9 * s.sum())
