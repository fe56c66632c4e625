"""Judgements as the terminal shows them: the answer, then the table."""

from __future__ import annotations

from harness.base import aligned, listed, named, p_text, percent, with_ends
from harness.pipeline import shown
from harness.report import Finding, Table
from harness.studies.judges.compute import gap
from harness.studies.judges.result import Judged, Placed

ROWS = 25  # generators before --details is needed


def finding(found: Judged) -> Finding:
    """The section of a run's report: the answer, and a row a generator."""
    rows = tuple((_rank(one), one.generator, shown(one.estimate), named(one.tied_with) or None) for one in found.placed)
    table = Table(
        f"{found.judge}, mean over {found.shared or 'images'}", ("rank", "generator", "score", "tied with"), rows
    )
    return Finding(f"Judged by {found.judge}", (answer(found), about(found), *found.notes), (table,))


def text(found: Judged, *, details: bool = False) -> str:
    """The answer in a sentence, a row a generator, and what the intervals speak about."""
    shown_rows = found.placed if details else found.placed[:ROWS]
    rows = [
        (_rank(one), one.generator, shown(one.estimate), ", ".join(one.tied_with) if details else _tied(one))
        for one in shown_rows
    ]
    lines = [answer(found), "", *aligned(rows, heads=("rank", "generator", "score", "tied with"), right=(2,))]
    if len(shown_rows) < len(found.placed):
        lines.append(f"  {len(found.placed) - len(shown_rows)} more generators: --details")
    return "\n".join([*lines, "", about(found), *(f"note: {note}" for note in found.notes)])


def _tied(one: Placed) -> str:
    return listed(one.tied_with, 2)


def _rank(one: Placed) -> str:
    return str(one.rank) if one.rank_low == one.rank_high else f"{one.rank} ({one.rank_low}-{one.rank_high})"


def about(found: Judged) -> str:
    """The sampling units of the intervals: prompts, voters or images."""
    over = f"{found.units} {found.shared} that all generators share" if found.shared else "independent images"
    return f"{percent(found.level)} intervals over {over}; rank ranges: simultaneous {percent(found.level)}."


def answer(found: Judged) -> str:
    """Which generator is best, or which may be."""
    best = [one.generator for one in found.placed if one.rank_low == 1]
    if len(found.placed) == 1:
        return f"{found.judge} of one generator ({'lower' if found.lower_is_better else 'higher'} is better)."
    way = "lower" if found.lower_is_better else "higher"
    if len(best) == 1:
        return f"{best[0]} is best by {found.judge} ({way} is better), beyond noise."
    return f"No clear best by {found.judge} ({way} is better): {named(best)} are tied within noise."


def difference_words(found: Judged, first: str, second: str) -> tuple[str, ...]:
    """The difference of two generators in a sentence; UsageError for one that was not judged."""
    told = gap(found, first, second)
    better = (told.value < 0) == found.lower_is_better
    verdict = (
        "no difference beyond noise"
        if told.low <= 0 <= told.high
        else f"{first if better else second} is better beyond noise"
    )
    paired = f", paired by the same {found.shared}" if found.shared else ""
    difference = with_ends(told.value, told.low, told.high, sign=True)
    return (f"{first} minus {second}: {difference}, p {p_text(told.p)}{paired}: {verdict}",)
