"""The rankings of a run's generators, one an encoder, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.studies.rerank.reversals import DRAWS

if TYPE_CHECKING:
    from harness.base import Reference
    from harness.studies.rerank.reversals import Order
    from harness.uncertainty import Orders, Ranking, Table


@dataclass(frozen=True)
class Run:
    """A run's rankings under every encoder by one metric; `drawn` says of encoders what a reader must know of them.

    `notes` say which encoders are left out because nothing could be scored under them; `distances` is FD against KD
    under every encoder.
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
    distances: tuple[Order, ...] = ()
    known = True  # the noise of every value: a run has it

    def orders(self, rankings: Sequence[Ranking], level: float) -> list[Orders]:
        """Per encoder the pairs of generators that it orders for sure: under all encoders at once, at `level`."""
        from harness.uncertainty import shared_level, sure_orders

        names = rankings[0].names
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
    from harness.base import UsageError, named, unknown
    from harness.pipeline import copies_reference, results
    from harness.studies.rerank.distances import of_distances, without_copiers
    from harness.uncertainty import Ranking, Table, joint_replicates, why_no_interval

    board = results.leaderboard(out)
    better = {column["metric"]: bool(column["lower_is_better"]) for column in board["columns"]}
    name = metric or board["rank_by"]["metric"]
    if name not in better:
        raise UsageError(unknown("metric", name, better, place=str(out)))
    reference = board["interval"]["reference"]
    rankings, tables, without, notes = [], {}, [], []
    copying = {str(row["generator"]) for row in board["rows"] if copies_reference(row["observations"])}
    if copying:
        back = "gives" if len(copying) == 1 else "give"
        notes.append(f"left out: {named(sorted(copying))} ({back} reference images, so distances mean nothing)")
    under: dict[str, dict[str, results.Groups]] = {}
    for number, encoder in enumerate(dict.fromkeys(str(row["encoder"]) for row in board["rows"])):
        rows = [row for row in board["rows"] if row["encoder"] == encoder]
        own = [row["metrics"] for row in rows if row["metrics"]]
        if not own:
            notes.append(f"left out, since every generator failed under it: {encoder} ({rows[0]['reason']})")
            continue
        under[encoder] = without_copiers(results.read(out, encoder)[1], copying)
        groups = under[encoder].get(name, {})
        if not any(name in metrics for metrics in own):  # it is not computed there
            without.append(encoder)
            continue
        if not groups:
            raise UsageError(f"{out}: no analyses of {name} under {encoder}")
        if alone := [generator for generator, members in groups.items() if why_no_interval(members) is not None]:
            notes.append(f"left out under {encoder}, no interval for {name}: {named(alone)}")
            groups = {generator: members for generator, members in groups.items() if generator not in alone}
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
    distances = of_distances(board, under)
    return Run(out, name, ranks, level, reference, title, rankings, tables, drawn, tuple(notes), distances)
