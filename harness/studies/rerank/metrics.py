"""Do the metrics of a run rank its generators alike under one encoder? Every two of them, beyond noise and in value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import Reference, UsageError, named, unknown
from harness.metrics import facts_of
from harness.pipeline import copies_reference, results
from harness.studies.rerank.distances import without_copiers
from harness.uncertainty import Orders, Table, combine, shared_level, sure_orders, tau_b, tau_bounds, why_no_interval

FEWEST = 3  # generators: of two there is one pair
ALIKE = 0.8  # of tau-b between every two metrics of a group


@dataclass(frozen=True)
class Twice:
    """Two metrics' orders of the `generators` that both have intervals of.

    `tau` is tau-b of the values, `low` to `high` what the orders that are not sure allow; `reversed` the pairs that
    both order for sure, differently.
    """

    first: str
    second: str
    generators: tuple[str, ...]
    tau: float
    low: float
    high: float
    reversed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Agreements:
    """Every two metrics under `encoder`, all that is called sure being so at once at `level`.

    `groups` are metrics of which every two have a tau of ALIKE or more, largest first; `axes` is what each is about.
    """

    out: Path
    encoder: str
    level: float
    metrics: tuple[str, ...]
    axes: Mapping[str, str]
    pairs: tuple[Twice, ...]
    groups: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON, the answer in words too."""
        from harness.studies.rerank.metric_words import answer

        return {**asdict(self), "out": str(self.out), "answer": answer(self)}


def of_metrics(out: Path, encoder: str | None = None, *, level: float | None = None) -> Agreements:
    """Every two metrics of OUT under an encoder, by default the one that ranks.

    Raises UsageError for an encoder that is not there, and where fewer than two metrics order three generators.
    """
    board = results.leaderboard(out)
    known = list(dict.fromkeys(str(row["encoder"]) for row in board["rows"]))
    chosen = encoder or str(board["rank_by"]["encoder"])
    if chosen not in known:
        raise UsageError(unknown("encoder", chosen, known, place=str(out)))
    level = float(board["interval"]["level"]) if level is None else level
    if not 0 < level < 1:
        raise UsageError(f"--level is {level:g}; it must lie between 0 and 1, such as 0.95")
    copying = {str(row["generator"]) for row in board["rows"] if copies_reference(row["observations"])}
    tables, notes = _tables(board, chosen, without_copiers(results.read(out, chosen)[1], copying))
    if copying:
        notes.insert(0, f"left out, returning reference images: {named(sorted(copying))}")
    if len(tables) < 2:
        raise UsageError([f"{out}: fewer than two metrics order {FEWEST} generators under {chosen}", *notes])
    each, reference = shared_level(level, len(tables)), board["interval"]["reference"]
    sure = {name: sure_orders(t, tuple(t.groups), level=each, reference=reference) for name, t in tables.items()}
    values = {name: _values(table, level, reference) for name, table in tables.items()}
    pairs = [_twice(one, other, values, sure) for one, other in combinations(tables, 2)]
    found = tuple(pair for pair in pairs if pair is not None)
    uses = {name: next(iter(table.groups.values()))[0].analysis.use for name, table in tables.items()}
    axes = {name: facts_of(use).axis for name, use in uses.items()}
    return Agreements(out, chosen, level, tuple(tables), axes, found, _groups(tuple(tables), found), tuple(notes))


def _tables(
    board: Mapping[str, Any], encoder: str, analyses: Mapping[str, results.Groups]
) -> tuple[dict[str, Table], list[str]]:
    """The metrics that order three generators and more, and what is left out of them, in words."""
    tables: dict[str, Table] = {}
    notes: list[str] = []
    rows = [row for row in board["rows"] if row["encoder"] == encoder]
    for column in board["columns"]:
        name = str(column["metric"])
        told = [row["metrics"][name] for row in rows if name in row["metrics"]]
        whole = analyses.get(name, {})
        groups = {generator: members for generator, members in whole.items() if why_no_interval(members) is None}
        if len(groups) >= FEWEST and told:
            tables[name] = Table(name, groups, bool(column["lower_is_better"]), told[0]["target"])
            if lost := [generator for generator in whole if generator not in groups]:
                notes.append(f"without {named(lost)} under {name}, having no interval of it")
        elif whole or told:
            notes.append(f"left out: {name}, which has intervals of {len(groups)} generators")
    return tables, notes


def _values(table: Table, level: float, reference: Reference) -> dict[str, float]:
    """Each generator's value, signed so that lower is better."""
    sign = 1.0 if table.lower_is_better else -1.0
    return {
        name: sign * combine(members, level=level, target=table.target, reference=reference).estimate.value
        for name, members in table.groups.items()
    }


def _twice(one: str, other: str, values: Mapping[str, Mapping[str, float]], sure: Mapping[str, Orders]) -> Twice | None:
    names = tuple(name for name in values[one] if name in values[other])
    if len(names) < FEWEST:
        return None
    scored = [np.array([values[metric][name] for name in names]) for metric in (one, other)]
    orders = []
    for metric in (one, other):
        at = [list(values[metric]).index(name) for name in names]
        orders.append(Orders(sure[metric].signs[np.ix_(at, at)]))
    against = np.argwhere(np.triu(orders[0].signs * orders[1].signs < 0))
    turned = tuple((names[a], names[b]) for a, b in against)
    tau = float(tau_b(*scored))
    return Twice(one, other, names, 0.0 if np.isnan(tau) else tau, *tau_bounds(*orders), turned)


def _groups(metrics: tuple[str, ...], pairs: Sequence[Twice]) -> tuple[tuple[str, ...], ...]:
    """Complete linkage: of a group, every two metrics have a tau of ALIKE or more."""
    from scipy.cluster.hierarchy import fcluster, linkage

    apart = np.full((len(metrics), len(metrics)), 2.0)
    np.fill_diagonal(apart, 0.0)
    for pair in pairs:
        a, b = metrics.index(pair.first), metrics.index(pair.second)
        apart[a, b] = apart[b, a] = 1.0 - pair.tau
    found = fcluster(linkage(apart[np.triu_indices(len(metrics), 1)], "complete"), 1.0 - ALIKE + 1e-9, "distance")
    members = [tuple(m for m, of in zip(metrics, found, strict=True) if of == number) for number in np.unique(found)]
    return tuple(sorted(members, key=lambda names: (-len(names), metrics.index(names[0]))))
