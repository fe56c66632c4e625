"""Kernel distance: the unbiased squared maximum mean discrepancy (Gretton et al. 2012; Bińkowski et al. 2018)."""

from __future__ import annotations

import numpy.typing as npt

from harness.metrics.kernel.kernels import kernel_function
from harness.metrics.kernel.sums import kernel_sums
from harness.uncertainty import checked


def kernel_distance(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    kernel: str = "polynomial",
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    bandwidth: float | None = None,
) -> float:
    """Squared MMD as the full U-statistic over all rows, whose expectation no set size moves; lower is better.

    `polynomial` is (gamma x·y + coef)^degree with gamma = 1/d unless given (KID's kernel); `rbf` is
    exp(-|x - y|² / (2 bandwidth²)) and needs `bandwidth`. It can be negative: it is unbiased, and 0 when both sets come
    from one distribution. Not the mean over random subsets that most KID code prints: that is a noisy version of this.
    Products of float32 features are taken in float32 where that moves the value by less than a hundredth of its
    standard error; all sums are float64.

    Raises UsageError for an unknown kernel or parameter value, fewer than two rows, unequal widths, NaN or infinity.
    """
    real_rows, fake_rows = checked(real, fake)
    function = kernel_function(
        real_rows.shape[1], kernel=kernel, degree=degree, gamma=gamma, coef=coef, bandwidth=bandwidth
    )
    return kernel_sums(real_rows, fake_rows, function).distance
