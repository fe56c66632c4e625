"""What was judged of a file of claims, and what is left when all of its tests are read together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.studies.reproduce.claims import Claim, ClaimsFile
from harness.studies.reproduce.deciding import what_decides
from harness.studies.reproduce.evidence import unsaid_facts
from harness.studies.reproduce.judging import Judged, Test
from harness.studies.reproduce.rows import Group
from harness.uncertainty import holm


@dataclass(frozen=True)
class Verdicts:
    """What was judged: the claims of the file at `path` with their tests, and which of its rows stand together.

    `family` are all tests with a p, one that two claims share once, each with its p adjusted for all of them (Holm).
    """

    path: Path
    file: ClaimsFile
    judged: tuple[Judged, ...]
    together: tuple[Group, ...]
    family: tuple[tuple[Claim, Test, float], ...]
    level: float
    notes: tuple[str, ...]

    @property
    def alone(self) -> frozenset[str]:
        """The ids of claims that are inconsistent only by themselves (`by_themselves`)."""
        return by_themselves(self.judged, self.family, self.level)

    @property
    def deciding(self) -> dict[str, str]:
        """What would decide each claim that cannot be decided, by its id."""
        claims = {claim.id: claim for claim in self.file.claims}
        return {one.claim.id: told for one in self.judged if (told := what_decides(one, claims))}

    def to_json(self) -> dict[str, Any]:
        """Claims with verdicts and tests, and the groups; a number that is not known is null."""
        deciding = self.deciding
        adjusted = {(claim.id, test.against): p for claim, test, p in self.family}
        return {
            "title": self.file.title,
            "level": self.level,
            "notes": list(self.notes),
            "claims": [
                {
                    **one.claim.model_dump(mode="json", exclude={"where"}),
                    "verdict": one.verdict,
                    "by_itself_only": one.claim.id in self.alone,
                    "reason": one.reason,
                    "not_said": unsaid_facts(one.claim),
                    "would_decide": deciding.get(one.claim.id),
                    "tests": [_plain_test(one.claim, test, adjusted) for test in one.tests],
                }
                for one in self.judged
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
                for group in self.together
            ],
        }


def family(judged: Sequence[Judged]) -> tuple[tuple[Claim, Test, float], ...]:
    """The tests with a p; one that two published claims share is one test."""
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
