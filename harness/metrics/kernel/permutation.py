"""Is the kernel distance zero? A test that is exact at P = Q, where the interval is only conservative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.kernel.kernels import kernel_function
from harness.uncertainty import checked, units

BLOCK_ROWS = 256


@dataclass(frozen=True)
class PermutationTest:
    """The unbiased squared MMD and the share of relabellings, this one included, with one at least as large."""

    value: float
    p: float
    permutations: int


def permutation_test(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, permutations: int = 999, seed: int = 0, **parameters: Any
) -> PermutationTest:
    """Test that both sets come from one distribution, by the kernel distance (Gretton et al. 2012) and its parameters.

    The level is exact for exchangeable rows. Exact copies of a row are not exchangeable with single rows, so sets with
    repeats are refused. Every kernel value is computed once: relabellings are products with blocks of the kernel.
    """
    if permutations < 19:
        raise UsageError(f"`permutations` is {permutations}; fewer than 19 cannot reach p = 0.05")
    real_rows, fake_rows = checked(real, fake)
    for name, rows in (("real", real_rows), ("fake", fake_rows)):
        if units(rows).repeats:
            raise UsageError(f"`{name}` repeats rows exactly; a permutation test needs distinct ones")
    kernel = kernel_function(real_rows.shape[1], **parameters)
    pooled = np.concatenate([real_rows, fake_rows])
    m, n = len(real_rows), len(fake_rows)
    rng = np.random.default_rng(seed)
    label = np.zeros((m + n, permutations + 1))
    label[:m, 0] = 1.0
    for b in range(1, permutations + 1):
        label[rng.permutation(m + n)[:m], b] = 1.0
    within, rows_total, total = np.zeros(permutations + 1), np.zeros(permutations + 1), 0.0
    for start in range(0, m + n, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, m + n))
        values = kernel(pooled[block], pooled)
        values[np.arange(block.stop - block.start), np.arange(block.start, block.stop)] = 0.0
        sums = values.sum(axis=1)
        within += np.einsum("ib,ib->b", label[block], values @ label)
        rows_total += sums @ label[block]
        total += float(sums.sum())
    across = rows_total - within
    outside = total - within - 2.0 * across
    distance = within / (m * (m - 1)) + outside / (n * (n - 1)) - 2.0 * across / (m * n)
    # Relabellings that differ by rounding only count as ties.
    ties = 1e-9 * np.abs(distance).max()
    return PermutationTest(float(distance[0]), float((distance >= distance[0] - ties).mean()), permutations)
