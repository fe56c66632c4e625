"""Third-order terms of a kernel distance: how skewed it is, and how its own variance moves with it.

Around its expectation the distance is mean ψ_x + mean ψ_y + U, U the mean of the doubly centred kernel κ over pairs of
real rows, plus that over pairs of fake rows, minus twice that over mixed pairs. Its third cumulant and its covariance
with its estimated variance are, to order 1/n²,

    third + 6 bend   and   third + 4 bend,

    third = E ψ_x³ / m² + E ψ_y³ / n²
    bend  = E ψ_x ψ_x' κ_xx' / m² + E ψ_y ψ_y' κ_yy' / n² - 2 E ψ_x ψ_y κ_xy / (m n)

which is all that the first term of the Edgeworth expansion of a studentised U-statistic needs (Helmers 1991, Annals of
Statistics 19; `contrast.Variance.slope_above` has what follows for an interval).
"""

from __future__ import annotations

import numpy as np

from harness.metrics.kernel.sums import KernelSums, Side, columns
from harness.metrics.kernel.tally import COLUMNS, STRIP, KeptProducts, kernel_strips
from harness.uncertainty import Index, ThirdOrder, Units, Vector

SOME = 512  # rows, each against all others, that give the bend: to 5 to 10 %, measured with 3,000 rows a side


def some_rows(count: int, seed: int) -> Index:
    """The rows of a side that the bend is taken from, in order."""
    if count <= SOME:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, SOME]).choice(count, SOME, replace=False))


def skewness(
    sums: KernelSums, units: tuple[Units, Units], influences: tuple[Vector, Vector], some: tuple[Index, Index]
) -> ThirdOrder:
    """The terms above with the sample's own ψ (one entry per unit) and κ (off pairs of one unit), real and fake."""
    (real, fake), (m, n) = sums.sides, (of.count for of in units)
    of_real, of_fake = (influence[of.of] for influence, of in zip(influences, units, strict=True))
    kept_real, kept_fake, kept_cross = sums.kept
    own_real = _bend(real, sums.real, of_real, units[0], some[0], kept_real)
    own_fake = _bend(fake, sums.fake, of_fake, units[1], some[1], kept_fake)
    # Σ_j ψ_j κ_ij without κ: row means times sums of ψ.
    overall = float(sums.real_to_fake.mean())
    inner = _against(fake, some[1], real, of_real, kept_cross)
    inner -= (sums.fake_to_real[some[1]] - overall) * of_real.sum() + sums.real_to_fake @ of_real
    mixed = float(np.mean(of_fake[some[1]] * inner)) / len(real.rows)
    return ThirdOrder(
        third_real=float(np.mean(influences[0] ** 3)) / m**2,
        third_fake=float(np.mean(influences[1] ** 3)) / n**2,
        bend_real=own_real / m**2,
        bend_fake=own_fake / n**2,
        bend_cross=-2.0 * mixed / (m * n),
    )


def _bend(side: Side, mean: Vector, influence: Vector, units: Units, some: Index, kept: KeptProducts | None) -> float:
    """E ψ ψ' κ over pairs of rows of different units, the first of them among `some`."""
    overall = float(mean.mean())
    total = np.bincount(units.of, weights=influence, minlength=units.count)
    weighted = np.bincount(units.of, weights=influence * mean, minlength=units.count)
    of = units.of[some]
    inner = _against(side, some, side, influence, kept, units)
    inner -= (mean[some] - overall) * (influence.sum() - total[of]) + (mean @ influence - weighted[of])
    return float(np.mean(influence[some] * inner)) / (len(side.rows) - 1)


def _against(
    side: Side, some: Index, other: Side, weights: Vector, kept: KeptProducts | None, units: Units | None = None
) -> Vector:
    """Σ_j w_j k(x_i, y_j) for some rows i of a side over all rows of the other; not of one's own unit, if given."""
    found = np.zeros(len(some))
    t, values = np.empty(STRIP * COLUMNS), np.empty(STRIP * COLUMNS)
    left = side.held.block(some) if kept is None else None
    for right in columns(0, len(other.rows)):
        if left is None:
            assert kept is not None
            products = kept.products[:, right]
        else:
            products = side.processor.product(left, other.held.block(right))
        of_some, of_right = side.terms[some], other.terms[right]
        for rows, strip in kernel_strips(side.kernel, products, of_some, of_right, t, values):
            if units is not None:
                strip[units.of[some[rows], None] == units.of[right]] = 0.0
            found[rows] += strip @ weights[right]
    return found
