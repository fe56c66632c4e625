"""Pairs of generators that two metrics, or one under two encoders, order differently beyond noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.base import Reference, Target
from harness.uncertainty.agreements.orders import Orders
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.seeds import SeedMember, means, why_no_interval


@dataclass(frozen=True)
class Table:
    """One metric under one encoder for several generators: which way is better, what its values speak about."""

    name: str
    groups: Mapping[str, Sequence[SeedMember]]
    lower_is_better: bool
    target: Target = "T_N"

    def __post_init__(self) -> None:
        # A value without an interval has no draws, and no place in an order that is sure.
        bounded = {name: members for name, members in self.groups.items() if why_no_interval(members) is None}
        object.__setattr__(self, "groups", bounded)


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


def undecided(generators: int) -> Orders:
    """The orders of a table that decides none of its pairs."""
    return Orders(np.zeros((generators, generators)))


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
