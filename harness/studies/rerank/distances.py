"""Do FD and KD order the generators alike? Asked under every encoder, not under the one that ranks alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from harness.studies.rerank.reversals import Order, compared
from harness.uncertainty import SeedMember, Table, shared_level

Groups = Mapping[str, Sequence[SeedMember]]
USES = ("fd", "kd")
Members = TypeVar("Members")


def of_distances(board: Mapping[str, Any], under: Mapping[str, Mapping[str, Groups]]) -> tuple[Order, ...]:
    """FD against KD for each encoder that has both over three generators or more, all of them at once at the level.

    `board` is a run's leaderboard.json, `under` each encoder's analyses: metric → generator → members.
    """
    found = {encoder: tables for encoder, own in under.items() if (tables := _tables(board, encoder, own))}
    interval = board["interval"]
    each = shared_level(float(interval["level"]), max(len(found), 1))
    orders = [
        compared(*tables, level=each, reference=interval["reference"], where=f" under {_labelled(board, encoder)}")
        for encoder, tables in found.items()
    ]
    return tuple(order for order in orders if order is not None)


def without_copiers(
    metrics: Mapping[str, Mapping[str, Members]], copying: Collection[str]
) -> dict[str, dict[str, Members]]:
    """The analyses of each metric but for those of the generators that give reference images back."""
    return {
        metric: {name: members for name, members in groups.items() if name not in copying}
        for metric, groups in metrics.items()
    }


def _labelled(board: Mapping[str, Any], encoder: str) -> str:
    note = board["encoders"].get(encoder)
    return f"{encoder} ({note})" if note else encoder


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
    one, other = (Table(of_use[u], metrics[of_use[u]], better[of_use[u]], targets[of_use[u]]) for u in USES)
    return one, other
