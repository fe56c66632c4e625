"""Which rows of a table may be compared with which: rows under the same conditions are one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.studies.reproduce.claims import Claim
from harness.studies.reproduce.comparable import Comparability, Match, match


@dataclass(frozen=True)
class Apart:
    """Other groups that a group stands in the same relation to, by their numbers, and the facts that decide it.

    `tested`: as printed they are not comparable or cannot be decided, by nothing but how the numbers were chosen, and
    there a verdict goes further: it corrects the bias of a best of three, or tries each choice that is not said.
    """

    verdict: Comparability
    facts: tuple[str, ...]
    groups: tuple[int, ...]
    tested: bool = False


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
        told: dict[tuple[Comparability, tuple[str, ...], bool], list[int]] = {}
        for j, other in enumerate(members):
            if i == j or own[0].metric != other[0].metric:
                continue
            between = match(own[0], other[0], corrected=False)
            corrected = match(own[0], other[0])
            tested = between.verdict != "comparable" and testable(corrected)
            if not tested and not corrected.differs:
                between = corrected  # what keeps a verdict from being given, which a best of three is not
            facts = tuple(d.fact for d in between.differs) or between.missing
            told.setdefault((between.verdict, facts, tested), []).append(j + 1)
        apart = tuple(
            Apart(verdict, facts, tuple(numbers), tested) for (verdict, facts, tested), numbers in told.items()
        )
        made.append(Group(i + 1, tuple(own), match(own[0], own[0]), apart))
    return tuple(made)


def testable(found: Match) -> bool:
    """Whether a verdict tests two such numbers: they differ in nothing and lack at most how they were chosen."""
    return not found.differs and set(found.missing) <= {"selection"}


def _conditions(claim: Claim) -> tuple[object, ...]:
    plain = claim.selection in ("single", "mean")  # neither is biased
    return (
        claim.metric,
        claim.protocol,
        claim.pipeline,
        claim.dataset,
        claim.resolution,
        claim.reference_split,
        claim.n_real,
        claim.whole_split,
        claim.n_fake,
        plain or claim.selection,
    )
