"""Metrics of nearest neighbours alone, on the full sets and on every pair of groups of many random splits.

The k nearest neighbours of a row within a group are on its full-sample list, if that is a few times longer: found once,
lists serve every split. A metric is a function of `Near`, whose rows and lists are those of the full sets or of one
group of each; `analyse_near` makes its value and split tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.neighbours import Neighbours, depth_for, nearest
from harness.metrics.processor import CPU, Processor
from harness.uncertainty import (
    Analysis,
    Index,
    Labels,
    Matrix,
    NoIntervalError,
    Pair,
    ReferenceSet,
    Rows,
    SplitForm,
    Tables,
    Units,
    deep_enough,
    labels,
)

Members = npt.NDArray[np.bool_]


class Lists:
    """Neighbour lists of both sets, each made when it is first asked for; `depth` neighbours a row where there are."""

    def __init__(
        self,
        real: Rows,
        fake: Rows,
        depth: int,
        reference: ReferenceSet | None = None,
        processor: Processor = CPU,
    ) -> None:
        self.real, self.fake, self.depth, self._reference = real, fake, depth, reference
        self._nearest = partial(nearest, processor=processor)

    @cached_property
    def real_real(self) -> Neighbours:
        """Other real rows nearest to each real row."""
        depth = min(self.depth, len(self.real) - 1)
        if self._reference is None:
            return self._nearest(self.real, depth)
        return self._reference.once(("neighbours", depth), lambda: self._nearest(self.real, depth))

    @cached_property
    def fake_fake(self) -> Neighbours:
        """Other fakes nearest to each fake."""
        return self._nearest(self.fake, min(self.depth, len(self.fake) - 1))

    @cached_property
    def real_fake(self) -> Neighbours:
        """Fakes nearest to each real row."""
        return self._nearest(self.fake, min(self.depth, len(self.fake)), points=self.real)

    @cached_property
    def fake_real(self) -> Neighbours:
        """Real rows nearest to each fake."""
        return self._nearest(self.real, min(self.depth, len(self.real)), points=self.fake)


class Near:
    """The k nearest rows of each row, nearest first, within one group of real rows and one of fakes.

    `rows_real` and `rows_fake` number the group's rows in the full sets, as do all indices. Each list is made when it
    is first asked for; `of_real` and `of_fake` have a side's own lists where they are at hand.
    """

    def __init__(
        self,
        lists: Lists,
        k: int,
        real: Members | None = None,
        fake: Members | None = None,
        of_real: Near | None = None,
        of_fake: Near | None = None,
    ) -> None:
        self.lists, self.k, self._of_real, self._of_fake = lists, k, of_real, of_fake
        self._real = np.ones(len(lists.real), bool) if real is None else real
        self._fake = np.ones(len(lists.fake), bool) if fake is None else fake
        self.rows_real, self.rows_fake = np.flatnonzero(self._real), np.flatnonzero(self._fake)

    @cached_property
    def real_real(self) -> NearestInGroup:
        """Of each real row, other real rows."""
        if self._of_real is not None:
            return self._of_real.real_real
        return _within(self.lists.real_real, self.rows_real, self._real, self.k)

    @cached_property
    def fake_fake(self) -> NearestInGroup:
        """Of each fake, other fakes."""
        if self._of_fake is not None:
            return self._of_fake.fake_fake
        return _within(self.lists.fake_fake, self.rows_fake, self._fake, self.k)

    @cached_property
    def real_fake(self) -> NearestInGroup:
        """Of each real row, fakes."""
        return _within(self.lists.real_fake, self.rows_real, self._fake, self.k)

    @cached_property
    def fake_real(self) -> NearestInGroup:
        """Of each fake, real rows."""
        return _within(self.lists.fake_real, self.rows_fake, self._real, self.k)


@dataclass(frozen=True)
class NearestInGroup:
    """The k nearest rows of each row of a group: squared distances, exact and ascending, and row numbers, (n, k)."""

    squared: Matrix
    index: npt.NDArray[np.integer]


def _within(lists: Neighbours, rows: Index, members: Members, k: int) -> NearestInGroup:
    index = lists.index[rows]
    hit = members[index]
    place = np.broadcast_to(np.arange(k), (len(rows), k))
    if not hit[:, :k].all():
        counted = hit.cumsum(axis=1, dtype=np.int32)
        short = counted[:, -1] < k
        # One row in a thousand million lists too few members of its group: the end of the list stands in.
        hit[short, -k:] = True
        counted[short] = hit[short].cumsum(axis=1)
        place = np.nonzero(hit & (counted <= k))[1].reshape(len(rows), k)
    squared = lists.exact(np.repeat(rows, k), place.ravel()).reshape(len(rows), k)
    return NearestInGroup(squared, np.take_along_axis(index, place, axis=1))


@dataclass(frozen=True)
class NearMetric:
    """A metric of nearest neighbours: its name, how many it needs, its value, and its facts for an Analysis."""

    use: str
    k: int
    value: Callable[[Near], float]
    share_of: Literal["real", "fake"] | None = None

    def __call__(self, real: Rows, fake: Rows) -> float:
        """The value on the full sets."""
        return float(self.value(Near(Lists(real, fake, self.k), self.k)))


def too_few(pair: Pair, k: int, use: str) -> str | None:
    """Why a metric of k neighbours has no interval on these sets; None where it has."""
    least = max(8, 2 * (k + 1))
    for side, units in (("real", pair.units_real), ("fake", pair.units_fake)):
        if units.count < least:
            return (
                f"`{side}` has {units.count} distinct rows; an interval of {use} halves them and needs at least {least}"
            )
    return None


def depth_of(pair: Pair, k: int) -> tuple[int, bool]:
    """Length of the lists from which groups' k neighbours are read, and whether there are quarters."""
    return depth_for(k, 4), quarters(pair, k)


def splits_of(pair: Pair, effort: Effort, quartered: bool) -> Iterator[tuple[int, Labels, Labels]]:
    """Number of groups, and the group of each real row and each fake in every split, (splits, rows)."""
    for groups in (2, 4) if quartered else (2,):
        splits = max(effort.replicates // groups**2, 8)
        of_real = labels(pair.units_real, groups, splits, pair.real_seed)
        yield groups, of_real, labels(pair.units_fake, groups, splits, pair.fake_seed)


def analyse_near(metric: NearMetric, pair: Pair, effort: Effort) -> Analysis:
    """The value and its split tables. Raises NoIntervalError where halves would have too few rows."""
    if reason := too_few(pair, metric.k, metric.use):
        raise NoIntervalError(reason)
    depth, quartered = depth_of(pair, metric.k)
    lists = Lists(pair.real, pair.fake, depth, pair.reference, effort.processor)
    value = float(metric.value(Near(lists, metric.k)))
    tables: dict[int, Tables] = {}
    for groups, of_real, of_fake in splits_of(pair, effort, quartered):
        tables[groups] = np.stack([_table(metric, lists, r, f, groups) for r, f in zip(of_real, of_fake, strict=True)])
    form = SplitForm(tables[2], tables.get(4))
    return Analysis(
        use=metric.use,
        value=value,
        form=form,
        **pair.sizes(),
        method=form.method,
        method_fixed=form.method,
        bias=f"but {metric.use} has no known population value at a fixed k; ask for 'T_N'",
        share_of=metric.share_of,
    )


def _table(metric: NearMetric, lists: Lists, of_real: Labels, of_fake: Labels, groups: int) -> Matrix:
    """(groups, groups): the value of each group of real rows with each group of fakes."""
    sides = [(of_real == a, of_fake == a) for a in range(groups)]
    alone = [Near(lists, metric.k, real, fake) for real, fake in sides]
    table = np.empty((groups, groups))
    for a in range(groups):
        for b in range(groups):
            # A side's own lists do not depend on the other side's group.
            table[a, b] = metric.value(Near(lists, metric.k, sides[a][0], sides[b][1], alone[a], alone[b]))
    return table


def quarters(pair: Pair, k: int) -> bool:
    """Whether quarters say something: twice the k + 1 rows that they must have, of every stratum's units."""
    if not (deep_enough(pair.units_real) and deep_enough(pair.units_fake)):
        return False
    return min(_surely(pair.units_real), _surely(pair.units_fake)) >= 2 * (k + 1)


def _surely(units: Units) -> int:
    """Rows that any quarter of the units has."""
    return int(np.sort(units.sizes)[: units.count // 4].sum())
