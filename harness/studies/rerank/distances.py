"""Do FD and KD order the generators alike? Asked under every encoder, not under the one that ranks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.base import Reference
from harness.studies.rerank.reversals import Order, Table, compared, shared_level
from harness.uncertainty import SeedMember

Groups = Mapping[str, Sequence[SeedMember]]
USES = ("fd", "kd")


def of_distances(board: Mapping[str, Any], under: Mapping[str, Mapping[str, Groups]]) -> tuple[Order, ...]:
    """FD against KD for each encoder that has both over three generators or more, all of them at once at the level.

    `board` is a run's leaderboard.json, `under` each encoder's analyses: metric → generator → members.
    """
    found = [tables for encoder, metrics in under.items() if (tables := _tables(board, encoder, metrics))]
    level, reference = float(board["interval"]["level"]), _reference(board)
    each = shared_level(level, len(found)) if found else level
    orders = [compared(one, other, level=each, reference=reference) for one, other in found]
    return tuple(order for order in orders if order is not None)


def _tables(board: Mapping[str, Any], encoder: str, metrics: Mapping[str, Groups]) -> tuple[Table, Table] | None:
    better = {column["metric"]: bool(column["lower_is_better"]) for column in board["columns"]}
    targets = {
        metric: estimate["target"]
        for row in board["rows"]
        if row["encoder"] == encoder
        for metric, estimate in row["metrics"].items()
    }
    of_use: dict[str, str] = {}
    for metric, groups in metrics.items():
        for members in groups.values():
            of_use.setdefault(members[0].analysis.use, metric)
    if any(of_use.get(use) not in targets for use in USES):
        return None
    note = board["encoders"].get(encoder)
    where = f"under {encoder}{f' ({note})' if note else ''}"
    one, other = (
        Table(f"{of_use[use]} {where}", metrics[of_use[use]], better[of_use[use]], targets[of_use[use]]) for use in USES
    )
    return one, other


def _reference(board: Mapping[str, Any]) -> Reference:
    return "fixed" if board["interval"]["reference"] == "fixed" else "random"
