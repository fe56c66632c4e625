"""Authenticity of Alaa et al. 2022 (arXiv:2102.08921): how many fakes are more than a training image seen again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.intervals import depth_for
from harness.metrics.manifold.neighbours import Index, Neighbours, nearest, nearest_to
from harness.uncertainty import (
    Analysis,
    Labels,
    MetricCall,
    NoIntervalError,
    Pair,
    SplitForm,
    Tables,
    Vector,
    checked,
    deep_enough,
    labels,
)


def authenticity(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of fakes further from their nearest real row than that row is from its own nearest other, in [0, 1].

    real (m, d), fake (n, d). Higher is better: 0 for copies of the real rows, about a half for fresh draws of their
    distribution, more for fakes far from all of them. It tells of memorisation where the real rows are those that the
    generator was trained on. AuthPct as printed by dgm-eval is 100 times this.

    Raises UsageError for bad features or fewer than two rows.
    """
    real_rows, fake_rows = checked(real, fake)
    found = nearest(real_rows, 1, points=fake_rows)
    radius = nearest(real_rows, 1).radius_squared(1)
    return float(np.mean(radius[found.index[:, 0]] < found.squared[:, 0]))


def copied_share(train: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of fake rows no further from their nearest training row than that row is from its nearest other one.

    In [0, 1]; high means copies. One minus the authenticity of Alaa et al. (2022). Unseen images of the same
    distribution score about one half in high dimension, so read it beside the same figure for held-out images.
    """
    train_rows, fake_rows = checked(train, fake, least=2, because="a nearest other row")
    squared, index = nearest_to(fake_rows, train_rows)
    return float((squared <= nearest(train_rows, 1).radius_squared(1)[index]).mean())


def analyse_authenticity(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The value and its split tables. Raises NoIntervalError for fewer than eight distinct rows or clusters a side."""
    for side, units in (("real", pair.units_real), ("fake", pair.units_fake)):
        if units.count < 8:
            raise NoIntervalError(f"`{side}` has {units.count} distinct rows; an interval of authenticity needs 8")
    quartered = deep_enough(pair.units_real) and deep_enough(pair.units_fake)
    depth = min(depth_for(1, 4 if quartered else 2), len(pair.real) - 1)
    to_real = nearest(pair.real, depth, points=pair.fake)
    among_real = nearest(pair.real, depth)
    authentic = among_real.squared[to_real.index[:, 0], 0] < to_real.squared[:, 0]
    tables: dict[int, Tables] = {}
    numbers = {2: effort.replicates // 2} | ({4: effort.replicates // 4} if quartered else {})
    for groups, splits in numbers.items():
        of_real = labels(pair.units_real, groups, splits, pair.real_seed)
        of_fake = labels(pair.units_fake, groups, splits, pair.fake_seed)
        both = zip(of_real, of_fake, strict=True)
        tables[groups] = np.stack([_table(to_real, among_real, r, f, groups) for r, f in both])
    return Analysis(
        use="authenticity",
        value=float(authentic.mean()),
        form=SplitForm(tables[2], tables.get(4), pair.units_fake.total(authentic.astype(np.float64))),
        **pair.sizes(),
        method=f"variance between disjoint {'halves and quarters, extrapolated' if quartered else 'halves, halved'}",
        method_fixed="mean over fake rows",
        bias="but authenticity has no population value at a fixed k; ask for 'T_N'",
        share_of="fake",
    )


def _table(to_real: Neighbours, among_real: Neighbours, of_real: Labels, of_fake: Labels, groups: int) -> Vector:
    """(groups, groups): authenticity of each group of fakes against each group of real rows; a copy in the same group
    is a neighbour at no distance, as in the full sample."""
    table = np.empty((groups, groups))
    radius = np.take_along_axis(among_real.squared, _first(of_real[among_real.index] == of_real[:, None]), axis=1)[:, 0]
    for a in range(groups):
        place = _first(of_real[to_real.index] == a)
        closest = np.take_along_axis(to_real.index, place, axis=1)[:, 0]
        authentic = radius[closest] < np.take_along_axis(to_real.squared, place, axis=1)[:, 0]
        table[a] = np.bincount(of_fake, authentic, groups) / np.bincount(of_fake, minlength=groups)
    return table


def _first(hit: np.ndarray) -> Index:
    """Where in each list the first hit is, (n, 1); the last place where there is none."""
    found = hit.argmax(axis=1)
    found[~hit.any(axis=1)] = hit.shape[1] - 1
    return np.asarray(found[:, None], np.intp)
