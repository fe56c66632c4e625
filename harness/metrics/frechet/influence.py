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

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.metrics.contract import Effort
from harness.metrics.frechet.distance import (
    Moments,
    covariance,
    distance,
    from_roots,
    moments,
    moments_of_both,
    moments_of_covariance,
    roots,
    square,
    trusted,
)
from harness.metrics.processor import CPU, Processor, worth
from harness.metrics.rounding import IN_SINGLE, WIDE
from harness.uncertainty import (
    Analysis,
    Bias,
    Index,
    InfluenceForm,
    Matrix,
    MetricCall,
    Pair,
    Rows,
    Units,
    Vector,
    blocks,
    contrasts,
    pair_products,
)

Product = Callable[[Index, Index], Vector]
TINY = float(np.finfo(np.float64).tiny)

FOLDS = 25
DEBIAS_WIDTH = 512  # beyond this many columns the block jackknife's 50 distances are computed on request only
TRUSTED = 10.0  # rows per column below which the expansion is known to fail for the bias, and T_inf is refused
ANALYTIC = 20.0  # rows per column from which the analytic bias is unbiased enough


class Side:
    """One feature set in whitened coordinates, and its part of the expansion."""

    def __init__(
        self, rows: Rows, own: Moments, shift: Vector, whitening: Matrix, s: Vector, processor: Processor = CPU
    ) -> None:
        # Influence functions need no more digits than float32 features carry; means and covariances do.
        kind = rows.dtype if rows.shape[1] > WIDE else np.float64
        self.rows, self.mean, self.shift, self.s = rows, own.mean, shift.astype(kind), s
        self.kind = np.dtype(kind)
        self.whitened = processor.times(whitening.astype(kind))
        self.kernel = harmonic(s)
        self.kept, self.kept_white = np.zeros(0, np.intp), np.empty((0, len(s)), kind)

    def coordinates(self, index: slice | Index) -> tuple[Rows, Rows]:
        """Centred rows and their whitened coordinates."""
        centred = (self.rows[index] - self.mean).astype(self.kind, copy=False)
        if not isinstance(index, slice) and len(self.kept) and np.isin(index, self.kept, assume_unique=True).all():
            return centred, self.kept_white[np.searchsorted(self.kept, index)]
        return centred, self.whitened(centred)

    def influence_and_norm(self, keep: Index | None = None) -> tuple[Vector, float]:
        """ψ per row, and the mean of |φ|²; coordinates of the rows `keep`, in order, are kept for `products`."""
        if keep is not None:
            self.kept, self.kept_white = keep, np.empty((len(keep), len(self.s)), self.kind)
        n, d = self.rows.shape
        influence = np.empty(n)
        norm = 0.0
        ddof = n / (n - 1)  # the covariance has n-1 below, so its derivative has too
        for block in blocks(n, d + len(self.s)):
            centred, white = self.coordinates(block)
            met = slice(*np.searchsorted(self.kept, (block.start, block.stop)))
            self.kept_white[met] = white[self.kept[met] - block.start]
            squares = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
            white *= white
            influence[block] = 2.0 * (centred @ self.shift) + ddof * (squares - white @ self.s)
            norm += float(squares.sum()) + 0.5 * float(self.kernel(white).sum())
        return influence - influence.mean(), norm / n - 0.25 * float(self.s.sum())

    def products(self, other: Side, i: Index, j: Index) -> Vector:
        """φ(i)ᵀφ(j) for rows i of this side and j of the other."""
        diagonal = self.s / 2.0
        own_rows, i = np.unique(i, return_inverse=True)
        other_rows, j = np.unique(j, return_inverse=True)
        centred, white = self.coordinates(own_rows)
        other_centred, other_white = other.coordinates(other_rows)
        own_diagonal, other_diagonal = (white**2) @ diagonal, (other_white**2) @ diagonal
        result = np.empty(len(i))
        for block in blocks(len(i), 3 * self.rows.shape[1]):
            left, right = i[block], j[block]
            inner = self.kernel(white[left] * other_white[right])
            inner -= own_diagonal[left] + other_diagonal[right]
            dot = np.einsum("ij,ij->i", centred[left], other_centred[right], dtype=np.float64)
            result[block] = dot + 0.5 * (inner + diagonal.sum())
        return result

    def within(self, units: Units, norm: float, most: int, rng: np.random.Generator) -> tuple[float, float]:
        """The mean of |φ|² within strata, from that over all rows, and what strata add to the bias besides.

        Products of two rows of one stratum average to what lies between strata. A covariance with n-1 below is unbiased
        for independent rows; for fixed counts it is too large by the covariance between strata over n-1, which enters
        by the derivative of the distance.
        """
        i, j = contrasts(units, most, rng)
        centred, white = self.coordinates(i)
        other_centred, other_white = self.coordinates(j)
        between = np.einsum("ij,ij->i", centred, other_centred, dtype=np.float64) - (white * other_white) @ self.s
        inside = max(norm - float(self.products(self, i, j).mean()), 0.0)
        return inside, float(between.mean()) / (len(self.rows) - 1)


def harmonic(s: Vector) -> Callable[[Rows], Vector]:
    """The quadratic form u -> Σ_ij u_i u_j s_i s_j / (s_i + s_j) of each row u.

    For many s as 1/(s_i + s_j) = ∫ exp(-t (s_i + s_j)) dt by the trapezoidal rule in log t, which is accurate to 1e-7
    with step ½: some 70 rank-one terms instead of a matrix product over all of them.
    """
    if len(s) <= WIDE:
        matrix = s[:, None] * s / (s[:, None] + s)
        return lambda u: np.asarray(np.einsum("ij,ij->i", u @ matrix, u))
    step = 0.5
    t = np.exp(np.arange(np.log(1e-7 / s.max()), np.log(10.0 / s.min()), step))
    terms = s[:, None] * np.exp(-np.outer(s, t)) * np.sqrt(step * t)

    def quadratic(u: Rows) -> Vector:
        product = u @ terms.astype(u.dtype, copy=False)
        return np.asarray(np.einsum("ij,ij->i", product, product, dtype=np.float64))

    return quadratic


def transport(real: Moments, fake: Moments) -> tuple[Matrix, Vector, Matrix, Vector]:
    """The whitening matrices of both sides, their common s, and all singular values (s without what is rounding)."""
    if min(real.factor.shape[1], fake.factor.shape[1]) <= WIDE:
        left, every, right = np.linalg.svd(real.factor.T @ fake.factor, full_matrices=False)
        keep = every > 1e-9 * max(float(every.max(initial=0.0)), TINY)
        s = every[keep]
        return fake.factor @ (right[keep].T / s), real.factor @ (left[:, keep] / s), s, every
    if real.factor.shape[1] > fake.factor.shape[1]:
        on_fake, on_real, s, every = transport(fake, real)
        return on_real, on_fake, s, every
    values, vectors = _eigenvectors(real, fake)
    every = np.sqrt(np.maximum(values, 0.0))
    keep = every > 1e-7 * max(float(every.max(initial=0.0)), TINY)
    s = every[keep]
    on_fake = _times(real, vectors[:, keep])
    on_fake /= s
    on_real = fake.matrix @ on_fake if fake.matrix is not None else fake.factor @ (fake.factor.T @ on_fake)
    on_real /= s
    return on_real, on_fake, s, every if trusted(every) else roots(real, fake)


def _eigenvectors(real: Moments, fake: Moments) -> tuple[Vector, Matrix]:
    """Eigenvalues and vectors of L_rᵀ S_f L_r."""
    if (product := square(real, fake)) is not None:
        from scipy.linalg import eigh

        values, vectors = eigh(product, lower=True, driver="evd", check_finite=False, overwrite_a=True)
        return values, vectors
    if fake.matrix is not None:
        whole = real.factor.T @ (fake.matrix @ real.factor)
    else:
        thin = real.factor.T @ fake.factor
        whole = thin @ thin.T
    values, vectors = np.linalg.eigh(whole)
    return values, vectors


def _times(own: Moments, vectors: Matrix) -> Matrix:
    """L times some vectors: half the work where L is triangular."""
    if own.matrix is None:
        return np.asarray(own.factor @ vectors)
    from scipy.linalg.blas import dtrmm

    return np.asarray(dtrmm(1.0, own.factor, vectors, lower=1))


def pair_count(d: int) -> tuple[int, int]:
    """How many random pairs estimate the second-order variance, and among how many rows."""
    return (4096, 8192) if d <= WIDE else (4096, 2048)


@dataclass(frozen=True)
class _Draws:
    """The random pairs of rows that second-order variances are estimated from; each draw is the same whenever asked."""

    units_real: Units
    units_fake: Units
    real_seed: int
    fake_seed: int
    pairs: int
    among: int

    def real(self, product: Product) -> Vector:
        """Of two real units each."""
        return self._of(product, self.units_real, None, self.real_seed)

    def fake(self, product: Product) -> Vector:
        """Of two fake units each."""
        return self._of(product, self.units_fake, None, self.fake_seed)

    def cross(self, product: Product) -> Vector:
        """Of a real and a fake unit each."""
        return self._of(product, self.units_real, self.units_fake, [self.real_seed, self.fake_seed])

    def _of(self, product: Product, left: Units, right: Units | None, seed: int | list[int]) -> Vector:
        return pair_products(product, left, right, self.pairs, self.among, np.random.default_rng(seed))

    def rows(self) -> tuple[Index, Index]:
        """All real and all fake rows that are drawn, in order."""
        real: list[Index] = []
        fake: list[Index] = []

        def noted(left: list[Index], right: list[Index]) -> Product:
            def note(i: Index, j: Index) -> Vector:
                left.append(i)
                right.append(j)
                return np.zeros(len(i))

            return note

        if not self.units_real.clustered:
            self.real(noted(real, real))
        if not self.units_fake.clustered:
            self.fake(noted(fake, fake))
        if not self.units_real.clustered and not self.units_fake.clustered:
            self.cross(noted(real, fake))
        return tuple(np.unique(np.concatenate([*side, np.zeros(0, np.intp)])) for side in (real, fake))  # type: ignore[return-value]


def second_order(side: Side, units: Units, *, seed: int) -> float:
    """The variance that one side's plug-in counts twice, from random pairs of its units."""
    draws = _Draws(units, units, seed, seed, *pair_count(side.rows.shape[1]))
    return _twice_counted(draws.real(partial(side.products, side)), units)


def _twice_counted(products: Vector, units: Units) -> float:
    return 2.0 / units.effective**2 * float((products**2).mean())


def analyse_frechet(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The distance with its influence functions, second-order variances and bias."""
    real, units_real, real_seed = pair.real, pair.units_real, pair.real_seed
    fake, units_fake, fake_seed = pair.fake, pair.units_fake, pair.fake_seed
    d = real.shape[1]
    once = pair.reference.once
    processor = worth(effort.processor, d)
    of_real, of_fake = moments_of_both(real, fake, lambda what, make: once(("frechet", what), make), processor)
    whiten_real, whiten_fake, s, every = transport(of_real, of_fake)
    value = from_roots(of_real, of_fake, every)
    shift = of_real.mean - of_fake.mean
    on_real = Side(real, of_real, shift, whiten_real, s, processor)
    on_fake = Side(fake, of_fake, -shift, whiten_fake, s, processor)

    m, n = units_real.effective, units_fake.effective
    draws = _Draws(units_real, units_fake, real_seed, fake_seed, *pair_count(d))
    keep_real, keep_fake = draws.rows() if d > WIDE else (None, None)
    influence_real, norm_real = on_real.influence_and_norm(keep_real)
    influence_fake, norm_fake = on_fake.influence_and_norm(keep_fake)
    # Declared clusters: their second-order part is not estimated but left in, which errs on the wide side.
    pairs_real, own_fake, cross = np.zeros(draws.pairs), 0.0, 0.0
    if not units_real.clustered:
        pairs_real = np.sqrt(2.0) / m * draws.real(partial(on_real.products, on_real))
    if not units_fake.clustered:
        own_fake = _twice_counted(draws.fake(partial(on_fake.products, on_fake)), units_fake)
    if not units_real.clustered and not units_fake.clustered:
        cross = 4.0 / (m * n) * float((draws.cross(partial(on_real.products, on_fake)) ** 2).mean())

    drift_real, drift_fake = 0.0, 0.0
    if units_real.strata is not None:
        norm_real, drift_real = on_real.within(
            units_real, norm_real, draws.pairs, np.random.default_rng([real_seed, draws.pairs])
        )
    if units_fake.strata is not None:
        norm_fake, drift_fake = on_fake.within(
            units_fake, norm_fake, draws.pairs, np.random.default_rng([fake_seed, draws.pairs])
        )
    form = InfluenceForm(
        influence_real=units_real.total(influence_real),
        influence_fake=units_fake.total(influence_fake),
        pairs_real=pairs_real,
        second_order_real=float((pairs_real**2).mean()),
        second_order_fake=own_fake,
        second_order_cross=cross,
        magnitude=value,
    )
    method = "influence function minus second-order term" + (IN_SINGLE if of_real.single else "")
    bias: Bias | str | None = _unknown(pair, effort.debias)
    if bias is None and min(m, n) / d >= ANALYTIC:
        bias = Bias(norm_real / m + drift_real, norm_fake / n + drift_fake, "minus the analytic bias")
    return Analysis(
        use="fd",
        value=value,
        form=form,
        **pair.sizes(),
        method=method,
        method_fixed=method,
        bias=_jackknifed(pair) if bias is None else bias,
        floor=0.0,
        # Few rows per column, or a value that is mostly its own bias (P = Q or near): second order dominates.
        conservative=not pair.few and (min(m, n) / d < TRUSTED or norm_real / m + norm_fake / n > value / 2),
    )


def _unknown(pair: Pair, debias: bool | None) -> str | None:
    """Why the bias of the distance of these sets is not known; None where it is."""
    d = pair.real.shape[1]
    rows = min(pair.units_real.effective, pair.units_fake.effective)
    ratio = rows / d
    if ratio < TRUSTED:
        return (
            f"refused: {rows:.0f} rows for {d} columns (N/d = {ratio:.1f}); the bias of FD can be removed from N/d = "
            f"{TRUSTED:.0f} on ({TRUSTED * d:.0f} rows in each); ask for 'T_N'"
        )
    if pair.clustered:
        return "but the bias of FD is not known for clusters; ask for 'T_N'"
    if ratio >= ANALYTIC:
        return None
    # Folds left out of strata would need weights of their own: with strata there is the analytic bias or none.
    if pair.units_real.strata is not None or pair.units_fake.strata is not None:
        return (
            f"with strata at N/d = {ratio:.1f}; the bias of FD within strata is known from {ANALYTIC:.0f} rows per "
            "column on: give more rows, or ask for 'T_N'"
        )
    if debias is False or (debias is None and d > DEBIAS_WIDTH):
        return (
            f"at N/d = {ratio:.1f} and {d} columns: from {TRUSTED:.0f} to {ANALYTIC:.0f} rows per column beyond "
            f"{DEBIAS_WIDTH} columns the bias needs `debias=True` in analyse()"
        )
    return None


def _jackknifed(pair: Pair) -> Bias:
    """Block-jackknife bias of each side, all of it in float64: it multiplies what rounding does by the folds."""
    of_real, of_fake = moments(pair.real), moments(pair.fake)
    value = distance(of_real, of_fake)
    sides = []
    for rows, own, other, units, seed in (
        (pair.real, of_real, of_fake, pair.units_real, pair.real_seed),
        (pair.fake, of_fake, of_real, pair.units_fake, pair.fake_seed),
    ):
        left_out = [distance(part, other) for part in _without_each_fold(rows, own, units, seed)]
        sides.append((FOLDS - 1) * (float(np.mean(left_out)) - value))
    return Bias(sides[0], sides[1], "minus the block jackknife bias")


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
