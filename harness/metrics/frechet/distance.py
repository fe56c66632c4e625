"""Fréchet distance between two feature sets seen as Gaussians (Dowson & Landau 1982; Heusel et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.metrics.processor import CPU, Processor, worth
from harness.metrics.rounding import NEGLIGIBLE, UNIT, single
from harness.uncertainty import Matrix, Rows, Vector, blocks, checked

EPS = float(np.finfo(np.float64).eps)
ROUNDING = 16 * EPS
CHUNK = 1024  # rows whose products are summed in float32
SMALL = 256  # columns up to which singular values cost nothing to speak of


def frechet_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Squared Fréchet distance |μ_r - μ_f|² + tr S_r + tr S_f - 2 tr (S_r S_f)^½, at least 0; lower is better.

    Covariances have n-1 in the denominator and, like the means, are float64 whatever the features are; products of
    float32 features are taken in float32 where that moves the value by less than a hundredth of its standard error
    (`moments_of_both`). The trace of
    the root is a nuclear norm of factors, so it is accurate for singular covariances too (n <= d, dead features), where
    root-of-a-product implementations lose 1e-6 or fail. A result within rounding of its own terms is 0.

    Its expectation depends on both set sizes: it falls as they grow.
    Raises UsageError for fewer than two rows, unequal widths, NaN or infinity.
    """
    real_rows, fake_rows = checked(real, fake)
    return distance(*moments_of_both(real_rows, fake_rows))


@dataclass(frozen=True)
class Moments:
    """Mean, total variance and a factor L of the covariance S = L Lᵀ, L being (d, r) with r <= min(d, n).

    `matrix` is S itself where it is at hand and of full rank; L is then its lower Cholesky factor. `single` says that S
    was summed from float32 products.
    """

    n: int
    mean: Vector
    trace: float
    factor: Matrix
    matrix: Matrix | None = None
    single: bool = False


def moments(rows: Rows, processor: Processor = CPU) -> Moments:
    """Mean and factored covariance (n-1) of a feature set, in float64."""
    n, d = rows.shape
    mean = rows.mean(axis=0, dtype=np.float64)
    if n <= d:  # the centred rows are a thinner factor than the covariance, and an exact one
        centred = rows - mean
        return Moments(n, mean, float((centred**2).sum() / (n - 1)), np.asarray(centred.T / np.sqrt(n - 1)))
    return moments_of_covariance(n, mean, covariance(rows, mean, processor))


def covariance(rows: Rows, mean: Vector, processor: Processor = CPU) -> Matrix:
    """Covariance (n-1) about `mean`, summed in float64 over row blocks."""
    n, d = rows.shape
    total = processor.scatter(rows, mean, blocks(n, d))
    total /= n - 1
    return total


def moments_of_both(
    real: Rows,
    fake: Rows,
    once: Callable[[str, Callable[[], Moments]], Moments] = lambda _, make: make(),
    processor: Processor = CPU,
) -> tuple[Moments, Moments]:
    """`moments` of two sets, from float32 products where what these can do to the distance is negligible.

    `once` keeps what is the real side's alone.
    """
    processor = worth(processor, real.shape[1])
    kept = f"moments, {processor.name}"
    if single(real, fake) and min(len(real), len(fake)) > real.shape[1]:
        with np.errstate(over="ignore", invalid="ignore"):  # of features too large for float32's squares
            of_real = once(f"{kept}, float32", lambda: moments_in_single(real, processor))
            found = of_real, moments_in_single(fake, processor)
        if negligible(*found):
            return found
    return once(kept, lambda: moments(real, processor)), moments(fake, processor)


def moments_in_single(rows: Rows, processor: Processor = CPU) -> Moments:
    """`moments` of more float32 rows than columns, from float32 products of CHUNK rows summed in float64."""
    n, d = rows.shape
    mean = rows.mean(axis=0, dtype=np.float64)
    centre = mean.astype(np.float32)
    parts = (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))
    total = processor.scatter(rows, centre, parts)
    gap = mean - centre
    total -= n * np.outer(gap, gap)
    total /= n - 1
    if not np.isfinite(total).all():
        return Moments(n, mean, np.inf, np.zeros((d, 0)), single=True)
    return replace(moments_of_covariance(n, mean, total), single=True)


def negligible(real: Moments, fake: Moments) -> bool:
    """Whether float32 products move the distance of these moments by less than a hundredth of its standard error.

    The distance moves by tr (1 - T) dS on each side, T = S^-½ (S^½ S' S^½)^½ S^-½ with eigenvalues between 0 and the
    root of the largest of S⁻¹S'. Entries of dS are independent rounding errors of sums of n products in chunks of c: of
    partial sums that grow as the root of their length off the diagonal, as the length itself on it. The standard error
    is at least that of the difference of means alone, the larger of its first and of its second order.
    """
    if real.matrix is None or fake.matrix is None:
        return False
    shift = real.mean - fake.mean
    second = np.sqrt(2.0) * float(np.linalg.norm(fake.matrix)) / fake.n
    error = max(second, float(np.sqrt(shift @ fake.matrix @ shift / fake.n)))
    moved = 0.0
    for own, other in ((real, fake), (fake, real)):
        assert own.matrix is not None
        assert other.matrix is not None
        variances = np.diag(own.matrix)
        chunk = min(CHUNK, own.n)
        off = UNIT * np.sqrt(chunk / own.n)
        spread = off * np.sqrt(variances.max() * own.trace)  # half the largest that dS does to any direction
        if (np.diag(own.factor) ** 2).min() < 100.0 * 2.0 * spread:
            return False  # some direction has hardly more variance than rounding makes
        # A step's error is uniform within ± u of the sum so far: squares of 1 … c add up to c³/3, of which a third.
        entries = spread + UNIT * chunk / 3.0 / np.sqrt(own.n) * np.linalg.norm(variances)
        moved += max(1.0, np.sqrt(2.0 * _largest_ratio(own, other.matrix)) - 1.0) * float(entries)
    return bool(moved <= NEGLIGIBLE * error)


def _largest_ratio(own: Moments, other: Matrix) -> float:
    """The largest eigenvalue of S⁻¹S', to a factor of two or so: a few steps of power iteration on L⁻¹ S' L⁻ᵀ."""
    from scipy.linalg.blas import dsymv, dtrsv

    vector = np.random.default_rng(0).standard_normal(len(other))
    ratio = 0.0
    for _ in range(5):
        vector = dtrsv(own.factor, vector / np.linalg.norm(vector), lower=1, trans=1)
        vector = dtrsv(own.factor, dsymv(1.0, other, vector, lower=1), lower=1)
        ratio = float(np.linalg.norm(vector))
    return ratio


def moments_of_covariance(n: int, mean: Vector, matrix: Matrix) -> Moments:
    """The same from a covariance matrix that may be singular."""
    trace = float(np.trace(matrix))
    try:
        return Moments(n, mean, trace, cholesky(matrix), matrix)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        # Eigenvalues below this are rounding of zero; their roots would be 1e-8 each instead of 0.
        keep = values > len(values) * EPS * max(values[-1], 0.0)
        return Moments(n, mean, trace, np.asarray(vectors[:, keep] * np.sqrt(values[keep]), np.float64))


def cholesky(matrix: Matrix) -> Matrix:
    """The lower factor; LinAlgError where there is none."""
    if len(matrix) <= SMALL:
        return np.asarray(np.linalg.cholesky(matrix), np.float64)
    from scipy.linalg.lapack import dpotrf

    factor, info = dpotrf(matrix, lower=1, clean=1)  # in half the time of numpy's, which reads and writes rows
    if info != 0:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    return np.asarray(factor)


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
    if (product := square(real, fake)) is not None:
        from scipy.linalg import eigvalsh

        s = np.sqrt(np.maximum(eigvalsh(product, lower=True, check_finite=False, overwrite_a=True), 0.0))
        if trusted(s):
            return np.asarray(s)
    thin = real.factor.T @ fake.factor
    return np.asarray(np.linalg.svd(thin, compute_uv=False)) if thin.size else np.zeros(0)


def square(real: Moments, fake: Moments) -> Matrix | None:
    """L_rᵀ S_f L_r below its diagonal, by symmetry in a third of the work of two products; None for thin factors."""
    if real.matrix is None or fake.matrix is None or len(real.mean) <= SMALL:
        return None
    from scipy.linalg.lapack import dsygst

    product, info = dsygst(fake.matrix, real.factor, itype=2, lower=1)
    return np.asarray(product) if info == 0 else None


def trusted(s: Vector) -> bool:
    """Are roots of eigenvalues accurate? Each is off by up to eps s_max² / 2s: a wide spectrum is not."""
    with np.errstate(divide="ignore"):
        return bool((EPS * s.max() / 2.0 / s).sum() * s.max() <= 1e-9 * s.sum())
