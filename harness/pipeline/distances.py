"""Do FD and KD order the generators alike? Asked under every encoder, not under the one that ranks alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.base import Reference
from harness.pipeline.rows import Disagreement
from harness.uncertainty import Table, shared_level, sure_orders, turned, undecided

USES = ("fd", "kd")  # a metric of each, the first that is declared


def disagreements(
    under: Mapping[str, tuple[Table, Table]], *, level: float, reference: Reference
) -> tuple[Disagreement, ...]:
    """The generators that FD and KD order differently, each beyond noise; `under` has both tables for each encoder.

    All that is said holds at once with probability `level`, for all encoders together.
    """
    found = []
    each = shared_level(level, 2 * max(len(under), 1))
    for encoder, tables in under.items():
        names = [name for name in tables[0].groups if name in tables[1].groups]
        pair = [replace(table, groups={name: table.groups[name] for name in names}) for table in tables]
        if len(names) < 2 or not turned(*pair, orders=[undecided(len(names))] * 2):
            continue  # alike in value: nothing to test
        orders = [sure_orders(table, names, level=each, reference=reference) for table in pair]
        if sure := [(one, other) for one, other, beyond in turned(*pair, orders=orders) if beyond]:
            signs, at = orders[0].signs, {name: place for place, name in enumerate(names)}
            pairs = tuple((a, b) if signs[at[a], at[b]] < 0 else (b, a) for a, b in sure)
            found.append(Disagreement(encoder, pair[0].name, pair[1].name, pairs))
    return tuple(found)
