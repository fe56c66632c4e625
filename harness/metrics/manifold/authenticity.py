"""Authenticity of Alaa et al. 2022 (arXiv:2102.08921): how many fakes are more than a training image seen again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.bounds import Index, Product
from harness.metrics.manifold.neighbours import Nearest, Neighbours, depth_for, nearest
from harness.metrics.manifold.reach import settled_reach
from harness.metrics.processor import CPU, Processor
from harness.uncertainty import Analysis, Labels, Pair, SplitForm, Tables, Vector, checked, deep_enough, labels

LEAST = 8  # distinct rows a side


def authenticity(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of fakes further from their nearest real row than that row is from its own nearest other, in [0, 1].

    real (m, d), fake (n, d). Higher is better: 0 for copies of the real rows, about a half for fresh draws of their
    distribution, more for fakes far from all of them. It tells of memorisation where the real rows are those that the
    generator was trained on. AuthPct as printed by dgm-eval is 100 times this.

    Raises UsageError for bad features or fewer than two rows.
    """
    real_rows, fake_rows = checked(real, fake)
    return float(authentic(nearest(real_rows, 1, points=fake_rows), nearest(real_rows, 1)).mean())


def authentic(to_real: Neighbours, among_real: Neighbours) -> npt.NDArray[np.bool_]:
    """Which fakes are further from their nearest real row than that row is from its own nearest other."""
    fakes, reals = len(to_real.index), len(among_real.index)
    return to_real.beyond(np.zeros(fakes, np.intp), among_real, np.zeros(reals, np.intp))


def copied_share(
    train: npt.ArrayLike, fake: npt.ArrayLike, *, apart: Vector | None = None, processor: Processor = CPU
) -> float:
    """Share of fake rows no further from their nearest training row than that row is from its nearest other one.

    In [0, 1]; high means copies. One minus the authenticity of Alaa et al. (2022). Unseen images of the same
    distribution score about one half in high dimension, so read it beside the same figure for held-out images.
    `apart` is `spacing(train)` where it is at hand: half of the work or more, and the same for all sets of fakes.
    """
    train_rows, fake_rows = checked(train, fake, least=2, because="a nearest other row")
    to_train = nearest(train_rows, 1, points=fake_rows, processor=processor)
    if apart is None:
        return float((~authentic(to_train, nearest(train_rows, 1, processor=processor))).mean())
    return float((to_train.radius_squared(1) <= apart[to_train.index[:, 0]]).mean())


def nearest_rows(rows: npt.ArrayLike, points: npt.ArrayLike | None) -> tuple[Index, Vector]:
    """The number of the nearest of `rows` to each point, and its distance, both (n,); None: of each row to the others.

    Raises UsageError for bad features and, of rows among themselves, fewer than two.
    """
    left, right = checked(
        rows, rows if points is None else points, least=1 if points is not None else 2, because="a pair"
    )
    found = nearest(left, 1, points=None if points is None else right)
    return np.asarray(found.index[:, 0], np.intp), np.asarray(np.sqrt(found.radius_squared(1)))


def spacing(train: npt.ArrayLike, *, processor: Processor = CPU) -> Vector:
    """The squared distance of each row to its nearest other one (n,), 0 where a row is repeated."""
    rows, _ = checked(train, train, least=2, because="a nearest other row")
    return nearest(rows, 1, processor=processor).radius_squared(1)


def too_few_for_authenticity(pair: Pair) -> str | None:
    """Why there is no interval of authenticity of these sets; None where there is one."""
    for side, units in (("real", pair.units_real), ("fake", pair.units_fake)):
        if units.count < LEAST:
            return f"`{side}` has {units.count} distinct rows; an interval of authenticity needs {LEAST}"
    return None


class Authentic:
    """Authenticity of a pair with its split tables; `to_real` collects each fake's nearest real rows beforehand."""

    def __init__(self, product: Product, among_real: Neighbours, pair: Pair, effort: Effort) -> None:
        self.pair, self.among_real = pair, among_real
        quartered = deep_enough(pair.units_real) and deep_enough(pair.units_fake)
        self.numbers = {2: effort.replicates // 2} | ({4: effort.replicates // 4} if quartered else {})
        self.depth = min(depth_for(1, max(self.numbers)), len(pair.real) - 1)
        self.to_real = Nearest(product, self.depth)

    def analysis(self) -> Analysis:
        """The value and its split tables."""
        pair, to_real = self.pair, self.to_real.neighbours()
        self.among_real.settle(np.ones(len(pair.real), np.intp))
        seen = authentic(to_real, self.among_real)
        tables: dict[int, Tables] = {}
        for groups, splits in self.numbers.items():
            of_real = labels(pair.units_real, groups, splits, pair.real_seed)
            of_fake = labels(pair.units_fake, groups, splits, pair.fake_seed)
            beside = settled_reach(self.among_real, {groups: np.ascontiguousarray(of_real.T)}, [1])[groups][1]
            each = zip(of_real, of_fake, beside.T.astype(np.intp), strict=True)
            tables[groups] = np.stack([self._table(to_real, r, f, b, groups) for r, f, b in each])
        form = SplitForm(tables[2], tables.get(4), pair.units_fake.total(seen.astype(np.float64)))
        return Analysis(
            use="authenticity",
            value=float(seen.mean()),
            form=form,
            **pair.sizes(),
            method=form.method,
            method_fixed="mean over fake rows",
            bias="but authenticity has no population value at a fixed k; ask for 'T_N'",
            share_of="fake",
        )

    def _table(self, to_real: Neighbours, of_real: Labels, of_fake: Labels, beside: Index, groups: int) -> Vector:
        """(groups, groups): authenticity of each group of fakes against each group of real rows; a copy in the same
        group is a neighbour at no distance, as in the full sample. `beside`: where each real row's own neighbour is."""
        table = np.empty((groups, groups))
        for a in range(groups):
            seen = to_real.beyond(_first(of_real[to_real.index] == a), self.among_real, beside)
            table[a] = np.bincount(of_fake, seen, groups) / np.bincount(of_fake, minlength=groups)
        return table


def _first(hit: np.ndarray) -> Index:
    """Where in each list the first hit is, (n,); the last place where there is none."""
    found = hit.argmax(axis=1)
    found[~hit.any(axis=1)] = hit.shape[1] - 1
    return np.asarray(found, np.intp)
