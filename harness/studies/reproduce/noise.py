"""The noise of a published number: how large, how many evaluations it averages, and how its choice biases it."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

from harness.studies.reproduce.claims import Claim, Facts
from harness.studies.reproduce.comparable import SAID_NOWHERE

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


def printed_noise(*claims: Claim) -> Noise | None:
    """Pooled over the claims that print a spread over runs; rounded spreads are taken at the upper end."""
    squares, degrees, sources = 0.0, 0.0, []
    for one in claims:
        if one.std is None or one.std_of != "runs" or one.seeds is None:
            continue
        upper = one.std + 0.5 * 10.0 ** -(one.std_decimals or 0)
        squares, degrees = squares + (one.seeds - 1) * upper**2, degrees + one.seeds - 1
        sources.append(f"{one.id}, {one.seeds} runs")
    return Noise(sqrt(squares / degrees), degrees, " and ".join(sources)) if degrees else None


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
