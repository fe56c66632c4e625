"""Encoders' orders of the generators of a run: read from OUT, answered in a sentence, told in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import percent

if TYPE_CHECKING:
    from harness.base import Reference
    from harness.report import Finding
    from harness.studies.rerank.reversals import Table
    from harness.uncertainty import Agreement, Consensus, Orders, Ranking

DRAWS = 4000
BEYOND = {True: "beyond noise", False: "in value"}  # by whether noise is known
NAMED = 6  # pairs in one sentence
SETTLES = (
    "What would change it: more images or training seeds settle what is open "
    "(`harness power OUT A B --difference X` says how many)."
)


@dataclass(frozen=True)
class Run:
    """A run's rankings under every encoder by one metric; `drawn` says of encoders what a reader must know of them.

    `notes` say which encoders are left out because nothing could be scored under them.
    """

    out: Path
    metric: str
    ranks: bool
    level: float
    reference: Reference
    title: str
    rankings: list[Ranking]
    tables: Mapping[str, Table]
    drawn: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def orders(self, names: Sequence[str], level: float) -> list[Orders]:
        """Per encoder the pairs of `names` that it orders for sure: under all encoders at once, at `level`."""
        from harness.studies.rerank.reversals import shared_level, sure_orders

        each = shared_level(level, len(self.tables))
        return [sure_orders(t, names, level=each, reference=self.reference) for t in self.tables.values()]

    def section(self, dataset: str | None) -> str:
        """The name of the finding: `rerank`, with the metric where it is not the one that ranks, and with people."""
        from harness.report import finding_name

        return finding_name("rerank", *([] if self.ranks else [self.metric]), *([dataset] if dataset else []))


def of_run(out: Path, metric: str | None, seed: int) -> Run:
    """The rankings of OUT's generators by a metric, without one by that which ranks.

    Raises UsageError for a metric that is not there and for an encoder that has scores and no analyses.
    """
    from harness.base import UsageError, unknown
    from harness.pipeline import results
    from harness.studies.rerank.reversals import Table
    from harness.uncertainty import Ranking, joint_replicates

    board = results.leaderboard(out)
    better = {column["metric"]: bool(column["lower_is_better"]) for column in board["columns"]}
    name = metric or board["rank_by"]["metric"]
    if name not in better:
        raise UsageError(unknown("metric", name, better, place=str(out)))
    reference = board["interval"]["reference"]
    rankings, tables, without, notes = [], {}, [], []
    for number, encoder in enumerate(dict.fromkeys(str(row["encoder"]) for row in board["rows"])):
        rows = [row for row in board["rows"] if row["encoder"] == encoder]
        own = [row["metrics"] for row in rows if row["metrics"]]
        if not own:
            notes.append(f"left out, since every generator failed under it: {encoder} ({rows[0]['reason']})")
            continue
        groups = results.read(out, encoder)[1].get(name, {})
        if not any(name in metrics for metrics in own):  # it is not computed there
            without.append(encoder)
            continue
        if not groups:
            raise UsageError(f"{out}: no analyses of {name} under {encoder}")
        # A seed for each encoder: the noise that encoders share (the same images) is taken for independent, since
        # one seed for all would take it for the same. Shared noise would cancel in part, so this is the wider.
        target = next(metrics[name]["target"] for metrics in own if name in metrics)
        joint = joint_replicates(groups, count=DRAWS, reference=reference, seed=seed + 1000 * number, target=target)
        rankings.append(Ranking(encoder, joint.names, joint.values, joint.draws, better[name]))
        tables[encoder] = Table(encoder, groups, better[name], target)
    if not rankings:
        raise UsageError([f"{out}: no encoder ranks its generators by {name}", *notes])
    drawn = {r.name: note for r in rankings if (note := board["encoders"].get(r.name))}
    labels = "".join(f", {results.labelled(board, encoder)}" for encoder in drawn)
    title = f"{name} of {out}, reference {reference}{labels}"
    title += f", not computed under {', '.join(without)}" if without else ""
    level, ranks = float(board["interval"]["level"]), name == board["rank_by"]["metric"]
    return Run(out, name, ranks, level, reference, title, rankings, tables, drawn, tuple(notes))


def answer(pairs: Sequence[Agreement], whole: Consensus, drawn: Mapping[str, str], *, known: bool = True) -> list[str]:
    """Do encoders rank alike? In sentences, the answer first; encoders of `drawn` (random weights) only after it.

    `whole` is the consensus of the encoders that count: those not in `drawn`, or all where fewer than two are left.
    Where the noise of the values is not `known`, the orders are those of the values, and nothing is beyond noise.
    """
    meant = [pair for pair in pairs if not {pair.first, pair.second} & set(drawn)]
    told = [_alike(meant or pairs, whole, known)]
    if meant and drawn:
        counted = _turned(meant)
        for encoder, note in drawn.items():
            # Against the encoders that count, each pair of generators once, as in the sentence above.
            also = [
                pair
                for pair in pairs
                if encoder in (pair.first, pair.second) and not drawn.keys() >= {pair.first, pair.second}
            ]
            more = len(_turned(also) - counted)
            what = f"{more or 'no'} more pair{'s'[: more != 1]} of generators"
            told.append(
                f"{encoder} ({note}) is not counted above; with it {what} would be ordered differently beyond noise."
            )
    elif drawn:
        told.append(f"{'; '.join(f'{encoder}: {note}' for encoder, note in drawn.items())}.")
    return told


def _turned(pairs: Sequence[Agreement]) -> set[tuple[str, str]]:
    """The pairs of generators that two encoders order differently beyond noise, each once."""
    return {(pair.first, pair.second) for both in pairs for pair in both.pairs if pair.reversed_for_sure}


def _alike(pairs: Sequence[Agreement], whole: Consensus, known: bool) -> str:
    turned = [(both, pair) for both in pairs for pair in both.pairs if pair.reversed_for_sure]
    names = _turned(pairs)
    total = len(pairs[0].pairs)
    beyond, unknown = BEYOND[known], "" if known else "; noise unknown: give standard errors in a column se"
    agreed = f"; all of them order {len(whole.agreed)} of {total} pairs alike {beyond}{unknown}"
    if turned:
        said = [_who(both, pair) for both, pair in turned]
        more = f"; and {len(said) - NAMED} more" if len(said) > NAMED else ""
        return (
            f"{'No: e' if known else 'E'}ncoders order {len(names)} of {total} pairs of generators differently "
            f"{beyond} ({'; '.join(said[:NAMED])}{more}){agreed}."
        )
    if len(whole.agreed) == total:
        alike = f"very encoder orders all {total} pairs of generators alike"
        return f"Yes: e{alike}, beyond noise." if known else f"E{alike} in value{unknown}."
    return (
        f"{'Not shown to differ: n' if known else 'N'}o two encoders order any of {total} pairs of generators "
        f"differently {beyond}{agreed}{'; what is left may be either' if known else ''}."
    )


def how_sure(level: float, *, encoders: bool, people: bool, known: bool, of_run: bool) -> list[str]:
    """Two lines: what holds at once and at which level, and what would change it."""
    about = "All of this is about these generators."
    if not known:
        told = "How sure: not known, since the file tells no standard errors; another measurement may order otherwise"
        people_too = "; intervals and p of people's agreement count people's noise alone" if people else ""
        more = "What would change it: a column `se` with the standard error of every value says what is beyond noise."
        return [f"{told}{people_too}. {about}", more]
    at_once = "what it calls beyond noise holds for all pairs and encoders at once" + (", people apart" * people)
    each = at_once if encoders else "each interval holds by itself, not all of them together"
    errors = "What would change it: values with smaller standard errors settle what is open."
    return [f"How sure: at {100 * level:g}%; {each}. {about}", SETTLES if of_run else errors]


def _who(both: Agreement, pair: Any) -> str:
    one, other = (pair.first, pair.second) if pair.first_leads[0] > 0.5 else (pair.second, pair.first)
    return f"{both.first} prefers {one} to {other}, {both.second} the reverse"


def finding(
    run: Run,
    rankings: Sequence[Ranking],
    pairs: Sequence[Agreement],
    whole: Consensus,
    verdict: Sequence[str],
    people: Sequence[str],
) -> Finding:
    """The section of the report: the answer, rank correlations, each generator's ranks, and the pairs in question."""
    from harness.report import Finding, Heatmap, Table

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
    named = ("generator", "mean rank", "least", "most", *(f"rank under {r.name}" for r in rankings))
    caption = (
        f"Ranks by {run.metric}, 1 is best; least and most: what the mean rank may be in truth, all at once ({level})"
    )
    if run.drawn:
        caption += f"; {', '.join(run.drawn)}, of random weights, counts in the mean"
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
        tables.append(Table("Pairs of generators in another order under another encoder", heads, rows))
    heat = None
    if len(rankings) > 2:
        names = tuple(r.name for r in rankings)
        tau = {frozenset((b.first, b.second)): round(b.tau.value, 4) for b in pairs}
        values = tuple(tuple(tau.get(frozenset((a, b))) for b in names) for a in names)
        heat = Heatmap("Kendall's tau-b of two encoders' orders", names, names, values, -1, 1)
    how = (
        f"How sure: all that is beyond noise is so at once, at {level}, for these generators, by {run.metric}, "
        f"reference {run.reference}."
    )
    title = f"Do encoders rank alike? By {run.metric}"
    notes = (f"{note[0].upper()}{note[1:]}." for note in run.notes)
    said = (*verdict, *notes, *(f"{line.rstrip('.')}." for line in people), how, SETTLES)
    return Finding(title, said, tuple(tables), heat)


def _ends(one: Any) -> str:
    return f"[{one.low:.2f}, {one.high:.2f}]"


def _places(ranking: Ranking) -> dict[str, int]:
    scored = ranking.scored
    return {name: 1 + int((scored < value).sum()) for name, value in zip(ranking.names, scored, strict=True)}


def _leader(pair: Any, side: int) -> str:
    return str(pair.first if pair.first_leads[side] > 0.5 else pair.second)
