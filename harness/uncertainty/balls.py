"""Half-sample replicates of the k-NN metrics, all of them from one set of neighbour lists.

In a half-sample a row's ball reaches to its k-th neighbour *in that half*: a neighbour on its full-sample list, at a
position found by counting. Points are compared with the full list once ("inside from position r on"); a replicate is
then a comparison of small integers, held as one bit per replicate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.features import Rows, Vector, blocks
from harness.metrics.neighbours import Edges, Index, edges, nearest
from harness.uncertainty.analysis import Analysis
from harness.uncertainty.units import Units

BALL_METRICS = ("precision", "recall", "density", "coverage")
Bits = npt.NDArray[np.uint8]  # replicates packed eight to a byte along the last axis
Flags = npt.NDArray[np.bool_]
CHUNK = 1 << 16  # edges whose bits are unpacked at a time


@dataclass(frozen=True)
class BallCall:
    """One k-NN metric: its name, k and convention."""

    use: str
    k: int
    closed: bool

    @property
    def swapped(self) -> bool:
        """Recall puts the balls around fake rows."""
        return self.use == "recall"


@dataclass
class _Tally:
    """What the passes over the edges add up for one (k, closed, side): full sample and every replicate."""

    k: int
    reach: Bits  # (centres, depth, bytes): replicate b has the centre in its half, and its ball reaches that position
    hits: npt.NDArray[np.int64]  # per point, full sample
    hit_centres: npt.NDArray[np.int64]
    point_inside: Bits  # (points, bytes): inside some ball, point in the half or not
    centre_holds: Bits  # (centres, bytes): holds some point of the half
    centre_holds_fixed: Bits  # the same with every centre at its full-sample radius
    count: npt.NDArray[np.int64] = field(repr=False)  # (replicates,): pairs inside, both in their halves


def depth_for(k: int) -> int:
    """List length that a half-sample's k-th neighbour overruns with probability below 1e-9 a row."""
    return min(2 * k + 8 * ceil(sqrt(2 * k)) + 14, 254)


def analyse_balls(
    calls: Mapping[str, BallCall],
    real: Rows,
    fake: Rows,
    units_real: Units,
    units_fake: Units,
    *,
    real_seed: int,
    fake_seed: int,
    replicates: int,
) -> dict[str, Analysis]:
    """Values and replicates of several k-NN metrics, which share neighbour lists and halves."""
    largest = max(call.k for call in calls.values())
    for side, found in (("real", units_real), ("fake", units_fake)):
        if found.count < 2 * (largest + 1):
            raise UsageError(
                f"`{side}` has {found.count} distinct rows; an interval for `k`={largest} halves them "
                f"and needs at least {2 * (largest + 1)}"
            )
    in_real = units_real.halves(replicates, real_seed)
    in_fake = units_fake.halves(replicates, fake_seed)
    result: dict[str, Analysis] = {}
    for swapped in (False, True):
        wanted = {name: call for name, call in calls.items() if call.swapped is swapped}
        if not wanted:
            continue
        centres, points = (fake, real) if swapped else (real, fake)
        in_centres, in_points = (in_fake, in_real) if swapped else (in_real, in_fake)
        tallies = _tallies({(call.k, call.closed) for call in wanted.values()}, centres, points, in_centres, in_points)
        for name, call in wanted.items():
            tally = tallies[call.k, call.closed]
            result[name] = _analysis(call, tally, real, fake, units_real, units_fake, in_centres, in_points)
    return {name: result[name] for name in calls}


def _tallies(
    conventions: set[tuple[int, bool]], centres: Rows, points: Rows, in_centres: Flags, in_points: Flags
) -> dict[tuple[int, bool], _Tally]:
    replicates = len(in_centres)
    width = (replicates + 7) // 8
    depth = min(depth_for(max(k for k, _ in conventions)), len(centres) - 1)
    lists = nearest(centres, depth)
    points_bits = np.packbits(in_points.T, axis=1)
    reaches = {k: _reach(lists.index, in_centres, k) for k, _ in conventions}
    tallies = {}
    for k, closed in sorted(conventions):
        tally = tallies[k, closed] = _Tally(
            k=k,
            reach=reaches[k],
            hits=np.zeros(len(points), np.int64),
            hit_centres=np.zeros(len(centres), np.int64),
            point_inside=np.zeros((len(points), width), np.uint8),
            centre_holds=np.zeros((len(centres), width), np.uint8),
            centre_holds_fixed=np.zeros((len(centres), width), np.uint8),
            count=np.zeros(replicates, np.int64),
        )
        ever = np.asarray(tally.reach.any(axis=2))
        for found in edges(centres, lists.squared, points, closed=closed):
            _add(tally, found, ever, points_bits)
    return tallies


def _reach(index: Index, in_centres: Flags, k: int) -> Bits:
    """Bit b of [row, position]: row is in half b and has at most k-1 neighbours of that half before the position."""
    n, depth = index.shape
    replicates = len(in_centres)
    member = np.ascontiguousarray(in_centres.T)  # (rows, replicates)
    result = np.empty((n, depth, (replicates + 7) // 8), np.uint8)
    for block in blocks(n, depth * replicates, size=64 * 2**20):
        near = member[index[block]]  # (rows, depth, replicates)
        before = np.cumsum(near, axis=1, dtype=np.uint8)
        before -= near
        inside = before < k
        inside &= member[block][:, None, :]
        result[block] = np.packbits(inside, axis=2)
    return result


def _add(tally: _Tally, found: Edges, ever: Flags, points_bits: Bits) -> None:
    full = found.rank < tally.k
    np.add.at(tally.hits, found.point[full], 1)
    np.add.at(tally.hit_centres, found.centre[full], 1)
    _or_into(tally.centre_holds_fixed, found.centre[full], points_bits[found.point[full]])
    use = ever[found.centre, found.rank]
    centre, point, rank = found.centre[use], found.point[use], found.rank[use]
    for start in range(0, len(centre), CHUNK):
        part = slice(start, start + CHUNK)
        reached = tally.reach[centre[part], rank[part]]
        by_point = np.argsort(point[part], kind="stable")
        _or_into(tally.point_inside, point[part][by_point], reached[by_point])
        reached &= points_bits[point[part]]
        _or_into(tally.centre_holds, centre[part], reached)
        tally.count += np.unpackbits(reached, axis=1, count=len(tally.count)).sum(axis=0, dtype=np.int64)


def _or_into(target: Bits, sorted_row: Index, bits: Bits) -> None:
    if len(sorted_row):
        row, start = np.unique(sorted_row, return_index=True)
        target[row] |= np.bitwise_or.reduceat(bits, start, axis=0)


def _analysis(
    call: BallCall,
    tally: _Tally,
    real: Rows,
    fake: Rows,
    units_real: Units,
    units_fake: Units,
    in_centres: Flags,
    in_points: Flags,
) -> Analysis:
    replicates = len(in_centres)
    inside, holds = tally.hits > 0, tally.hit_centres > 0
    centres_in, points_in = in_centres.sum(axis=1), in_points.sum(axis=1)
    influence_fake: Vector | None = None
    fixed: Vector | None = None

    def share(bits: Bits, among: Flags, out_of: npt.NDArray[np.integer]) -> Vector:
        return np.asarray((np.unpackbits(bits, axis=1, count=replicates).T & among).sum(axis=1) / out_of)

    if call.use in ("precision", "recall"):
        value = float(inside.mean())
        random = share(tally.point_inside, in_points, points_in)
    elif call.use == "density":
        value = float(tally.hits.mean() / call.k)
        random = tally.count / (call.k * points_in)
    else:
        value = float(holds.mean())
        random = share(tally.centre_holds, in_centres, centres_in)

    if call.use == "precision":
        influence_fake = units_fake.total(inside.astype(np.float64))
    elif call.use == "density":
        influence_fake = units_fake.total(tally.hits / call.k)
    elif call.use == "coverage":
        every = np.ones_like(in_centres)
        fixed = share(tally.centre_holds_fixed, every, np.full(replicates, len(holds)))
    else:  # recall: fake balls of the half, every real row
        every = np.ones_like(in_points)
        fixed = share(tally.point_inside, every, np.full(replicates, len(inside)))
    return Analysis(
        use=call.use,
        value=value,
        n_real=len(real),
        n_fake=len(fake),
        d=real.shape[1],
        method=f"{replicates} half-samples without replacement",
        method_fixed=(
            f"{replicates} half-samples of the fake set without replacement"
            if fixed is not None
            else "mean over fake rows"
        ),
        units_real=units_real.count,
        units_fake=units_fake.count,
        effective_real=units_real.effective,
        effective_fake=units_fake.effective,
        influence_fake=influence_fake,
        replicates_random=random,
        replicates_fixed=fixed,
        bounded=call.use != "density",
    )
