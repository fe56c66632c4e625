"""What a claim does not say: the facts themselves, and what to write for them when a run of ours is at hand."""

from __future__ import annotations

from collections.abc import Sequence

from harness.studies.reproduce.comparable import SAID_NOWHERE, conditions, way_in_words
from harness.studies.reproduce.model import Facts


def unsaid_facts(facts: Facts) -> list[str]:
    """The conditions of a number that its source does not give and that a comparison needs."""
    unsaid = [] if facts.protocol or facts.pipeline else ["protocol"]
    unsaid += [fact for fact in (*conditions(facts), "selection") if getattr(facts, fact) in SAID_NOWHERE]
    return unsaid


def words_beside(first: Facts, second: Facts) -> str:
    """Why the protocol is not said although a side names one in words, beginning with a space; empty elsewhere."""
    ways = [facts.protocol or facts.pipeline for facts in (first, second)]
    if None in ways or way_in_words(first) == way_in_words(second):
        return ""
    words, known = ways if way_in_words(first) else ways[::-1]
    return f" (nobody said whether the words '{words}' mean {known})"


def what_to_write(run: Facts, missing: Sequence[str]) -> str:
    """What a run of ours has for the facts that a claim lacks, as a claims file spells it, beginning with "; ".

    Empty where the run has none of them: a reference of images of many sizes has no resolution.
    """
    has = [_written(run, fact) for fact in missing if fact != "selection"]
    if not (told := ", ".join(f"`{one}`" for one in has if one is not None)):
        return ""
    return f"; this run has {told}: write in the claim what holds for it too, or what holds instead"


def _written(run: Facts, fact: str) -> str | None:
    if fact == "protocol":
        return f"protocol: {run.protocol}" if run.protocol else f"pipeline: {run.pipeline}" if run.pipeline else None
    value = getattr(run, fact, None)
    return None if value is None else f"{fact}: {value}"
