"""k-NN metrics of every pair of groups of many random splits, all of them from one set of neighbour lists.

Within a group a row's ball reaches to its k-th neighbour *in that group*: a neighbour on its full-sample list, at a
position found by counting. Points are compared with the full list once ("inside from position r on"); a table of a
split is then a comparison of small integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.authenticity import Authentic, too_few_for_authenticity
from harness.metrics.manifold.bounds import Index, Product
from harness.metrics.manifold.edges import Edges
from harness.metrics.manifold.groups import quarters
from harness.metrics.manifold.neighbours import Neighbours, depth_for, nearest
from harness.metrics.manifold.reach import Positions, settled_reach
from harness.metrics.manifold.values import BallCall, Hits, ball_calls, count_edges
from harness.metrics.own import without_interval
from harness.metrics.processor import Processor
from harness.uncertainty import Analysis, Labels, MetricCall, Pair, SplitForm, Units, labels

Masks = npt.NDArray[np.uint8]  # one bit per group
WORTH_STORING = 10**10  # terms of all products: a third of a second
CHUNK = 16 * 2**20  # edges × splits handled at a time


@dataclass
class _Split:
    """Random splits into `groups` under one k, and what the passes over the edges add up for them."""

    groups: int
    of_centres: Labels  # (centres, splits)
    of_points: Labels  # (points, splits)
    reach: Positions  # (centres, splits): list position of the k-th neighbour within the group
    uses: frozenset[str]
    covers: Masks = field(init=False)  # (points, splits): groups of centres with a ball around the point
    holds: Masks = field(init=False)  # (centres, splits): groups of points with a member in the ball
    pairs: npt.NDArray[np.int64] = field(init=False)  # (splits, groups of centres, groups of points)

    def __post_init__(self) -> None:
        self.covers = np.zeros(self.of_points.shape, np.uint8)
        self.holds = np.zeros(self.of_centres.shape, np.uint8)
        self.pairs = np.zeros((self.of_centres.shape[1], self.groups, self.groups), np.int64)
        self.furthest = self.reach.max(axis=1)

    def add(self, centre: Index, point: Index, rank: Positions) -> None:
        """Take in some edges, sorted by centre."""
        use = rank <= self.furthest[centre]
        centre, point, rank = centre[use], point[use], rank[use]
        step = max(1, CHUNK // self.of_centres.shape[1])
        for start in range(0, len(centre), step):
            part = slice(start, start + step)
            x, y = centre[part], point[part]
            inside = (self.reach[x] >= rank[part, None]).view(np.uint8)
            if self.uses & {"precision", "recall"}:
                by_point = np.argsort(y, kind="stable")
                _or_into(self.covers, y[by_point], (inside << self.of_centres[x])[by_point])
            if self.uses - {"precision", "recall"}:
                bits = inside << self.of_points[y]
                if self.uses & {"coverage", "reached"}:
                    _or_into(self.holds, x, bits)
                if "density" in self.uses:
                    self._count(x, bits)

    def _count(self, x: Index, bits: Masks) -> None:
        row, start = np.unique(x, return_index=True)
        own = self.of_centres[row]
        for b in range(self.groups):
            per_centre = np.add.reduceat((bits >> b & 1).astype(np.uint32), start, axis=0)
            for a in range(self.groups):
                self.pairs[:, a, b] += (per_centre * (own == a)).sum(axis=0, dtype=np.int64)

    def share_of_points(self) -> npt.NDArray[np.float64]:
        """(splits, a, b): share of the points of group b inside a ball of the centres of group a."""
        return self._share(self.covers, self.of_points).transpose(0, 2, 1)

    def share_of_centres(self) -> npt.NDArray[np.float64]:
        """(splits, a, b): share of the centres of group a whose ball holds a point of group b."""
        return self._share(self.holds, self.of_centres)

    def mean_count(self) -> npt.NDArray[np.float64]:
        """(splits, a, b): mean over points of group b of the number of balls of group a around them."""
        return np.asarray(self.pairs / _sizes(self.of_points, self.groups)[:, None, :])

    def _share(self, masks: Masks, own: Labels) -> npt.NDArray[np.float64]:
        table = np.empty((own.shape[1], self.groups, self.groups))
        for b in range(self.groups):
            bit = masks >> b & 1
            for a in range(self.groups):
                table[:, a, b] = (bit & (own == a)).sum(axis=0)
        return np.asarray(table / _sizes(own, self.groups)[:, :, None])


def _sizes(own: Labels, groups: int) -> npt.NDArray[np.int64]:
    return np.stack([(own == a).sum(axis=0) for a in range(groups)], axis=1)


def _or_into(target: Masks, sorted_row: Index, bits: Masks) -> None:
    if len(sorted_row):
        row, start = np.unique(sorted_row, return_index=True)
        target[row] |= np.bitwise_or.reduceat(bits, start, axis=0)


def smallest(k: int) -> int:
    """Distinct rows that halving needs."""
    return 2 * (k + 1)


def analyse_neighbours(asked: Mapping[str, MetricCall], pair: Pair, effort: Effort) -> dict[str, Analysis]:
    """Values and split tables of several metrics of nearest neighbours, which share searches, edges and splits."""
    balls = ball_calls(asked, pair.real, pair.fake)
    without = {name: reason for name, call in balls.items() if (reason := _too_few(pair, call.k)) is not None}
    alone = [name for name in asked if name not in balls]
    if (reason := too_few_for_authenticity(pair)) is not None:
        without |= dict.fromkeys(alone, reason)
        alone = []
    found = {name: without_interval(asked[name], pair, reason) for name, reason in without.items()}
    balls = {name: call for name, call in balls.items() if name not in without}
    return found | _analysed(balls, alone, pair, effort)


def _too_few(pair: Pair, k: int) -> str | None:
    """Why an interval for k is not to be had of these sets; None where it is."""
    for side, found in (("real", pair.units_real), ("fake", pair.units_fake)):
        if not found.clustered and found.count < smallest(k):
            return (
                f"`{side}` has {found.count} distinct rows; an interval for `k`={k} halves them and needs at least "
                f"{smallest(k)}"
            )
    return None


def _analysed(calls: Mapping[str, BallCall], alone: Sequence[str], pair: Pair, effort: Effort) -> dict[str, Analysis]:
    real, fake, units_real, units_fake = pair.real, pair.fake, pair.units_real, pair.units_fake
    around_real = {name: call for name, call in calls.items() if not call.swapped}
    around_fake = {name: call for name, call in calls.items() if call.swapped}
    product = Product(real, fake, effort.processor)
    balls_real: _Balls | None = None
    balls_fake: _Balls | None = None
    authentic: Authentic | None = None
    if around_real or alone:
        largest = max([call.k for call in around_real.values()], default=1)
        deepest = max(depth_for(largest, 4), depth_for(1, 4) if alone else 0)
        among_real = _lists_of_real(pair, deepest, effort.processor)
    if calls:
        quartered = quarters(pair, max(call.k for call in calls.values()))
        numbers = {2: effort.replicates // 2} | ({4: effort.replicates // 4} if quartered else {})
        of_real = {groups: _labels(units_real, groups, splits, pair.real_seed) for groups, splits in numbers.items()}
        of_fake = {groups: _labels(units_fake, groups, splits, pair.fake_seed) for groups, splits in numbers.items()}
        if around_real:
            balls_real = _Balls(around_real, among_real, len(fake), of_real, of_fake)
        if around_fake:
            depth = depth_for(max(call.k for call in around_fake.values()), max(of_fake))
            lists = nearest(fake, min(depth, len(fake) - 1), rough=True, processor=effort.processor)
            balls_fake = _Balls(around_fake, lists, len(real), of_fake, of_real)
    if alone:
        authentic = Authentic(product, among_real, pair, effort)
    count_edges(product, balls_real, balls_fake, also=authentic.to_real if authentic else None)
    result: dict[str, Analysis] = {}
    for name, call in calls.items():
        balls = balls_fake if call.swapped else balls_real
        assert balls is not None
        result[name] = _analysis(call, balls.tallies[call.k, call.closed], balls.hits, pair)
    for name in alone:
        assert authentic is not None
        result[name] = authentic.analysis()
    return result


def _lists_of_real(pair: Pair, depth: int, processor: Processor) -> Neighbours:
    """The real rows' own neighbours, at least so many: kept for the next set of fakes."""
    rows, depth = pair.real, min(depth, len(pair.real) - 1)
    search = partial(nearest, rows, depth, rough=True, processor=processor)

    def found() -> Neighbours:
        if rows.size * len(rows) < WORTH_STORING:
            return search()
        what = (__name__, "rough neighbours", depth)
        return Neighbours.from_arrays(rows, pair.reference.arrays(what, lambda: search().to_arrays()))

    return pair.reference.once(("rough neighbours", depth), found)


def _labels(units: Units, groups: int, splits: int, seed: int) -> Labels:
    return np.ascontiguousarray(labels(units, groups, splits, seed).T)


class _Balls:
    """All balls around one set, for every (k, closed) asked for: of the full sample and of all splits."""

    def __init__(
        self,
        calls: Mapping[str, BallCall],
        lists: Neighbours,
        points: int,
        of_centres: dict[int, Labels],
        of_points: dict[int, Labels],
    ) -> None:
        conventions = sorted({(call.k, call.closed) for call in calls.values()})
        ks = [k for k, _ in conventions]
        reach = settled_reach(lists, of_centres, ks)
        furthest = max(max(ks) - 1, *(int(positions.max()) for each in reach.values() for positions in each.values()))
        self.hits = Hits(lists, calls.values(), points, places=range(furthest + 1))
        self.radii = self.hits.radii
        self.tallies: dict[tuple[int, bool], dict[int, _Split]] = {}
        for k, closed in conventions:
            uses = frozenset(call.use for call in calls.values() if (call.k, call.closed) == (k, closed))
            self.tallies[k, closed] = {
                g: _Split(g, of, of_points[g], reach[g][k], uses) for g, of in of_centres.items()
            }

    def add(self, found: Edges) -> None:
        """Take in some edges."""
        self.hits.add(found)
        for (_, closed), tally in self.tallies.items():
            rank = found.closed if closed else found.open
            for split in tally.values():
                split.add(found.centre, found.point, rank)


def _analysis(call: BallCall, tally: dict[int, _Split], hits: Hits, pair: Pair) -> Analysis:
    of_points = hits.of_points[call.k, call.closed]
    tables: dict[int, npt.NDArray[np.float64]] = {}
    influence_fake = None
    for groups, split in tally.items():
        if call.of_centres:
            tables[groups] = split.share_of_centres()
        elif call.use == "density":
            tables[groups] = split.mean_count() / call.k
        else:
            tables[groups] = split.share_of_points()
        if call.swapped:
            tables[groups] = tables[groups].transpose(0, 2, 1)
    if call.use == "density":
        influence_fake = pair.units_fake.total(of_points / call.k)
    if call.use == "precision":
        influence_fake = pair.units_fake.total((of_points > 0).astype(np.float64))
    form = SplitForm(
        np.ascontiguousarray(tables[2]), np.ascontiguousarray(tables[4]) if 4 in tables else None, influence_fake
    )
    return Analysis(
        use=call.use,
        value=hits.value(call),
        form=form,
        **pair.sizes(),
        method=form.method,
        method_fixed="mean over fake rows" if influence_fake is not None else form.method,
        bias=f"but {call.use} has no population value at a fixed k; ask for 'T_N'",
        share_of={"density": None, "precision": "fake", "reached": "fake"}.get(call.use, "real"),
    )
