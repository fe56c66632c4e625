"""Is the kernel distance zero? A test that is exact at P = Q, where the interval is only conservative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.kernel.kernels import Kernel, kernel_function
from harness.uncertainty import Matrix, Rows, checked, units

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
    repeats are refused.
    """
    if permutations < 19:
        raise UsageError(f"`permutations` is {permutations}; fewer than 19 cannot reach p = 0.05")
    real_rows, fake_rows = checked(real, fake)
    kernel = kernel_function(real_rows.shape[1], **parameters)
    distances = relabelled(real_rows, fake_rows, [kernel], permutations=permutations, seed=seed)
    return PermutationTest(float(distances[0, 0]), float(shares(distances)[0, 0]), permutations)


def relabelled(
    real: Rows, fake: Rows, kernels: Sequence[Kernel], *, permutations: int, seed: int | Sequence[int]
) -> Matrix:
    """The distance by each kernel under the true labels, first, and under random ones: (kernels, permutations + 1).

    Raises UsageError for exact copies of a row. Every kernel value is computed once, for a pair of rows and not for
    its mirror image.
    """
    for name, rows in (("real", real), ("fake", fake)):
        if units(rows).repeats:
            raise UsageError(f"`{name}` repeats rows exactly; a permutation test needs distinct ones")
    pooled = np.concatenate([real, fake])
    m, n = len(real), len(fake)
    rng = np.random.default_rng(seed)
    label = np.zeros((m + n, permutations + 1))
    label[:m, 0] = 1.0
    for b in range(1, permutations + 1):
        label[rng.permutation(m + n)[:m], b] = 1.0
    within, sums = np.zeros((len(kernels), permutations + 1)), np.zeros((len(kernels), m + n))
    for start in range(0, m + n, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, m + n))
        for number, kernel in enumerate(kernels):
            values = kernel(pooled[block], pooled[start:])
            values[np.tril_indices(block.stop - start)] = 0.0  # each pair of rows once
            sums[number, block] += values.sum(axis=1)
            sums[number, start:] += values.sum(axis=0)
            within[number] += 2.0 * np.einsum("ib,ib->b", label[block], values @ label[start:])
    across = sums @ label - within
    outside = sums.sum(axis=1, keepdims=True) - within - 2.0 * across
    return np.asarray(within / (m * (m - 1)) + outside / (n * (n - 1)) - 2.0 * across / (m * n))


def shares(distances: Matrix) -> Matrix:
    """For each labelling the share of labellings with a distance at least as large, itself included; by row."""
    # Labellings that differ by rounding only count as ties.
    ties = 1e-9 * np.abs(distances).max(axis=1, keepdims=True)
    every = np.sort(distances, axis=1)
    at = [np.searchsorted(row, own) for row, own in zip(every, distances - ties, strict=True)]
    return np.asarray(1.0 - np.stack(at) / distances.shape[1])
