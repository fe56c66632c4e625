"""The noise of a published number: how large, how many evaluations it averages, and how its choice biases it."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

from harness.studies.reproduce.claims import Claim, Facts
from harness.studies.reproduce.comparable import SAID_NOWHERE
from harness.uncertainty import satterthwaite

# The smallest of three standard normal draws has this mean (negative) and this variance (exact for normal noise).
MINIMUM_MEAN = 3.0 / (2.0 * sqrt(pi))
MINIMUM_VARIANCE = 1.0 + sqrt(3.0) / (2.0 * pi) - 9.0 / (4.0 * pi)
UNSAID = ("single", "best_of_three")  # what a paper that is silent may have reported


@dataclass(frozen=True)
class Noise:
    """The standard deviation of one evaluation, its degrees of freedom, and where it is from."""

    sd: float
    degrees: float
    source: str


def printed_noise(claim: Claim) -> Noise | None:
    """What a spread over runs says, taken at the upper end of its rounding; None where a claim prints none."""
    if claim.std is None or claim.std_of != "runs" or claim.seeds is None:
        return None
    upper = claim.std + 0.5 * 10.0 ** -(claim.std_decimals or 0)
    return Noise(upper, claim.seeds - 1.0, f"{claim.id}, {claim.seeds} runs")


def noises(first: Claim, second: Claim) -> tuple[Noise, Noise] | None:
    """Of each of two claims; one that prints no spread is taken to be as noisy as the other. None for neither."""
    one, other = printed_noise(first), printed_noise(second)
    either = one or other
    return None if either is None else (one or either, other or either)


def of_difference(noise: tuple[Noise, Noise], shares: tuple[float, float]) -> Noise:
    """The noise of the difference of two numbers; `shares` as `share` has them.

    Two spreads are not pooled: five runs that scatter say nothing of the noise of ten that do not, and the degrees of
    freedom are Welch and Satterthwaite's.
    """
    one, other = noise
    if one is other:
        return Noise(one.sd * sqrt(sum(shares)), one.degrees, one.source)
    parts = [(part * own.sd**2, own.degrees) for own, part in zip(noise, shares, strict=True)]
    return Noise(sqrt(sum(v for v, _ in parts)), satterthwaite(parts), f"{one.source} and {other.source}")


def readings(facts: Facts) -> tuple[str, ...]:
    """The selections that a number may have come by: the one that is said, else each that a silent paper may mean."""
    return UNSAID if facts.selection in SAID_NOWHERE else (str(facts.selection),)


def bias(facts: Facts, selection: str) -> float:
    """Of the reported value, in standard deviations of one evaluation: a best of three flatters."""
    if selection != "best_of_three":
        return 0.0
    return -MINIMUM_MEAN if facts.lower_is_better else MINIMUM_MEAN


def share(claim: Claim, selection: str) -> float:
    """The variance of a reported value, in variances of one evaluation; a bound is no draw and has none."""
    if claim.bound:
        return 0.0
    if selection == "best_of_three":
        return MINIMUM_VARIANCE
    return 1.0 / claim.seeds if selection == "mean" and claim.seeds else 1.0
