"""Kernel distance: jackknife of the U-statistic minus its degenerate part (Sutherland 2019 for the exact variance)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.metrics.features import Rows, Vector, blocks
from harness.metrics.kernel import Kernel, KernelSums, kernel_function, kernel_sums
from harness.uncertainty.analysis import Analysis
from harness.uncertainty.units import Units, unit_pairs

PAIRS, AMONG = 1024, 4096


def analyse_kernel(
    real: Rows, fake: Rows, parameters: Mapping[str, Any], units_real: Units, units_fake: Units, *, real_seed: int
) -> Analysis:
    """The distance, h_x = 2 (mean k(x, X) - mean k(x, Y)) and h_y likewise, and the variance of the degenerate part."""
    function = kernel_function(real.shape[1], **parameters)
    sums = kernel_sums(real, fake, function)
    m, n = units_real.effective, units_fake.effective
    second_real, second_fake, second_cross = _second_order(sums, m, n)
    # Declared clusters: as in `frechet`, their second-order part is left in.
    second_real *= not units_real.clustered
    second_fake *= not units_fake.clustered
    second_cross *= not (units_real.clustered or units_fake.clustered)
    i, j = unit_pairs(units_real, None, PAIRS, AMONG, np.random.default_rng(real_seed))
    pairs = _paired(function, real, i, j) - sums.real[i] - sums.real[j] + sums.real.mean()
    spread = float((pairs**2).mean())
    # Scaled to the exact mean square over all pairs: the sample of pairs serves differences of generators only.
    pairs *= np.sqrt(second_real / spread) if spread > 0 else 0.0
    return Analysis(
        use="kd",
        value=sums.distance,
        n_real=len(real),
        n_fake=len(fake),
        d=real.shape[1],
        method="jackknife minus second-order term",
        method_fixed="jackknife minus second-order term",
        units_real=units_real.count,
        units_fake=units_fake.count,
        effective_real=m,
        effective_fake=n,
        influence_real=units_real.total(2.0 * (sums.real - sums.real_to_fake)),
        influence_fake=units_fake.total(2.0 * (sums.fake - sums.fake_to_real)),
        pairs_real=pairs,
        second_order_real=second_real,
        second_order_fake=second_fake,
        second_order_cross=second_cross,
        bias_real=0.0,
        bias_fake=0.0,
        bias_method="unbiased",
        magnitude=sums.distance + _noise(function, real, sums.real) / m + _noise(function, fake, sums.fake) / n,
        # Within the range of values at P = Q, where the second order is all there is.
        conservative=sums.distance < 3.0 * float(np.sqrt(second_real + second_fake + second_cross)),
    )


def _second_order(sums: KernelSums, m: float, n: float) -> tuple[float, float, float]:
    """Variances of the degenerate parts, from mean squares of the doubly centred kernels.

    Σ (k_ij - u_i - v_j + c)² needs row sums and Σ k² only, so no kernel matrix is kept.
    """

    def centred_own(mean: Vector, square: float) -> float:
        size, overall = len(mean), float(mean.mean())
        # Σ_{i≠j} k_ij (u_i + u_j - c) and Σ_{i≠j} (u_i + u_j - c)², u being row means over j ≠ i.
        linear = 2.0 * float(mean @ mean) / size - overall**2
        others = float(mean.sum()) - mean
        quadratic = (
            2.0 * float(mean @ mean) / size
            + 2.0 * float(mean @ others) / (size * (size - 1))
            - 4.0 * overall * overall
            + overall**2
        )
        return max(square - 2.0 * linear + quadratic, 0.0)

    c = float(sums.real_to_fake.mean())
    cross = sums.cross_square - float((sums.real_to_fake**2).mean()) - float((sums.fake_to_real**2).mean()) + c**2
    return (
        2.0 * centred_own(sums.real, sums.real_square) / (m * max(m - 1, 1)),
        2.0 * centred_own(sums.fake, sums.fake_square) / (n * max(n - 1, 1)),
        4.0 * max(cross, 0.0) / (m * n),
    )


def _noise(kernel: Kernel, rows: Rows, mean: Vector) -> float:
    """E k(x, x) - E k(x, x'): n times the bias of the V-statistic."""
    every = np.arange(len(rows))
    return float(_paired(kernel, rows, every, every).mean() - mean.mean())


def _paired(kernel: Kernel, rows: Rows, i: Any, j: Any) -> Vector:
    """k(x_i, x_j) for pairs: diagonals of small blocks."""
    result = np.empty(len(i))
    for block in blocks(len(i), 1, size=8 * 64):
        result[block] = np.diagonal(kernel(rows[i[block]], rows[j[block]]))
    return result
