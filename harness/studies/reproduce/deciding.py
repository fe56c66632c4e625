"""What would decide a claim that cannot be decided: which facts of whom, and which run with which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.studies.reproduce.claims import Claim
from harness.studies.reproduce.comparable import SAID_NOWHERE, way_in_words
from harness.studies.reproduce.evidence import unsaid_facts
from harness.studies.reproduce.judging import Judged
from harness.studies.reproduce.runs import USES

SPREAD = "std"  # what a test lacks that has no noise to hold a gap against


def what_decides(one: Judged, claims: Mapping[str, Claim]) -> str:
    """For a claim that cannot be decided: the facts that would, or the command with its files; else empty.

    `claims` are those of the file by id, since what is missing may be missing of another one.
    """
    if one.verdict != "cannot be decided":
        return ""
    own = [fact for fact in dict.fromkeys((*unsaid_facts(one.claim), "protocol")) if fact != "selection"]
    own = [fact for fact in own if _lacks(one.claim, fact)]
    facts, lacks, others = _facts(one, claims)
    out = " --out OUT" if one.claim.ours is not None and one.claim.ours.out is None else ""
    run, again = _run(one.claim), f"`harness reproduce {_file(one.claim)}{out}`"
    if own and facts and not others:
        return f"{facts}, then {again}"  # against the other claim: a run would need the same facts
    if own and run:  # a run alone would be held against facts that the claim does not say
        first = f"what of these {one.claim.id} lacks" if set(own) <= set(lacks) else _sentence(own, [one.claim])
        run = f"{first}, and then {run}"
    return "; or ".join(way for way in (facts and f"{facts}, then {again}", run) if way)


def _facts(one: Judged, claims: Mapping[str, Claim]) -> tuple[str, tuple[str, ...], bool]:
    """Whose facts are missing in the test that came furthest: in words, which, and whether another claim lacks any."""
    open_tests = [test for test in one.tests if test.lacks]
    if not open_tests:
        return "", (), False
    test = min(open_tests, key=lambda t: len(t.lacks))
    sides = [claim for claim in (one.claim, claims.get(test.against)) if claim is not None]
    whose: dict[tuple[str, ...], list[str]] = {}
    for fact in test.lacks:
        lacking = tuple(claim.id for claim in sides if _lacks(claim, fact)) or tuple(claim.id for claim in sides)
        whose.setdefault(lacking, []).append(fact)
    by_id = {claim.id: claim for claim in sides}
    told = " and ".join(_sentence(facts, [by_id[name] for name in names]) for names, facts in whose.items())
    return told, test.lacks, any(name != one.claim.id for names in whose for name in names)


def _sentence(facts: Sequence[str], of: Sequence[Claim]) -> str:
    """`n_real` of a (claims.yaml:7) and b (claims.yaml:9), from their sources."""
    either = " or " if SPREAD in facts else " and "
    names = either.join(f"{claim.id} ({_place(claim)})" for claim in of)
    words = ", ".join("a spread over runs (`std`, `seeds`)" if fact == SPREAD else f"`{fact}`" for fact in facts)
    return f"{words} of {names}, from {'its source' if len(of) == 1 else 'their sources'}"


def _lacks(claim: Claim, fact: str) -> bool:
    if fact == "protocol":
        return claim.protocol is None and (claim.pipeline is None or way_in_words(claim))
    if fact == SPREAD:
        return claim.std is None or claim.std_of != "runs"
    return getattr(claim, fact, None) in SAID_NOWHERE


def _place(claim: Claim) -> str:
    return f"{_file(claim)}:{claim.where.rpartition(':')[2]}"


def _file(claim: Claim) -> str:
    return Path(claim.where.rpartition(":")[0]).name


def _run(claim: Claim) -> str:
    """The run that measures the claim's model again: its command, what its two folders hold, and who then reads it."""
    if claim.selection == "minimum_over_checkpoints":
        return ""  # no run says over how many checkpoints theirs was chosen
    protocol = claim.protocol or "P"
    data = " ".join(word for word in (claim.dataset, claim.reference_split) if word) or "its data set"
    pixels = f" at {claim.resolution} pixels" if claim.resolution else ""
    images = f"the {claim.n_real:,} images" if isinstance(claim.n_real, int) else "all reference images"
    generated = "as many images as it took" if claim.n_fake is None else f"{claim.n_fake:,} images"
    named = [fact for fact in ("dataset", "reference_split") if getattr(claim, fact) is not None]
    same = f", same: [{', '.join(named)}]" if named else ""
    return (
        f"`harness score REAL FAKE --protocol {protocol} --out OUT` with {images} of {data}{pixels} in REAL and "
        f"{generated} of {claim.model} in FAKE, `ours: {{generator: FAKE, metric: {USES[claim.metric][0]}{same}}}` "
        f"at {_place(claim)} and `harness reproduce {_file(claim)} --out OUT`"
    )
