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

from harness.metrics.kernel.distance import BLOCK_ROWS, Kernel, KernelSums
from harness.uncertainty import Index, Rows, ThirdOrder, Units, Vector, blocks

SOME = 512  # rows, each against all others, that give the bend: to 5 to 10 %, measured with 3,000 rows a side


def skewness(
    kernel: Kernel,
    real: Rows,
    fake: Rows,
    sums: KernelSums,
    units_real: Units,
    units_fake: Units,
    influence_real: Vector,
    influence_fake: Vector,
    *,
    real_seed: int,
    fake_seed: int,
) -> ThirdOrder:
    """The terms above with the sample's own ψ (one entry per unit) and κ (off pairs of one unit)."""
    of_real, of_fake = influence_real[units_real.of], influence_fake[units_fake.of]
    some_real, some_fake = _some(len(real), real_seed), _some(len(fake), fake_seed)
    own_real = _bend(kernel, real, sums.real, of_real, units_real, some_real)
    own_fake = _bend(kernel, fake, sums.fake, of_fake, units_fake, some_fake)
    inner = np.zeros(len(some_fake))
    overall = float(sums.real_to_fake.mean())
    for block in blocks(len(real), 1, size=8 * BLOCK_ROWS):
        values = kernel(fake[some_fake], real[block])
        values -= sums.fake_to_real[some_fake][:, None] + sums.real_to_fake[block] - overall
        inner += values @ of_real[block]
    mixed = float(np.mean(of_fake[some_fake] * inner)) / len(real)
    m, n = units_real.count, units_fake.count
    return ThirdOrder(
        third_real=float(np.mean(influence_real**3)) / m**2,
        third_fake=float(np.mean(influence_fake**3)) / n**2,
        bend_real=own_real / m**2,
        bend_fake=own_fake / n**2,
        bend_cross=-2.0 * mixed / (m * n),
    )


def _bend(kernel: Kernel, rows: Rows, mean: Vector, influence: Vector, units: Units, some: Index) -> float:
    """E ψ ψ' κ over pairs of rows of different units, the first of them among `some`."""
    inner = np.zeros(len(some))
    overall = float(mean.mean())
    for block in blocks(len(rows), 1, size=8 * BLOCK_ROWS):
        values = kernel(rows[some], rows[block])
        values -= mean[some][:, None] + mean[block] - overall
        values[units.of[some][:, None] == units.of[block]] = 0.0
        inner += values @ influence[block]
    return float(np.mean(influence[some] * inner)) / (len(rows) - 1)


def _some(count: int, seed: int) -> Index:
    if count <= SOME:
        return np.arange(count)
    return np.asarray(np.random.default_rng([seed, SOME]).choice(count, SOME, replace=False), np.intp)
