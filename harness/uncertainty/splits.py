"""Variance from disjoint parts, for metrics without an influence form (k-NN metrics, user metrics).

Both sets are split at random into G groups; T[a, b] is the metric of real group a and fake group b. Groups share no
row, so entries that share no group are independent, and for sets of size n/G

    V_R(n/G) = mean over a ≠ a', b ≠ b' of (T[a, b] - T[a', b'])² / 2     over draws of both sets
    V_F(n/G) = mean over a, b ≠ b'      of (T[a, b] - T[a, b'])² / 2      over draws of the fake set alone

are unbiased. G = 2 and G = 4 give V(n/2) and V(n/4), and V(n) is read off the line through them in log-log, its slope
drawn a quarter of the way towards the 1/n law. A half-sample's own variance, by contrast, counts every interaction of c
rows 2 - 2^(1-c) times, and metrics of nearest neighbours are full of them (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.uncertainty.analysis import Tables, Vector
from harness.uncertainty.sampling_units import Index, Units

Labels = npt.NDArray[np.uint8]  # (splits, rows): each row's group

SLOPE = 0.75  # weight of the measured slope against the 1/n law
STEEPEST, FLATTEST = 0.125, 2.0  # V(n/2) / V(n/4) is held within these


def labels(units: Units, groups: int, splits: int, seed: int) -> Labels:
    """Random splits of the units into groups of equal size (to one); rows of a unit stay together.

    With strata each group gets an equal number (to one) of the units of every stratum: a smaller sample of the same
    design.
    """
    rng = np.random.default_rng([seed, groups])
    if units.strata is not None:
        return np.stack([_dealt(units.strata, groups, rng) for _ in range(splits)])[:, units.of]
    base = (np.arange(units.count) * groups // units.count).astype(np.uint8)
    return np.stack([rng.permutation(base) for _ in range(splits)])[:, units.of]


def _dealt(strata: Index, groups: int, rng: np.random.Generator) -> Labels:
    """Units dealt out like cards, stratum after stratum, both in random order: equal to one within and overall."""
    among_strata = rng.permutation(int(strata.max()) + 1)[strata]
    order = np.lexsort((rng.random(len(strata)), among_strata))
    dealt = np.empty(len(strata), np.uint8)
    dealt[order] = rng.permutation(groups).astype(np.uint8)[np.arange(len(strata)) % groups]
    return dealt


def deep_enough(units: Units) -> bool:
    """Whether quarters hold two units of every stratum: below that their composition is chance."""
    return int(units.stratum_sizes.min()) >= 8


def variance_of_both(tables: Tables) -> float:
    """V_R of the tables' group size."""
    square, same_real, same_fake, every = _sums(tables, tables)
    groups = tables.shape[1]
    pairs = (groups * (groups - 1)) ** 2
    return float(np.mean(square / groups**2 - (every - same_real - same_fake + square) / pairs))


def variance_of_fake(tables: Tables) -> float:
    """V_F of the tables' group size."""
    square, same_real, _, _ = _sums(tables, tables)
    groups = tables.shape[1]
    return float(np.mean(square / groups**2 - (same_real - square) / (groups**2 * (groups - 1))))


def shared_covariance(tables: Sequence[Tables]) -> npt.NDArray[np.float64]:
    """Covariance of several metrics over draws of the reference they share, at the tables' group size.

    The mean product of entries with the same real group and different fake groups, less that with neither in common.
    """
    count, groups = len(tables), tables[0].shape[1]
    matrix = np.empty((count, count))
    for i in range(count):
        for j in range(i, count):
            square, same_real, same_fake, every = _sums(tables[i], tables[j])
            near = (same_real - square) / (groups**2 * (groups - 1))
            apart = (every - same_real - same_fake + square) / (groups * (groups - 1)) ** 2
            matrix[i, j] = matrix[j, i] = float(np.mean(near - apart))
    return matrix


def _sums(left: Tables, right: Tables) -> tuple[Vector, Vector, Vector, Vector]:
    """Per split, the sum of products of entries: the same ones, those in one row, in one column, all."""
    return (
        (left * right).sum((1, 2)),
        (left.sum(2) * right.sum(2)).sum(1),
        (left.sum(1) * right.sum(1)).sum(1),
        left.sum((1, 2)) * right.sum((1, 2)),
    )


def extrapolate(half: float, quarter: float | None) -> float:
    """V(n) from V(n/2) and V(n/4); from V(n/2) by the 1/n law where there are no quarters. Never negative."""
    half = max(half, 0.0)
    if quarter is None:
        return half / 2.0
    ratio = half / quarter if quarter > 0.0 else 0.5
    return float(half * 0.5 ** (1.0 - SLOPE) * np.clip(ratio, STEEPEST, FLATTEST) ** SLOPE)
