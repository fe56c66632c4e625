"""Pairs of generators that two metrics, or two encoders, order differently beyond noise."""

from __future__ import annotations

from dataclasses import dataclass

from harness.base import Reference, listed
from harness.uncertainty import (
    FEWEST,
    Ranking,
    Table,
    agreement,
    difference,
    joint_replicates,
    shared_level,
    sure_orders,
)

DRAWS = 4000
NAMED = 4  # pairs in a line; the sentence has them all


@dataclass(frozen=True)
class Order:
    """Whether two tables order their generators alike: `sentence` ends in its numbers; `pairs` are turned for sure."""

    first: str
    second: str
    pairs: tuple[tuple[str, str], ...]
    sentence: str

    @property
    def brief(self) -> str:
        """The sentence without its numbers: which pairs the two order differently, four of them at most."""
        return f"{self.sentence.partition(': ')[0]}: {listed(['/'.join(pair) for pair in self.pairs], NAMED)}."


def compared(first: Table, second: Table, *, level: float, reference: Reference, where: str = "") -> Order | None:
    """The order of two tables over the generators that both have; None where those are fewer than three.

    `where` is what both have in common, for the sentence, as ` under pixels`.

    Every reversal holds at once with probability `level` for this pair of tables. The noise that both share (the same
    images) is taken for independent, by a seed for each, which is the wider.
    """
    names = [name for name in first.groups if name in second.groups]
    if len(names) < FEWEST:
        return None
    rankings = []
    each = shared_level(level, 2)
    for number, table in enumerate((first, second)):
        joint = joint_replicates(
            {name: table.groups[name] for name in names},
            count=DRAWS,
            reference=reference,
            seed=1000 * number,
            target=table.target,
        )
        rankings.append(Ranking(table.name, joint.names, joint.values, joint.draws, table.lower_is_better))
    if any(len(set(ranking.values)) < 2 for ranking in rankings):
        return None
    orders = [sure_orders(table, names, level=each, reference=reference) for table in (first, second)]
    found = agreement(*rankings, level=level, orders=orders)
    turned = tuple((pair.first, pair.second) for pair in found.pairs if pair.reversed_for_sure)
    tau = f"Kendall's tau-b {found.tau.value:.2f} [{found.tau.low:.2f}, {found.tau.high:.2f}]"
    both = f"{first.name} and {second.name}"
    if not turned:
        return Order(
            first.name, second.name, (), f"{both} order no pair of generators differently beyond noise{where} ({tau})."
        )
    told = [_pair(one, other, (first, second), level, reference) for one, other in turned]
    return Order(first.name, second.name, turned, f"{both} disagree beyond noise{where}: {'; '.join(told)} ({tau}).")


def _pair(one: str, other: str, tables: tuple[Table, Table], level: float, reference: Reference) -> str:
    """ "fd takes a for better (a minus b: -3 [-4, -2]), kd b (a minus b: …)"."""
    parts = []
    for table in tables:
        gap = difference(table.groups[one], table.groups[other], level=level, reference=reference, target=table.target)
        better = one if (gap.value < 0) == table.lower_is_better else other
        parts.append(
            f"{table.name} prefers {better} ({one} minus {other}: {gap.value:.3g} [{gap.low:.3g}, {gap.high:.3g}])"
        )
    return ", ".join(parts)
