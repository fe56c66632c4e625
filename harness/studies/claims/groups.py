"""Which rows of a table may be compared with which: rows under the same conditions are one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.studies.claims.comparable import Comparability, Match, match
from harness.studies.claims.model import Claim


@dataclass(frozen=True)
class Apart:
    """Other groups that a group stands in the same relation to, by their numbers, and the facts that decide it."""

    verdict: Comparability
    facts: tuple[str, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Claims of one metric whose sources give the same conditions; numbered from 1.

    `within` is the match of two of its claims: what nobody said keeps even these from being compared. `apart` says how
    the group stands to the others of its metric.
    """

    number: int
    claims: tuple[Claim, ...]
    within: Match
    apart: tuple[Apart, ...]


def groups(claims: Sequence[Claim]) -> tuple[Group, ...]:
    """The claims by their conditions, in the order of the file, each group with its relation to the others."""
    found: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        found.setdefault(_conditions(claim), []).append(claim)
    members = list(found.values())
    made = []
    for i, own in enumerate(members):
        told: dict[tuple[Comparability, tuple[str, ...]], list[int]] = {}
        for j, other in enumerate(members):
            if i == j or own[0].metric != other[0].metric:
                continue
            between = match(own[0], other[0], corrected=False)
            facts = tuple(d.fact for d in between.differs) or between.missing
            told.setdefault((between.verdict, facts), []).append(j + 1)
        apart = tuple(Apart(verdict, facts, tuple(numbers)) for (verdict, facts), numbers in told.items())
        made.append(Group(i + 1, tuple(own), match(own[0], own[0]), apart))
    return tuple(made)


def _conditions(claim: Claim) -> tuple[object, ...]:
    plain = claim.selection in ("single", "mean")  # neither is biased
    return (
        claim.metric, claim.protocol, claim.pipeline, claim.dataset, claim.resolution, claim.reference_split,
        claim.n_real, claim.whole_split, claim.n_fake, plain or claim.selection,
    )  # fmt: skip
