"""How far the balls of groups reach: the place of the k-th neighbour within a row's own group on its full list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.manifold.neighbours import Neighbours, Numbers, depth_for
from harness.uncertainty import Labels, blocks

Positions = npt.NDArray[np.uint16]


def settled_reach(lists: Neighbours, own: dict[int, Labels], ks: list[int]) -> dict[int, dict[int, Positions]]:
    """`_reach` by number of groups, the lists being in order as far as it goes."""
    reach = {groups: _reach(lists.index, of, of, groups, ks) for groups, of in own.items()}
    settled = np.zeros(len(lists.index), np.intp)
    while True:
        every = [positions.max(axis=1) for each in reach.values() for positions in each.values()]
        needed = np.maximum(np.max(every, axis=0).astype(np.intp) + 1, max(ks))
        if (needed <= settled).all():
            return reach
        settled = np.maximum(settled, needed)
        moved = lists.settle(settled)
        for groups, of in own.items():
            for k, positions in _reach(lists.index[moved], of, of[moved], groups, ks).items():
                reach[groups][k][moved] = positions


def _reach(index: Numbers, of: Labels, own: Labels, groups: int, ks: list[int]) -> dict[int, Positions]:
    """Per k, the (rows, splits) list position of the k-th neighbour in a row's own group (the last one if none is).

    `of` has the groups of the rows that lists name, `own` those of the rows that have the lists.
    """
    n, splits = own.shape
    depth = min(index.shape[1], depth_for(max(ks), groups))
    result = {k: np.empty((n, splits), np.uint16) for k in ks}
    for block in blocks(n, depth * splits, size=64 * 2**20):
        same = of[index[block, :depth]] == own[block][:, None, :]  # (rows, depth, splits)
        seen: npt.NDArray[np.integer] = np.cumsum(same, axis=1, dtype=np.uint16 if depth > 255 else np.uint8)
        for k in result:
            result[k][block] = np.minimum(np.sum(seen < k, axis=1, dtype=np.uint16), depth - 1)
    return result
