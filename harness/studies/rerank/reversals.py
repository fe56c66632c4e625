"""Pairs of generators that two metrics, or two encoders, order differently beyond noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.base import Reference, Target
from harness.uncertainty import (
    FEWEST,
    Orders,
    Ranking,
    SeedMember,
    agreement,
    difference,
    have_intervals,
    joint_replicates,
    means,
    rank_sets,
)

DRAWS = 4000


@dataclass(frozen=True)
class Table:
    """One metric under one encoder for several generators, which way is better, and what its values speak about."""

    name: str
    groups: Mapping[str, Sequence[SeedMember]]
    lower_is_better: bool
    target: Target = "T_N"

    def __post_init__(self) -> None:
        # A value without an interval has no draws, and no place in an order that is sure.
        bounded = {name: members for name, members in self.groups.items() if have_intervals(members)}
        object.__setattr__(self, "groups", bounded)


@dataclass(frozen=True)
class Order:
    """Whether two tables order their generators alike: `sentence` ends in its numbers; `pairs` are turned for sure."""

    first: str
    second: str
    pairs: tuple[tuple[str, str], ...]
    sentence: str


def sure_orders(table: Table, names: Sequence[str], *, level: float, reference: Reference) -> Orders:
    """Which pairs of `names` the table orders for sure, all at once with probability `level`.

    By the test that makes the leaderboard's rank brackets, so that a report does not contradict itself: it knows how
    many training seeds each difference rests on, where replicates alone would let the fewest set the bar for all.
    """
    sets = rank_sets(
        {name: table.groups[name] for name in names},
        lower_is_better=table.lower_is_better,
        level=level,
        reference=reference,
        seed=0,
        target=table.target,
    )
    at = {name: place for place, name in enumerate(names)}
    signs = np.zeros((len(names), len(names)))
    for gap in sets.differences:
        if gap.distinguishable:
            sign = np.sign(gap.value) * (1.0 if table.lower_is_better else -1.0)
            signs[at[gap.first], at[gap.second]], signs[at[gap.second], at[gap.first]] = sign, -sign
    return Orders(signs)


def shared_level(level: float, tables: int) -> float:
    """The level for each of several tables at which all hold together with probability `level` (Bonferroni)."""
    return 1.0 - (1.0 - level) / tables


def turned(first: Table, second: Table, *, orders: Sequence[Orders]) -> list[tuple[str, str, bool]]:
    """The pairs of generators whose means two tables order differently, each with whether both orders are sure.

    `orders` are those of `sure_orders` for the two tables' generators, in the order of the first table; what they call
    sure holds at once for as many tables as their level was shared among.
    """
    found = []
    means_of = [{name: _mean(members) for name, members in table.groups.items()} for table in (first, second)]
    for (i, one), (j, other) in combinations(enumerate(first.groups), 2):
        signs = [
            (values[one] - values[other]) * (1.0 if table.lower_is_better else -1.0)
            for values, table in zip(means_of, (first, second), strict=True)
        ]
        if signs[0] * signs[1] < 0:
            found.append((one, other, bool(orders[0].signs[i, j] * orders[1].signs[i, j] < 0)))
    return found


def _mean(members: Sequence[SeedMember]) -> float:
    whole = means(members)
    return float(np.dot(whole.weights, [a.value for a in whole.analyses]))


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
