"""Does another number agree with a claim? The gap beside both noises, both roundings and the bias of a best of three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, isfinite, pi, sqrt
from typing import Literal

import numpy as np

from harness.studies.claims.comparable import SAID_NOWHERE, Match, conditions, match
from harness.studies.claims.model import Claim, Facts
from harness.uncertainty import SeedMember, reproduction
from harness.uncertainty.contrast import fake_variance

Verdict = Literal["consistent", "inconsistent", "not comparable", "cannot be decided"]
# The smallest of three standard normal draws has this mean (negative) and this variance (exact for normal noise).
MINIMUM_MEAN = 3.0 / (2.0 * sqrt(pi))
MINIMUM_VARIANCE = 1.0 + sqrt(3.0) / (2.0 * pi) - 9.0 / (4.0 * pi)
UNSAID = ("single", "best_of_three")  # what a paper that is silent may have reported
EPSILON = 1e-9  # decimal fractions are not exact in binary


@dataclass(frozen=True)
class Test:
    """One number held against a claim. `gap` is the claim less the other; NaN where it was not tested.

    `allowed` is the largest gap that noise and rounding explain at the level, `p` two-sided (one-sided for a bound).
    """

    __test__ = False  # a test of a claim, not one of pytest's

    against: str
    verdict: Verdict
    evidence: tuple[str, ...]
    match: Match
    gap: float = float("nan")
    allowed: float = float("nan")
    p: float = float("nan")


@dataclass(frozen=True)
class Judged:
    """A claim, the verdict on it, the reason in one line, and the tests behind it."""

    claim: Claim
    verdict: Verdict
    reason: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Run:
    """A finished run of ours that measured a claim's model; `facts` are the conditions of its number."""

    name: str
    facts: Facts
    members: Sequence[SeedMember]
    retrained: bool


@dataclass(frozen=True)
class _Noise:
    """The standard deviation of one evaluation, its degrees of freedom, and where it is from."""

    sd: float
    degrees: float
    source: str


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
    if unsaid := unsaid_facts(claim):
        reason += f"; and it does not say: {', '.join(unsaid)}"
    return Judged(claim, "cannot be decided", reason, ())


def unsaid_facts(facts: Facts) -> list[str]:
    """The conditions of a number that its source does not give and that a comparison needs."""
    unsaid = [] if facts.protocol or facts.pipeline else ["protocol"]
    unsaid += [fact for fact in (*conditions(facts), "selection") if getattr(facts, fact) in SAID_NOWHERE]
    return unsaid


def against_published(claim: Claim, other: Claim, *, level: float = 0.95) -> Test:
    """Whether two published numbers of one model agree, by the spread over runs that one of them prints."""
    found, gap = match(claim, other), claim.value - other.value
    rounding = claim.rounding + other.rounding
    if stopped := _stopped(other.id, found, gap, rounding):
        return stopped
    if claim.bound and other.bound:
        return Test(other.id, "cannot be decided", ("both are bounds; one number is needed",), found)
    if claim.images is not None and claim.images == other.images:
        return _same_images(other.id, found, gap, rounding)
    noise = _printed_noise(claim, other)
    if noise is None:
        return _without_noise(claim, other, found, gap, rounding)
    readings = [
        _read_published(claim, other, noise, one, two, level)
        for one, two in product(_readings(claim), _readings(other))
    ]
    return _concluded(other.id, found, readings)


def against_run(claim: Claim, run: Run, *, level: float = 0.95) -> Test:
    """Whether a finished run of ours agrees with a claim (`harness.uncertainty.reproduction`).

    Raises UsageError for a retrained model with one training seed only.
    """
    found = match(claim, run.facts)
    analyses = [member.analysis for member in run.members]
    ours = float(np.mean([a.value for a in analyses]))
    if stopped := _stopped(run.name, found, claim.value - ours, claim.rounding):
        return stopped
    sd = sqrt(float(np.mean([fake_variance(a) for a in analyses])))
    readings = []
    for selection in _readings(claim):
        shift = _bias(claim, selection) * sd
        told = reproduction(
            run.members, claim.value - shift, published_n_fake=claim.n_fake or 0, decimals=claim.decimals,
            retrained=run.retrained, level=level,
        )  # fmt: skip
        gap, allowed = -told.gap, told.allowed
        beyond = _beyond(claim, gap) > allowed
        # The p of a gap on the right side of a bound says nothing.
        p = float("nan") if claim.bound and not beyond else told.p
        words = f"{claim.spelled} against our {ours:.4g}: " + _gap_words(gap, allowed, p, beyond, claim)
        words += f" ({told.method}{_bias_words(selection, shift)})"
        readings.append(_Reading("inconsistent" if beyond else "consistent", words, gap, allowed, p))
    return _concluded(run.name, found, readings)


def _stopped(name: str, found: Match, gap: float, rounding: float) -> Test | None:
    """The test that ends before any arithmetic; a claim that is silent about selection only is tested either way."""
    if found.differs:
        details = [line for differing in found.differs for line in differing.details]
        return Test(name, "not comparable", (found.words, *details), found)
    if hard := [fact for fact in found.missing if fact != "selection"]:
        size = "within" if abs(gap) <= rounding + EPSILON else "beyond"
        evidence = (f"not said: {', '.join(hard)}", f"the gap is {gap:+.4g}, {size} the rounding of {rounding:.2g}")
        return Test(name, "cannot be decided", evidence, found)
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
    return Test(other.id, "cannot be decided", (words,), found)


def _printed_noise(claim: Claim, other: Claim) -> _Noise | None:
    """Pooled over the claims that print a spread over runs; rounded spreads are taken at the upper end."""
    squares, degrees, sources = 0.0, 0.0, []
    for one in (claim, other):
        if one.std is None or one.std_of != "runs" or one.seeds is None:
            continue
        upper = one.std + 0.5 * 10.0 ** -(one.std_decimals or 0)
        squares, degrees = squares + (one.seeds - 1) * upper**2, degrees + one.seeds - 1
        sources.append(f"{one.id}, {one.seeds} runs")
    return _Noise(sqrt(squares / degrees), degrees, " and ".join(sources)) if degrees else None


def _readings(facts: Facts) -> tuple[str, ...]:
    return UNSAID if facts.selection in SAID_NOWHERE else (str(facts.selection),)


def _bias(facts: Facts, selection: str) -> float:
    """Of the reported value, in standard deviations of one evaluation: a best of three flatters."""
    if selection != "best_of_three":
        return 0.0
    return -MINIMUM_MEAN if facts.lower_is_better else MINIMUM_MEAN


def _share(claim: Claim, selection: str) -> float:
    """The variance of a reported value, in variances of one evaluation."""
    if selection == "best_of_three":
        return MINIMUM_VARIANCE
    return 1.0 / claim.seeds if selection == "mean" and claim.seeds else 1.0


def _read_published(claim: Claim, other: Claim, noise: _Noise, one: str, two: str, level: float) -> _Reading:
    if "minimum_over_checkpoints" in (one, two):
        words = "a best over checkpoints is biased by an unknown amount"
        return _Reading("cannot be decided", words, float("nan"), float("nan"), float("nan"))
    shifts = [_bias(c, s) * noise.sd for c, s in ((claim, one), (other, two))]
    # A bound is no draw and has no noise of its own.
    share = sum(0.0 if c.bound else _share(c, s) for c, s in ((claim, one), (other, two)))
    gap = (claim.value - shifts[0]) - (other.value - shifts[1])
    se, rounding = noise.sd * sqrt(share), claim.rounding + other.rounding
    bounded = bool(claim.bound or other.bound)
    tail = 1.0 - level if bounded else (1.0 - level) / 2
    allowed = _quantile(1.0 - tail, noise.degrees) * se + rounding
    distance = _beyond(claim, gap) if claim.bound else _beyond(other, -gap)
    p = _upper_tail(max(distance - rounding, 0.0) / se if se else inf, noise.degrees) * (1 if bounded else 2)
    beyond = distance > allowed + EPSILON
    words = f"{claim.spelled} against {other.spelled}: " + _gap_words(
        gap, allowed, p, beyond, claim if claim.bound else other
    )
    words += f" (t with {noise.degrees:.0f} degrees of freedom, noise of {noise.source}"
    words += _bias_words(one, shifts[0], claim.id) + _bias_words(two, shifts[1], other.id) + ")"
    return _Reading("inconsistent" if beyond else "consistent", words, gap, allowed, min(p, 1.0))


def _beyond(bounded: Claim, gap: float) -> float:
    """How far the other number lies on the wrong side: of a bound only past it, else on either; `gap` is claim less."""
    if bounded.bound == "below":
        return -gap
    return gap if bounded.bound == "above" else abs(gap)


def _gap_words(gap: float, allowed: float, p: float, beyond: bool, bounded: Claim) -> str:
    if bounded.bound is None:
        told = f"gap {gap:+.3g}, {'more than' if beyond else 'within'} the ±{allowed:.2g} of noise and rounding"
    elif beyond:
        told = f"past the bound by {abs(gap):.3g}, more than the {allowed:.2g} of noise"
    else:
        told = f"the bound is not contradicted (gap {gap:+.3g}, noise {allowed:.2g})"
    if not isfinite(p):
        return told
    return told + (f", p = {p:.3f}" if p >= 0.001 else ", p < 0.001")


def _bias_words(selection: str, shift: float, name: str = "the claim") -> str:
    if selection != "best_of_three":
        return ""
    return f"; {name} as a best of three flatters by {abs(shift):.2g} on average, corrected"


def _concluded(name: str, found: Match, readings: Sequence[_Reading]) -> Test:
    """One verdict where every reading of what the papers did not say gives the same."""
    first = readings[0]
    verdicts = {reading.verdict for reading in readings}
    if len(verdicts) == 1:
        worst = (
            max(readings, key=lambda r: r.p) if first.verdict == "inconsistent" else min(readings, key=lambda r: r.p)
        )
        also = ("selection is not said; the verdict is the same for a single evaluation and for a best of three",)
        evidence = (worst.words, *(also if len(readings) > 1 else ()))
        return Test(name, first.verdict, evidence, found, worst.gap, worst.allowed, worst.p)
    words = "not said: selection, on which the verdict hangs"
    told = (f"{reading.verdict} if: {reading.words}" for reading in readings)
    return Test(name, "cannot be decided", (words, *told), found)


def _quantile(probability: float, degrees: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _upper_tail(t: float, degrees: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(degrees, -t))
