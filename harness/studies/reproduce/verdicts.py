"""Verdicts on claims for a terminal and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.studies.reproduce.families import Apart, Group
    from harness.studies.reproduce.judging import Judged, Test
    from harness.studies.reproduce.model import Claim, ClaimsFile

ORDER = ("inconsistent", "consistent", "not comparable", "cannot be decided")
# Where the table stops at the numbers as printed and a verdict does not.
CORRECTED = "; a verdict allows for the bias of a best of three"
EACH_CHOICE = "; a verdict tries each that may be meant, and is given if all agree"
MANY = 8  # groups of other data sets from which on they are counted and not named


@dataclass(frozen=True)
class Verdicts:
    """What was judged: the claims of a file with their tests, and which of its rows stand together.

    `family` are all tests with a p, one that two claims share once, each with its p adjusted for all of them (Holm).
    """

    file: ClaimsFile
    judged: tuple[Judged, ...]
    together: tuple[Group, ...]
    family: tuple[tuple[Claim, Test, float], ...]
    level: float
    notes: tuple[str, ...]


def family(judged: Sequence[Judged]) -> tuple[tuple[Claim, Test, float], ...]:
    """The tests with a p; one that two published claims share is one test."""
    from harness.uncertainty import holm

    seen: set[frozenset[str]] = set()
    found: list[tuple[Claim, Test]] = []
    for one in judged:
        for test in one.tests:
            pair = frozenset((one.claim.id, test.against))
            if math.isfinite(test.p) and pair not in seen:
                seen.add(pair)
                found.append((one.claim, test))
    adjusted = holm([test.p for _, test in found])
    return tuple((claim, test, p) for (claim, test), p in zip(found, adjusted, strict=True))


def by_themselves(judged: Sequence[Judged], tests: Sequence[tuple[Claim, Test, float]], level: float) -> frozenset[str]:
    """The ids of claims whose verdict is inconsistent only while their test is read alone: none is left after Holm.

    A test without a p, such as one of the same images, has no noise and stands whatever it is read together with.
    """
    left = [{claim.id, test.against} for claim, test, p in tests if test.verdict == "inconsistent" and p <= 1.0 - level]
    return frozenset(
        one.claim.id
        for one in judged
        if one.verdict == "inconsistent"
        and not any(one.claim.id in pair for pair in left)
        and not any(test.verdict == "inconsistent" and math.isnan(test.p) for test in one.tests)
    )


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
            words += f" ({', '.join(found[:MANY])}{f' and {len(found) - MANY} more' if len(found) > MANY else ''})"
        told.append(words)
    return f"{len(judged)} published number{'s'[: len(judged) != 1]}: {', '.join(told)}."


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
    told = ", ".join(f"{fact} ({_claims(n)})" for fact, n in sorted(waits.items(), key=lambda w: -w[1]))
    said = [f"to be told what is not said: {told}"] if told else []
    if alone := sum(not one.tests for one in open_claims):
        said.append(
            f"a second measurement where there is none ({_claims(alone)}): a run of yours, by `ours` and `--out`"
        )
    return f"What would change it: {'; '.join(said)}." if said else ""


def _claims(n: int) -> str:
    return f"{n} claim{'s'[: n != 1]}"


def family_words(tests: Sequence[tuple[Claim, Test, float]], level: float) -> str:
    """What remains inconsistent when all tests are read together; empty for fewer than two."""
    if len(tests) < 2:
        return ""
    left = [f"{claim.id} against {test.against}" for claim, test, p in tests if p <= 1.0 - level]
    told = f"inconsistent: {', '.join(left)}" if left else "none is inconsistent"
    return f"All {len(tests)} tests read together (Holm): {told}."


def conditions_words(group: Group) -> str:
    """The conditions that the claims of a group share, as far as their sources say them."""
    first = group.claims[0]
    said = [first.protocol or first.pipeline, first.dataset]
    said += [None if first.resolution is None else f"{first.resolution} pixels", first.reference_split]
    said += [f"{k} {_counted(getattr(first, k))}" for k in ("n_real", "n_fake") if getattr(first, k) is not None]
    if first.selection in ("best_of_three", "minimum_over_checkpoints"):
        said.append(first.selection.replace("_", " "))
    return f"{first.metric}: {', '.join(word for word in said if word is not None) or 'nothing is said'}"


def within_words(group: Group) -> str:
    """Whether the claims of a group may be compared with each other."""
    from harness.studies.reproduce.families import testable

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


def plain(found: Verdicts) -> dict[str, Any]:
    """Everything as JSON: claims with verdicts and tests, and the groups; a number that is not known is null."""
    from harness.studies.reproduce.unsaid import unsaid_facts

    alone = by_themselves(found.judged, found.family, found.level)
    adjusted = {(claim.id, test.against): p for claim, test, p in found.family}
    return {
        "title": found.file.title,
        "level": found.level,
        "notes": list(found.notes),
        "claims": [
            {
                **one.claim.model_dump(mode="json", exclude={"where"}),
                "verdict": one.verdict,
                "by_itself_only": one.claim.id in alone,
                "reason": one.reason,
                "not_said": unsaid_facts(one.claim),
                "tests": [_plain_test(one.claim, test, adjusted) for test in one.tests],
            }
            for one in found.judged
        ],
        "groups": [
            {
                "number": group.number,
                "claims": [claim.id for claim in group.claims],
                "within": group.within.verdict,
                "missing": list(group.within.missing),
                "apart": [
                    {"verdict": a.verdict, "facts": list(a.facts), "groups": list(a.groups), "tested": a.tested}
                    for a in group.apart
                ],
            }
            for group in found.together
        ],
    }


def _plain_test(claim: Claim, test: Test, adjusted: dict[tuple[str, str], float]) -> dict[str, Any]:
    def number(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    either = adjusted.get((claim.id, test.against), adjusted.get((test.against, claim.id)))
    return {
        "against": test.against,
        "verdict": test.verdict,
        "evidence": list(test.evidence),
        "differs": [d.fact for d in test.match.differs],
        "missing": list(test.match.missing),
        "gap": number(test.gap),
        "allowed": number(test.allowed),
        "p": number(test.p),
        "p_holm": number(either),
    }


def _relation(apart: Apart) -> str:
    word = {"not comparable": "differs in ", "cannot be decided": "not said: ", "comparable": ""}[apart.verdict]
    return _stand(apart.verdict, f", {word}{', '.join(apart.facts)}" if apart.facts else "", apart.tested)


def _stand(verdict: str, reason: str, tested: bool) -> str:
    if not tested:
        return verdict + reason
    return f"{verdict} as printed{reason}{CORRECTED if verdict == 'not comparable' else EACH_CHOICE}"


def _counted(n: object) -> str:
    return f"{n:,}" if isinstance(n, int) else str(n)
