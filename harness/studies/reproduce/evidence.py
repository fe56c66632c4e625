"""The sentences of one test: the gap beside its noise, what a verdict rests on, and what nobody said."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from harness.base import p_text
from harness.benchmark import protocols
from harness.studies.reproduce.claims import Claim, Facts
from harness.studies.reproduce.comparable import SAID_NOWHERE, conditions, way_in_words
from harness.studies.reproduce.noise import MINIMUM_MEAN


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


def what_to_write(run: Facts, missing: Sequence[str], *, asked: bool = False) -> str:
    """What a run of ours has for the facts that a claim lacks, as a claims file spells it, beginning with "; ".

    Empty where the run has none of them: a reference of images of many sizes has no resolution. `asked`: there is no
    file of claims, but options of a question, which can lack a protocol only.
    """
    if asked and "protocol" in missing and (way := run.protocol or run.pipeline):
        return f"; this run has '{way}': if theirs was made the same way, say --protocol '{way}'"
    has = [_written(run, fact) for fact in missing if fact != "selection"]
    if not (told := ", ".join(f"`{one}`" for one in has if one is not None)):
        return ""
    return f"; this run has {told}: write in the claim what holds for it too, or what holds instead"


def _written(run: Facts, fact: str) -> str | None:
    if fact == "protocol":
        return f"protocol: {run.protocol}" if run.protocol else f"pipeline: {run.pipeline}" if run.pipeline else None
    value = getattr(run, fact, None)
    return None if value is None else f"{fact}: {value}"


def caveats(claim: Claim, other: Facts) -> tuple[str, ...]:
    """What a verdict rests on that no test covers."""
    told = []
    if inferred := sorted({*claim.inferred, *other.inferred}):
        told.append(f"rests on facts read out of the context, not said: {', '.join(inferred)}")
    if claim.metric in ("kid", "kd") and claim.protocol and protocols.load(claim.protocol).kid.get("subsets"):
        told.append(f"{claim.protocol} averages random subsets, whose own noise is not counted")
    if words := rounding_words(claim):
        told.append(words)
    return tuple(told)


def rounding_words(claim: Claim) -> str:
    """How much the last printed digit of an average's constants allows, by the one that allows most; "" for others."""
    if claim.protocol is None or not (shipped := protocols.load(claim.protocol).constants):
        return ""
    rounded = {name: value for name, value in shipped.items() if name not in (claim.constants or {})}
    if not rounded:
        return ""
    half = 0.5 * 10.0 ** -int(protocols.load(claim.protocol).average["decimals"])
    loosest = min(rounded, key=lambda name: rounded[name])
    value = rounded[loosest]
    low, high = value / (value + half) - 1.0, value / (value - half) - 1.0
    share = 1.0 / len(shipped)
    return (
        f"the constant of {loosest} is printed as {value:.2f}: constants that print the same move its term by "
        f"{low:+.0%} to {high:+.0%}, and with {len(shipped)} terms alike fdr6 by {share * low:+.1%} to "
        f"{share * high:+.1%}, {claim.value * share * low:+.2g} to {claim.value * share * high:+.2g} of {claim.value:g}"
    )


def gap_words(gap: float, allowed: float, p: float, beyond: bool, bounded: Claim) -> str:
    """The gap beside what noise and rounding explain, with p; `bounded` is the claim that is a bound, if one is."""
    if bounded.bound is None:
        told = f"gap {gap:+.3g}, {'more than' if beyond else 'within'} the ±{allowed:.2g} of noise and rounding"
    elif beyond:
        told = f"past the bound by {abs(gap):.3g}, more than the {allowed:.2g} of noise"
    else:
        told = f"the bound is not contradicted (gap {gap:+.3g}, noise {allowed:.2g})"
    if not isfinite(p):
        return told
    return f"{told}, p {p_text(p)}"


def bias_words(selection: str, shift: float, name: str = "the claim") -> str:
    """By how much a best of three was corrected, beginning with "; "; empty for another selection."""
    if selection != "best_of_three":
        return ""
    return f"; {name} as a best of three flatters by {abs(shift):.2g} on average, corrected"


def part_words(first: Facts, second: Facts) -> str:
    """That a reference is a part of its split, whose noise no printed spread has, beginning with "; "."""
    if first.whole_split is False or second.whole_split is False:
        return "; a reference is a part of its split: if the two are different parts, that noise is not counted"
    return ""


def flattery(facts: Facts) -> str:
    """What to say of a number that was picked as the best, beginning with "; "; empty for one that was not."""
    if facts.selection == "best_of_three":
        return f"; a best of three flatters by {MINIMUM_MEAN:.2f} standard deviations of one evaluation"
    if facts.selection == "minimum_over_checkpoints":
        return "; a best over checkpoints flatters by an unknown amount"
    return ""
