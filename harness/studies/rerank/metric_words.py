"""What `harness rerank --metrics` answers: which metrics order generators alike, for a terminal and for the report."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.base import aligned, named
from harness.report import Finding, Heatmap, Table
from harness.studies.rerank.metrics import ALIKE, Agreements, Twice

SHOWN = 10  # pairs of metrics before --details is needed


def answer(found: Agreements) -> list[str]:
    """Which metrics order alike and which do not, in sentences."""
    turned = [pair for pair in found.pairs if pair.reversed]
    count = len(found.pairs)
    head = (
        f"Of {count:,} pairs of metrics under {found.encoder}, {len(turned):,} order some generators differently beyond"
        f" noise; the other {count - len(turned):,} do not."
    )
    of_axes: dict[str, list[float]] = {}
    for pair in found.pairs:
        one, other = found.axes[pair.first], found.axes[pair.second]
        of_axes.setdefault(one if one == other else "different axes", []).append(pair.tau)
    medians = [f"{axis} {np.median(taus):.2f}" for axis, taus in of_axes.items()]
    told = [head, f"Median tau-b of two metrics of one axis, or of different axes: {', '.join(medians)}."]
    for names in found.groups:
        if len(names) > 1:
            told.append(f"Similar orders (tau-b ≥ {ALIKE:g} for every two): {named(names, len(names))}.")
    if alone := [names[0] for names in found.groups if len(names) == 1]:
        told.append(f"Similar to no other metric: {named(alone, len(alone))}.")
    return told


def agreement_lines(found: Agreements, *, details: bool = False) -> list[str]:
    """What a terminal shows: the answer, then the pairs of metrics that turn most generators around."""
    told = [*answer(found), *(f"note: {note}" for note in found.notes)]
    worst = _turned(found.pairs)
    rows = [
        (
            f"{p.first}, {p.second}",
            "same" if found.axes[p.first] == found.axes[p.second] else "different",
            f"{p.tau:.2f} [{p.low:.2f}, {p.high:.2f}]",
            str(len(p.reversed)),
            ", ".join(f"{a}/{b}" for a, b in p.reversed),
        )[: 5 if details else 4]
        for p in worst
    ]
    shown = rows if details else rows[:SHOWN]
    if not shown:
        return told
    heads = ("metrics", "axes", "tau-b", "reversed", "which")[: 5 if details else 4]
    table = aligned(shown, heads=heads, right=(2, 3), wrap={0: 24, 4: 34})
    told += ["", *table]
    if len(shown) < len(rows):
        told.append(f"  {len(rows) - len(shown)} more pairs of metrics: --details")
    told.append(
        "tau-b: Kendall's rank correlation of two metrics' orders [interval]; reversed: pairs of generators in "
        "opposite order beyond noise, simultaneously; axes: whether both measure fidelity, diversity …"
    )
    return told


def _turned(pairs: Iterable[Twice]) -> list[Twice]:
    """Those that turn generators around beyond noise, the most first."""
    return sorted((pair for pair in pairs if pair.reversed), key=lambda pair: (-len(pair.reversed), pair.tau))


def agreement_finding(found: Agreements) -> Finding:
    """The section of the report: the answer, a heat map ordered by groups, the pairs that turn."""
    names = tuple(name for names in found.groups for name in names)
    tau = {frozenset((p.first, p.second)): round(p.tau, 4) for p in found.pairs}
    values = tuple(tuple(tau.get(frozenset((a, b))) for b in names) for a in names)
    heat = Heatmap("Kendall's tau-b of two metrics' orders of the generators", names, names, values, -1, 1, 1)
    rows = tuple(
        (p.first, p.second, round(p.tau, 2), round(p.low, 2), round(p.high, 2), len(p.reversed))
        for p in _turned(found.pairs)
    )
    heads = ("metric", "other metric", "tau-b", "least", "most", "pairs of generators reversed beyond noise")
    tables = (Table("Metrics that turn generators around beyond noise", heads, rows),) if rows else ()
    title = f"Do metrics rank alike? Under {found.encoder}"
    return Finding(title, (*answer(found), *(f"{n[0].upper()}{n[1:]}." for n in found.notes)), tables, heat)
