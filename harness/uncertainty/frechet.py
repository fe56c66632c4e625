"""Fréchet distance to second order: influence functions, what they count twice, and the bias.

Whitened optimal-transport coordinates. With S = L Lᵀ on each side and L_rᵀ L_f = U diag(s) Vᵀ,

    a(x) = diag(1/s) Vᵀ L_fᵀ (x - μ_r),    b(y) = diag(1/s) Uᵀ L_rᵀ (y - μ_f)

have unit covariance and agree under the transport map, and tr (S_r S_f)^½ = Σ s. Then (Rippl, Munk & Sturm 2016 for the
first line; the second is derived in docs/statistics.md)

    FD_N = FD + mean ψ_r(x) + mean ψ_f(y)
         + |δ_f - δ_r|² + ½ Σ_ij K_ij (B̂ - Â)²_ij + …,    K_ij = s_i s_j / (s_i + s_j),

    ψ_r(x) =  2 (μ_r - μ_f)ᵀ(x - μ_r) + |x - μ_r|² - Σ s_i a_i²,    ψ_f(y) likewise with signs swapped and b.

The remainder is a squared distance between mean embeddings of φ = (x - μ ; sqrt(K/2) ∘ (aaᵀ - 1)): its expectation is
the bias, its variance is what the plug-in variance of ψ counts twice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.features import Matrix, Rows, Vector, blocks
from harness.metrics.frechet import Moments, covariance, distance, moments, moments_of_covariance
from harness.uncertainty.analysis import Analysis
from harness.uncertainty.units import Units, unit_pairs

PAIRS = 8192
FOLDS = 25
DEBIAS_WIDTH = 512  # beyond this many columns the block jackknife's 50 distances are computed on request only
SMALLEST = 1e-9  # directions with s below this share of the largest carry less than rounding
TRUSTED = 10.0  # rows per column below which the expansion is known to fail for the bias, and T_inf is refused
ANALYTIC = 20.0  # rows per column from which the analytic bias is unbiased enough


class Side:
    """One feature set in whitened coordinates, and its part of the expansion."""

    def __init__(self, rows: Rows, own: Moments, shift: Vector, whitening: Matrix, s: Vector, units: Units) -> None:
        self.rows, self.mean, self.shift = rows, own.mean, shift
        self.whitening, self.s, self.units = whitening, s, units
        self.kernel: Matrix = s[:, None] * s / (s[:, None] + s)

    def coordinates(self, index: slice | npt.NDArray[np.intp]) -> tuple[Matrix, Matrix]:
        """Centred rows and their whitened coordinates."""
        centred = self.rows[index] - self.mean
        return centred, centred @ self.whitening

    def influence_and_norm(self) -> tuple[Vector, float]:
        """ψ per row, and the mean of |φ|²."""
        n, d = self.rows.shape
        influence = np.empty(n)
        norm = 0.0
        ddof = n / (n - 1)  # the covariance has n-1 below, so its derivative has too
        for block in blocks(n, d + len(self.s)):
            centred, white = self.coordinates(block)
            squares = (centred**2).sum(axis=1)
            white *= white
            influence[block] = 2.0 * (centred @ self.shift) + ddof * (squares - white @ self.s)
            norm += float(squares.sum()) + 0.5 * float(np.vdot(white @ self.kernel, white))
        return influence - influence.mean(), norm / n - 0.25 * float(self.s.sum())

    def products(self, other: Side, i: npt.NDArray[np.intp], j: npt.NDArray[np.intp]) -> Vector:
        """φ(i)ᵀφ(j) for rows i of this side and j of the other."""
        diagonal = self.s / 2.0
        result = np.empty(len(i))
        for block in blocks(len(i), 3 * self.rows.shape[1]):
            centred, white = self.coordinates(i[block])
            other_centred, other_white = other.coordinates(j[block])
            both = white * other_white
            inner = np.einsum("ij,ij->i", both @ self.kernel, both)
            inner -= (white**2 + other_white**2) @ diagonal
            result[block] = np.einsum("ij,ij->i", centred, other_centred) + 0.5 * (inner + diagonal.sum())
        return result


def analyse_frechet(
    real: Rows,
    fake: Rows,
    units_real: Units,
    units_fake: Units,
    *,
    real_seed: int,
    fake_seed: int,
    debias: bool | None = None,
) -> Analysis:
    """The distance with its influence functions, second-order variances and bias."""
    d = real.shape[1]
    of_real, of_fake = moments(real), moments(fake)
    left, s, right = np.linalg.svd(of_real.factor.T @ of_fake.factor, full_matrices=False)
    keep = s > SMALLEST * max(float(s.max(initial=0.0)), np.finfo(np.float64).tiny)
    s, left, right = s[keep], left[:, keep], right[keep].T
    shift = of_real.mean - of_fake.mean
    on_real = Side(real, of_real, shift, of_fake.factor @ (right / s), s, units_real)
    on_fake = Side(fake, of_fake, -shift, of_real.factor @ (left / s), s, units_fake)

    influence_real, norm_real = on_real.influence_and_norm()
    influence_fake, norm_fake = on_fake.influence_and_norm()
    m, n = units_real.effective, units_fake.effective
    pairs_real = np.zeros(PAIRS)
    own_fake = cross = 0.0
    if units_real.count > 1:
        i, j = unit_pairs(units_real, None, PAIRS, np.random.default_rng(real_seed))
        pairs_real = np.sqrt(2.0) / m * on_real.products(on_real, i, j)
    if units_fake.count > 1:
        i, j = unit_pairs(units_fake, None, PAIRS, np.random.default_rng(fake_seed))
        own_fake = 2.0 / n**2 * float((on_fake.products(on_fake, i, j) ** 2).mean())
    i, j = unit_pairs(units_real, units_fake, PAIRS, np.random.default_rng([real_seed, fake_seed]))
    cross = 4.0 / (m * n) * float((on_real.products(on_fake, i, j) ** 2).mean())

    bias_real, bias_fake, how = _bias(
        real, fake, of_real, of_fake, units_real, units_fake, real_seed, fake_seed, debias
    )
    if how == "analytic":
        bias_real, bias_fake = norm_real / m, norm_fake / n
    value = distance(of_real, of_fake)
    return Analysis(
        use="fd",
        value=value,
        n_real=len(real),
        n_fake=len(fake),
        d=d,
        method="influence function minus second-order term",
        method_fixed="influence function minus second-order term",
        units_real=units_real.count,
        units_fake=units_fake.count,
        effective_real=m,
        effective_fake=n,
        influence_real=units_real.total(influence_real),
        influence_fake=units_fake.total(influence_fake),
        pairs_real=pairs_real,
        second_order_real=float((pairs_real**2).mean()),
        second_order_fake=own_fake,
        second_order_cross=cross,
        bias_real=bias_real,
        bias_fake=bias_fake,
        bias_method=how,
        # Few rows per column, or a value that is mostly its own bias (P = Q or near): second order dominates.
        conservative=min(m, n) / d < TRUSTED or norm_real / m + norm_fake / n > value / 2,
    )


def _bias(
    real: Rows,
    fake: Rows,
    of_real: Moments,
    of_fake: Moments,
    units_real: Units,
    units_fake: Units,
    real_seed: int,
    fake_seed: int,
    debias: bool | None,
) -> tuple[float | None, float | None, str | None]:
    """Block-jackknife bias of each side where the analytic one fails, else which method applies."""
    d = real.shape[1]
    scarce = min(units_real.effective, units_fake.effective) / d
    if scarce >= ANALYTIC:
        return None, None, "analytic"
    if scarce < TRUSTED or debias is False or (debias is None and d > DEBIAS_WIDTH):
        return None, None, None
    value = distance(of_real, of_fake)
    sides = []
    for rows, own, other, units, seed in (
        (real, of_real, of_fake, units_real, real_seed),
        (fake, of_fake, of_real, units_fake, fake_seed),
    ):
        left_out = [distance(part, other) for part in _without_each_fold(rows, own, units, seed)]
        sides.append((FOLDS - 1) * (float(np.mean(left_out)) - value))
    return sides[0], sides[1], "block jackknife"


def _without_each_fold(rows: Rows, whole: Moments, units: Units, seed: int) -> list[Moments]:
    n = len(rows)
    fold_of_unit = np.random.default_rng([seed, FOLDS]).permutation(units.count) % FOLDS
    fold = fold_of_unit[units.of]
    scatter = covariance(rows, whole.mean) * (n - 1)
    result = []
    for g in range(FOLDS):
        part = rows[fold == g] - whole.mean
        left = n - len(part)
        moved = -part.sum(axis=0) / left
        matrix = (scatter - part.T @ part - left * np.outer(moved, moved)) / (left - 1)
        result.append(moments_of_covariance(left, whole.mean + moved, matrix))
    return result
