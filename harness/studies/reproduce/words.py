"""Verdicts on claims in words: the answer, what would change it, and which rows may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.base import aligned, counted, listed
from harness.studies.reproduce.claims import shipped
from harness.studies.reproduce.rows import testable

if TYPE_CHECKING:
    from harness.studies.reproduce.claims import Claim
    from harness.studies.reproduce.judging import Judged, Test
    from harness.studies.reproduce.result import Verdicts
    from harness.studies.reproduce.rows import Apart, Group

ORDER = ("inconsistent", "consistent", "not comparable", "cannot be decided")
# Where the table stops at the numbers as printed and a verdict does not.
CORRECTED = "; a verdict allows for the bias of a best of three"
EACH_CHOICE = "; a verdict tries each that may be meant, and is given if all agree"
ROWS = 20  # of the table before --details is needed
FEW = 3  # claims up to which each has its reason in sight
NAMED = 5  # claims, facts in one sentence; the lines below have them all
MANY = 8  # groups of other data sets from which on they are counted and not named


def lines(found: Verdicts, *, detailed: bool, details: bool = True) -> list[str]:
    """What a terminal shows: the answer, every claim in a line, and which rows may be compared.

    `detailed` shows all the evidence of each claim instead of the table. Without `details` many claims are rows of
    their verdicts, the gravest first, and what would decide each is left out.
    """
    told = [answer(found.judged, found.alone)]
    if sure := family_words(found.family, found.level):
        told.append(f"How sure: {sure[0].lower()}{sure[1:]}")
    if change := change_words(found.judged):
        told.append(change)
    if not (details or detailed):
        return [*told, "", found.file.title, *_table(found)]
    told += ["", found.file.title]
    if found.file.note:
        told.append(found.file.note)
    deciding = found.deciding
    if deciding and shipped(found.path):
        told.append(f"What would decide a claim names places in a copy of {found.path}.")
    names = max(len(one.claim.id) for one in found.judged)
    numbers = max(len(one.claim.spelled) for one in found.judged)
    told.append("")
    for one in found.judged:
        claim = one.claim
        told.append(f"{claim.id:<{names}}  {claim.spelled:<{numbers}}  {verdict_words(one, found.alone)}: {one.reason}")
        if decides := deciding.get(claim.id):
            told.append(f"    would decide it: {decides}")
        if not detailed:
            continue
        told.append(f"    {claim.metric} of {claim.model}; {claim.source} ({claim.where})")
        if claim.note:
            told.append(f"    note: {claim.note}")
        if claim.inferred:
            told.append(f"    read out of the context, not said: {', '.join(claim.inferred)}")
        for test in one.tests:
            told.append(f"    against {test.against}: {test.verdict}")
            told += [f"        {line}" for line in test.evidence]
    if not detailed:
        told.append("\nWhich of these numbers may be compared with each other:")
        for group in found.together:
            told.append(f"\n[{group.number}] {conditions_words(group)}")
            told.append(f"    {members_words(group)}")
            if len(group.claims) > 1:
                told.append(f"    with each other: {within_words(group)}")
            told += [f"    {line}" for line in apart_words(group)]
    return told


def _table(found: Verdicts) -> list[str]:
    """A row a claim with its verdict; few claims with their reasons."""
    judged = sorted(found.judged, key=lambda one: (one.claim.id not in found.alone, ORDER.index(one.verdict)))
    judged.sort(key=lambda one: one.verdict != "inconsistent")
    rows = [(one.claim.id, one.claim.spelled, verdict_words(one, found.alone)) for one in judged]
    told = aligned(rows[:ROWS], heads=("claim", "printed", "verdict"))
    if len(rows) > ROWS:
        told.append(f"  {len(rows) - ROWS} more claims: --details")
    if len(rows) <= FEW:
        told += [f"{one.claim.id}: {one.reason}." for one in judged]
    return [*told, "Reasons, what would decide each, and which numbers may be compared: --details."]


def answer(judged: Sequence[Judged], alone: frozenset[str] = frozenset()) -> str:
    """All verdicts in a sentence, with the claims that do not hold by name.

    `alone` are those of `by_themselves`, counted apart: many tests at one level find something by chance.
    """
    ids: dict[str, list[str]] = {}
    for one in judged:
        ids.setdefault("alone" if one.claim.id in alone else one.verdict, []).append(one.claim.id)
    told = []
    for verdict in ("inconsistent", "alone", *ORDER[1:]):
        if verdict not in ids:
            continue
        found = ids[verdict]
        apart = f"inconsistent only by {'itself' if len(found) == 1 else 'themselves'}"
        words = f"{len(found)} {apart if verdict == 'alone' else verdict}"
        if verdict in ("inconsistent", "alone"):
            words += f" ({listed(found, NAMED)})"
        told.append(words)
    return f"{counted(len(judged), 'published number')}: {', '.join(told)}."


def verdict_words(one: Judged, alone: frozenset[str]) -> str:
    """The verdict of a claim; `inconsistent by itself` for one of `by_themselves`."""
    return f"{one.verdict} by itself" if one.claim.id in alone else one.verdict


def change_words(judged: Sequence[Judged]) -> str:
    """What would turn verdicts: facts that nobody said, a measurement that nobody made; empty where neither lacks."""
    waits: dict[str, int] = {}
    open_claims = [one for one in judged if one.verdict == "cannot be decided"]
    for one in open_claims:
        for fact in dict.fromkeys(fact for test in one.tests for fact in test.match.missing):
            waits[fact] = waits.get(fact, 0) + 1
    facts = [f"{fact} ({counted(n, 'claim')})" for fact, n in sorted(waits.items(), key=lambda w: -w[1])]
    told = listed(facts, NAMED)
    said = [f"the missing conditions: {told}"] if told else []
    if alone := sum(not one.tests for one in open_claims):
        none = counted(alone, "claim")
        said.append(f"a run of yours (`ours` and `--out`) for {none} without a second number")
    return f"What would change it: {'; '.join(said)}." if said else ""


def family_words(tests: Sequence[tuple[Claim, Test, float]], level: float) -> str:
    """What remains inconsistent when all tests are read together; empty for fewer than two."""
    if len(tests) < 2:
        return ""
    left = [f"{claim.id} against {test.against}" for claim, test, p in tests if p <= 1.0 - level]
    told = f"inconsistent: {listed(left, NAMED)}" if left else "none is inconsistent"
    return f"All {len(tests)} tests read together (Holm): {told}."


def conditions_words(group: Group) -> str:
    """The conditions that the claims of a group share, as far as their sources say them."""
    first = group.claims[0]
    said = [first.protocol or first.pipeline, first.dataset]
    said += [None if first.resolution is None else f"{first.resolution} pixels", first.reference_split]
    said += [f"{k} {_spelled(getattr(first, k))}" for k in ("n_real", "n_fake") if getattr(first, k) is not None]
    if first.selection in ("best_of_three", "minimum_over_checkpoints"):
        said.append(first.selection.replace("_", " "))
    return f"{first.metric}: {', '.join(word for word in said if word is not None) or 'nothing is said'}"


def within_words(group: Group) -> str:
    """Whether the claims of a group may be compared with each other."""
    missing = group.within.missing
    goes_further = bool(missing) and testable(group.within)
    return _stand(group.within.verdict, f", not said: {', '.join(missing)}" if missing else "", goes_further)


def apart_words(group: Group) -> list[str]:
    """How a group stands to the others of its metric, a line for each relation; many other data sets share a line."""
    apart = [(one, one.verdict == "not comparable" and "dataset" in one.facts) for one in group.apart]
    elsewhere = sum(len(one.groups) for one, other_data in apart if other_data)
    lines = [
        f"with {', '.join(f'[{number}]' for number in one.groups)}: {_relation(one)}"
        for one, other_data in apart
        if not other_data or elsewhere < MANY
    ]
    if elsewhere >= MANY:
        lines.append(f"with {elsewhere} others: not comparable, another data set")
    return lines


def members_words(group: Group) -> str:
    """The claims of a group with their numbers."""
    return ", ".join(f"{claim.id} {claim.spelled}" for claim in group.claims)


def _relation(apart: Apart) -> str:
    word = {"not comparable": "differs in ", "cannot be decided": "not said: ", "comparable": ""}[apart.verdict]
    return _stand(apart.verdict, f", {word}{', '.join(apart.facts)}" if apart.facts else "", apart.tested)


def _stand(verdict: str, reason: str, tested: bool) -> str:
    if not tested:
        return verdict + reason
    return f"{verdict} as printed{reason}{CORRECTED if verdict == 'not comparable' else EACH_CHOICE}"


def _spelled(n: object) -> str:
    return f"{n:,}" if isinstance(n, int) else str(n)
