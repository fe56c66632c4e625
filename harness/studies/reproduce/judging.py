"""Does another number agree with a claim? The gap beside both noises, both roundings and a best of three's bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import isnan, sqrt
from typing import Literal

import numpy as np

from harness.studies.reproduce.claims import Claim, Facts
from harness.studies.reproduce.comparable import Match, match
from harness.studies.reproduce.evidence import (
    bias_words,
    caveats,
    flattery,
    gap_words,
    part_words,
    unsaid_facts,
    what_to_write,
    words_beside,
)
from harness.studies.reproduce.noise import Noise, bias, noises, of_difference, printed_noise, readings, share
from harness.uncertainty import SeedMember, exceeded, fake_variance, quantile, reproduction

Verdict = Literal["consistent", "inconsistent", "not comparable", "cannot be decided"]
EPSILON = 1e-9  # decimal fractions are not exact in binary


@dataclass(frozen=True)
class Test:
    """One number held against a claim. `gap` is the claim less the other; NaN where it was not tested.

    `allowed` is the largest gap that noise and rounding explain at the level, `p` two-sided (one-sided for a bound);
    `lacks` are the facts for want of which nothing can be decided, `std` for a spread over runs.
    """

    __test__ = False  # a test of a claim, not one of pytest's

    against: str
    verdict: Verdict
    evidence: tuple[str, ...]
    match: Match
    gap: float = float("nan")
    allowed: float = float("nan")
    p: float = float("nan")
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A claim, the verdict on it, the reason in one line, and the tests behind it."""

    claim: Claim
    verdict: Verdict
    reason: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Run:
    """A finished run of ours that measured a claim's model; `facts` are the conditions of its number.

    `left_out` is the share of its split that its reference does not hold; 1 where the split's size is not known.
    """

    name: str
    facts: Facts
    members: Sequence[SeedMember]
    retrained: bool
    left_out: float = 1.0


@dataclass(frozen=True)
class _Reading:
    verdict: Verdict
    words: str
    gap: float
    allowed: float
    p: float


def judge(claim: Claim, others: Sequence[Claim], runs: Sequence[Run] = (), *, level: float = 0.95) -> Judged:
    """The verdict on a claim from runs of ours or, without one, from the other claims about the same model and metric.

    Of several tests an inconsistent one decides, then a consistent one.
    """
    same = [o for o in others if o.id != claim.id and (o.model, o.metric) == (claim.model, claim.metric)]
    own = tuple(against_run(claim, run, level=level) for run in runs)
    published = tuple(against_published(claim, other, level=level) for other in same)
    for wanted in ("inconsistent", "consistent", "cannot be decided", "not comparable"):
        for test in own or published:
            if test.verdict == wanted:
                return Judged(claim, test.verdict, f"against {test.against}: {test.evidence[0]}", (*own, *published))
    reason = "nothing here measures it again"
    if claim.bound:
        reason += "; it is a bound and no value"
    reason += flattery(claim)
    if unsaid := unsaid_facts(claim):
        reason += f"; and it does not say: {', '.join(unsaid)}"
    return Judged(claim, "cannot be decided", reason, ())


def against_published(claim: Claim, other: Claim, *, level: float = 0.95) -> Test:
    """Whether two published numbers of one model agree, by the spread over runs that one of them prints."""
    found, gap = match(claim, other), claim.value - other.value
    rounding = claim.rounding + other.rounding
    if stopped := _stopped(other.id, found, gap, rounding, words_beside(claim, other)):
        return stopped
    if claim.bound and other.bound:
        evidence = ("both are bounds; one number is needed",)
        return Test(other.id, "cannot be decided", evidence, found, lacks=("value",))
    if claim.images is not None and claim.images == other.images:
        return _same_images(other.id, found, gap, rounding)
    noise = noises(claim, other)
    if noise is None:
        return _without_noise(claim, other, found, gap, rounding)
    read = [
        _read_published(claim, other, noise, one, two, level) for one, two in product(readings(claim), readings(other))
    ]
    return _concluded(other.id, found, read, caveats(claim, other))


def against_run(claim: Claim, run: Run, *, level: float = 0.95) -> Test:
    """Whether a finished run of ours agrees with a claim (`harness.uncertainty.reproducing`).

    The claim's noise is the larger of the run's own and of the spread over runs that it prints.

    Raises UsageError for a retrained model with one training seed only.
    """
    found = match(claim, run.facts)
    analyses = [member.analysis for member in run.members]
    ours = float(np.mean([a.value for a in analyses]))
    asked = claim.where.startswith("--")
    beside = words_beside(claim, run.facts) + what_to_write(run.facts, found.missing, asked=asked)
    if stopped := _stopped(run.name, found, claim.value - ours, claim.rounding, beside):
        return stopped
    sd = sqrt(float(np.mean([fake_variance(a) for a in analyses])))
    spread = printed_noise(claim)
    if spread is not None:
        sd = max(sd, spread.sd)
    read = []
    for selection in readings(claim):
        shift = bias(claim, selection) * sd
        told = reproduction(
            run.members,
            claim.value - shift,
            published_n_fake=claim.n_fake or 0,
            decimals=None if claim.bound else claim.decimals,
            published_share=share(claim, selection),
            published_sd=None if spread is None else spread.sd,
            published_runs=claim.seeds,
            retrained=run.retrained,
            left_out=run.left_out if run.facts.whole_split is False else 0.0,
            level=2 * level - 1 if claim.bound else level,
        )
        gap, allowed = -told.gap, told.allowed
        distance = _beyond(claim, gap)
        beyond = distance > allowed
        # A bound is tested on one side. What lies on its right side is a test too: to leave it out would be to choose
        # the tests that are read together after looking at them.
        p = told.p if not claim.bound else told.p / 2 if distance > 0 else 1.0 - told.p / 2
        words = f"{claim.spelled} against our {ours:.4g}: " + gap_words(gap, allowed, p, beyond, claim)
        words += f" ({told.method}{bias_words(selection, shift)})"
        read.append(_Reading("inconsistent" if beyond else "consistent", words, gap, allowed, p))
    return _concluded(run.name, found, read, caveats(claim, run.facts))


def _stopped(name: str, found: Match, gap: float, rounding: float, beside: str) -> Test | None:
    """The test that ends before any arithmetic; a claim that is silent about selection only is tested either way.

    `beside` is what to say about the facts that are missing.
    """
    if found.differs:
        details = [line for differing in found.differs for line in differing.details]
        return Test(name, "not comparable", (found.words, *details), found)
    if hard := [fact for fact in found.missing if fact != "selection"]:
        size = "within" if abs(gap) <= rounding + EPSILON else "beyond"
        evidence = (
            f"not said: {', '.join(hard)}{beside}",
            f"the gap is {gap:+.4g}, {size} the rounding of {rounding:.2g}",
        )
        return Test(name, "cannot be decided", evidence, found, lacks=tuple(hard))
    return None


def _same_images(name: str, found: Match, gap: float, rounding: float) -> Test:
    fits = abs(gap) <= rounding + EPSILON
    words = f"the same images under the same protocol: the gap of {gap:+.4g} is {'within' if fits else 'beyond'} "
    words += f"the rounding of {rounding:.2g}, and there is no other noise"
    return Test(name, "consistent" if fits else "inconsistent", (words,), found, gap, rounding)


def _without_noise(claim: Claim, other: Claim, found: Match, gap: float, rounding: float) -> Test:
    """Numbers that agree to the last printed place do so whatever the noise; about others nothing can be said."""
    if not (claim.bound or other.bound) and abs(gap) <= rounding + EPSILON:
        words = f"equal up to rounding (gap {gap:+.4g}, rounding {rounding:.2g}), so that no noise is needed"
        return Test(other.id, "consistent", (words,), found, gap, rounding)
    words = f"not said: the noise of one evaluation, which a gap of {gap:+.4g} has to be held against"
    words += flattery(claim) or flattery(other)
    return Test(other.id, "cannot be decided", (words,), found, lacks=("std",))


def _read_published(
    claim: Claim, other: Claim, noise: tuple[Noise, Noise], one: str, two: str, level: float
) -> _Reading:
    if "minimum_over_checkpoints" in (one, two):
        words = "a best over checkpoints is biased by an unknown amount"
        return _Reading("cannot be decided", words, float("nan"), float("nan"), float("nan"))
    shifts = [bias(c, s) * own.sd for c, s, own in ((claim, one, noise[0]), (other, two, noise[1]))]
    both = of_difference(noise, (share(claim, one), share(other, two)))
    gap = (claim.value - shifts[0]) - (other.value - shifts[1])
    rounding = claim.rounding + other.rounding
    bounded = bool(claim.bound or other.bound)
    tail = 1.0 - level if bounded else (1.0 - level) / 2
    allowed = quantile(1.0 - tail, both.degrees) * both.sd + rounding
    distance = _beyond(claim, gap) if claim.bound else _beyond(other, -gap)
    p = exceeded(max(distance - rounding, 0.0), both.sd, both.degrees) * (1 if bounded else 2)
    beyond = distance > allowed + EPSILON
    words = f"{claim.spelled} against {other.spelled}: " + gap_words(
        gap, allowed, p, beyond, claim if claim.bound else other
    )
    words += f" (t with {both.degrees:.3g} degrees of freedom, noise of {both.source}"
    biases = bias_words(one, shifts[0], claim.id) + bias_words(two, shifts[1], other.id)
    words += f"{biases}{part_words(claim, other)})"
    return _Reading("inconsistent" if beyond else "consistent", words, gap, allowed, min(p, 1.0))


def _beyond(bounded: Claim, gap: float) -> float:
    """How far the other number lies on the wrong side: of a bound only past it, else on either; `gap` is claim less."""
    if bounded.bound == "below":
        return -gap
    return gap if bounded.bound == "above" else abs(gap)


def _concluded(name: str, found: Match, read: Sequence[_Reading], caveats: tuple[str, ...]) -> Test:
    """One verdict where every reading of what the papers did not say gives the same.

    The p is the largest of the readings': each of them would have to be wrong. It is there for a verdict that hangs on
    the reading too, so that which tests are read together does not hang on what was found.
    """
    first = read[0]
    shown = max(read, key=lambda reading: -1.0 if isnan(reading.p) else reading.p)
    if len({reading.verdict for reading in read}) == 1:
        also = [f"not said: selection; the same verdict if: {r.words}" for r in read if r is not shown]
        return Test(name, first.verdict, (shown.words, *also, *caveats), found, shown.gap, shown.allowed, shown.p)
    words = "not said: selection, on which the verdict hangs"
    told = (f"{reading.verdict} if: {reading.words}" for reading in read)
    evidence = (words, *told, *caveats)
    return Test(name, "cannot be decided", evidence, found, shown.gap, shown.allowed, shown.p, lacks=("selection",))
