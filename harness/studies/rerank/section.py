"""Encoders' orders of the generators of a run as a section of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.base import percent
from harness.studies.rerank.runs import Run
from harness.studies.rerank.words import SETTLES, people_words, verdict

if TYPE_CHECKING:
    from harness.report import Finding
    from harness.studies.rerank.result import Reranked
    from harness.uncertainty import Ranking


def finding(found: Reranked) -> Finding:
    """The section of the report: the answer, rank correlations, each generator's ranks, and the pairs in question.

    Of a run, and of two encoders at least: `found.whole` is there.
    """
    from harness.report import Finding, Heatmap, Table

    run, rankings, pairs, whole = found.of, found.rankings, found.pairs, found.whole
    assert isinstance(run, Run)
    assert whole is not None
    level = percent(whole.level)
    columns = ("encoder", "and", "Kendall's tau-b", f"tau-b {level}", "Spearman's rho", f"rho {level}")
    correlations = tuple(
        (b.first, b.second, round(b.tau.value, 3), _ends(b.tau), round(b.rho.value, 3), _ends(b.rho)) for b in pairs
    )
    tables = [Table("Rank correlation of two encoders: 1 is the same order, -1 the reverse", columns, correlations)]
    places = {r.name: _places(r) for r in rankings}
    ranks: tuple[tuple[str | float, ...], ...] = tuple(
        (name, round(mean, 2), round(low, 2), round(high, 2), *(places[r.name][name] for r in rankings))
        for name, (mean, low, high) in whole.mean_rank.items()
    )
    named = ("generator", "mean rank", "low", "high", *(f"rank under {r.name}" for r in rankings))
    caption = f"Ranks by {run.metric}, 1 is best; low, high: simultaneous {level} confidence interval of the mean rank"
    if run.drawn:
        caption += f"; the mean includes {', '.join(run.drawn)} (random weights)"
    tables.append(Table(caption, named, ranks))
    asked = [(b, p) for b in pairs for p in b.pairs if p.reversed_for_sure or p.differs >= 0.5]
    if asked:
        rows = tuple(
            (
                f"{p.first}, {p.second}",
                b.first,
                _leader(p, 0),
                b.second,
                _leader(p, 1),
                "yes" if p.reversed_for_sure else "may be noise",
            )
            for b, p in sorted(asked, key=lambda one: not one[1].reversed_for_sure)
        )
        heads = ("pair", "encoder", "prefers", "other encoder", "prefers this", "beyond noise")
        tables.append(Table("Pairs of generators that two encoders order differently", heads, rows))
    heat = None
    if len(rankings) > 2:
        names = tuple(r.name for r in rankings)
        tau = {frozenset((b.first, b.second)): round(b.tau.value, 4) for b in pairs}
        values = tuple(tuple(tau.get(frozenset((a, b))) for b in names) for a in names)
        heat = Heatmap("Kendall's tau-b of two encoders' orders", names, names, values, -1, 1)
    how = (
        f"How sure: all findings beyond noise hold simultaneously at {level}, for these generators, by {run.metric}, "
        f"reference {run.reference}."
    )
    title = f"Do encoders rank alike? By {run.metric}"
    notes = (f"{note[0].upper()}{note[1:]}." for note in run.notes)
    said = (*verdict(found), *notes, *(f"{line.rstrip('.')}." for line in people_words(found)), how, SETTLES)
    return Finding(title, said, tuple(tables), heat)


def _ends(one: Any) -> str:
    return f"[{one.low:.2f}, {one.high:.2f}]"


def _places(ranking: Ranking) -> dict[str, int]:
    scored = ranking.scored
    return {name: 1 + int((scored < value).sum()) for name, value in zip(ranking.names, scored, strict=True)}


def _leader(pair: Any, side: int) -> str:
    return str(pair.first if pair.first_leads[side] > 0.5 else pair.second)
