"""Strata: classes (or other labels) of which a fixed number of rows was drawn, so that only what lies within varies.

Class-balanced generation fixes the count of every class. The mean over such rows has the variance Σ (n_h/n)² var_h/n_h
(Cochran 1977, Sampling Techniques, section 5.3); treating them as independent draws of the mixture adds the variance
between class means, which no repetition of the design would show. Second-order terms need φ - E_h φ in place of φ: half
a squared difference of two rows of one stratum has its mean without estimating any class mean, which few rows a class
would not allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty.sampling_units import Index, Units, Vector, first_seen

FEWEST = 2  # units of a stratum: a variance within it takes two


def stratified(units: Units, strata: npt.ArrayLike | None, name: str) -> Units:
    """The units with the stratum of each; unchanged where `strata` is None or names one stratum only.

    Raises UsageError where `strata` is not one label per row, a unit (a cluster, or all copies of a row) spans strata,
    or a stratum has fewer than two units.
    """
    if strata is None:
        return units
    given = np.asarray(strata)
    if given.shape != (units.rows,):
        raise UsageError(f"`{name}` has shape {given.shape}; it must hold one label for each of the {units.rows} rows")
    labels = given.tolist()
    of_row, first = first_seen(labels)
    of_unit = of_row[units.first]
    across = np.flatnonzero(of_row != of_unit[units.of])
    if len(across):
        row, start = int(across[0]), int(units.first[units.of[across[0]]])
        what = "are in one cluster" if units.clustered else "are exact copies of each other"
        raise UsageError(
            f"`{name}`: rows {start} and {row} {what} but in strata {labels[start]!r} and "
            f"{labels[row]!r}; a unit must be in one stratum: correct the labels, or leave the "
            "strata out"
        )
    sizes = np.bincount(of_unit)
    if sizes.min() < FEWEST:
        small = labels[first[int(sizes.argmin())]]
        raise UsageError(
            f"`{name}`: stratum {small!r} has {sizes.min()} independent unit ({int((sizes < FEWEST).sum())} of "
            f"{len(sizes)} strata have fewer than {FEWEST}); its variance needs at least {FEWEST}: "
            "add rows, merge strata, or leave the strata out"
        )
    return units if len(sizes) == 1 else replace(units, strata=of_unit)


def contrasts(units: Units, most: int, rng: np.random.Generator) -> tuple[Index, Index]:
    """Rows i and i' of two different random units of one stratum; each unit is i at most once, `most` of them are."""
    assert units.strata is not None
    sizes = units.stratum_sizes
    order = np.argsort(units.strata, kind="stable")
    start = np.cumsum(sizes) - sizes
    place = np.empty(units.count, np.intp)
    place[order] = np.arange(units.count)
    one = np.arange(units.count) if units.count <= most else rng.choice(units.count, most, replace=False)
    own = units.strata[one]
    other = order[start[own] + (place[one] - start[own] + rng.integers(1, sizes[own])) % sizes[own]]
    return units.first[one], units.first[other]


def pair_products(
    product: Callable[[Index, Index], Vector],
    left: Units,
    right: Units | None,
    count: int,
    among: int,
    rng: np.random.Generator,
) -> Vector:
    """φ(i)ᵀφ(j) of about `count` random pairs of different units, φ centred within strata where there are any.

    `product` takes rows i and j and centres φ over the whole set. A stratified side enters by (φ(i) - φ(i')) / √2, both
    of one stratum, whose covariance is that within strata; pairs that share a unit are left out.
    """
    if left.strata is None and (right is None or right.strata is None):
        return product(*unit_pairs(left, right, count, among, rng))
    own = _drawn(left, among, rng)
    other = own if right is None else _drawn(right, among, rng)
    a, b = rng.integers(0, len(own[0]), count), rng.integers(0, len(other[0]), count)
    if right is None:
        apart = np.all([i[a] != j[b] for i in own for j in other], axis=0)
        a, b = a[apart], b[apart]
    if not len(a):  # too few units for two disjoint contrasts: nothing is subtracted, which errs on the wide side
        return np.zeros(1)
    terms = [(-1) ** (s + t) * product(i[a], j[b]) for s, i in enumerate(own) for t, j in enumerate(other)]
    return np.asarray(np.sum(terms, axis=0) / np.sqrt(len(terms)))


def _drawn(units: Units, among: int, rng: np.random.Generator) -> tuple[Index, ...]:
    return (_some(units, among, rng),) if units.strata is None else contrasts(units, among // 2, rng)


def unit_pairs(
    left: Units, right: Units | None, count: int, among: int, rng: np.random.Generator
) -> tuple[Index, Index]:
    """Random pairs of rows from different units, drawn among that many units: within `left`, or across to `right`."""
    own = _some(left, among, rng)
    i = rng.integers(0, len(own), count)
    if right is not None:
        other = _some(right, among, rng)
        return own[i], other[rng.integers(0, len(other), count)]
    j = (i + rng.integers(1, max(len(own), 2), count)) % len(own)
    return own[i], own[j]


def _some(units: Units, among: int, rng: np.random.Generator) -> Index:
    return units.first if units.count <= among else rng.choice(units.first, among, replace=False)
