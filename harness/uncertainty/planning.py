"""How many images and training seeds it takes to resolve a difference, from a pilot run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from harness.errors import UsageError
from harness.record import Reference
from harness.uncertainty.contrast import fake_variance, variance_of_sum
from harness.uncertainty.seeds import SeedMember, means


@dataclass(frozen=True)
class Plan:
    """What the next run should be to see a difference of `difference` with probability `power`.

    Per generator: `training_seeds` checkpoints with `images` images each. `power` is what that achieves, `se` the
    standard error of the difference there. `limits` say what no number of images or seeds removes.
    """

    difference: float
    training_seeds: int
    images: int
    se: float
    power: float
    level: float
    limits: tuple[str, ...]


@dataclass(frozen=True)
class _Pilot:
    images: float  # image-sampling variance × n_fake
    training: float  # variance between checkpoints
    shared: float  # of the reference in the difference
    n_fake: int


def plan(
    first: Sequence[SeedMember],
    second: Sequence[SeedMember],
    *,
    difference: float,
    power: float = 0.8,
    level: float = 0.95,
    reference: Reference = "fixed",
    images: int | None = None,
    training_seeds: int | None = None,
    most_seeds: int = 100,
) -> Plan:
    """The smallest number of training seeds (or of images, when the seeds are given) that resolves `difference`.

    `images` per checkpoint stays as in the pilot unless given. Variances are the pilot's: image noise falls as 1/n, the
    scatter of training seeds does not; with a random reference its part of the difference falls with neither.

    Raises UsageError when nothing within `most_seeds`, or no number of images, suffices, and says what is in the way.
    """
    if not difference > 0:
        raise UsageError(f"`difference` is {difference!r}; it must be positive")
    if not 0 < power < 1:
        raise UsageError(f"`power` is {power!r}; it must lie between 0 and 1")
    pilot = _pilot(first, second, reference)
    limits = []
    if pilot.shared > 0:
        limits.append(f"the shared reference alone gives the difference a standard error of {pilot.shared**0.5:.3g}")
    if pilot.training == 0 and any(member.training_seed is not None for member in (*first, *second)):
        limits.append("no scatter between training seeds was seen in the pilot: it may have had too few")

    def result(seeds: int, size: int) -> Plan:
        se = _standard_error(pilot, seeds, size)
        reached = _power(difference, se, seeds, level)
        return Plan(difference, seeds, size, se, reached, level, tuple(limits))

    size = images or pilot.n_fake
    if training_seeds is None:
        for seeds in range(1 if pilot.training == 0 else 2, most_seeds + 1):
            found = result(seeds, size)
            if found.power >= power:
                return found
        tried = f"{most_seeds} training seeds of {size} images"
        raise UsageError(_unreachable(pilot, difference, tried, most_seeds, size))
    if _power(difference, _standard_error(pilot, training_seeds, None), training_seeds, level) < power:
        tried = f"any number of images from {training_seeds} training seeds"
        raise UsageError(_unreachable(pilot, difference, tried, training_seeds, None))
    low, high = 2, 4
    while result(training_seeds, high).power < power:
        low, high = high, 2 * high
    while high - low > max(1, low // 1000):
        middle = (low + high) // 2
        low, high = (low, middle) if result(training_seeds, middle).power >= power else (middle, high)
    return result(training_seeds, ceil(high / 10) * 10 if high > 100 else high)


def _pilot(first: Sequence[SeedMember], second: Sequence[SeedMember], reference: Reference) -> _Pilot:
    one, two = means(first), means(second)
    per_image, training = 0.0, 0.0
    for whole in (one, two):
        analyses = [member.analysis for member in whole.members]
        per_image += float(np.mean([fake_variance(a) * a.n_fake for a in analyses])) / 2
        if whole.training_seeds > 1:
            groups = whole.by_training_seed.values()
            seen = float(np.var([np.mean([m.analysis.value for m in group]) for group in groups], ddof=1))
            noise = float(np.mean([sum(fake_variance(m.analysis) for m in g) / len(g) ** 2 for g in groups]))
            training += max(seen - noise, 0.0) / 2
    weights = [*one.weights, *(-w for w in two.weights)]
    shared = variance_of_sum(one.analyses + two.analyses, weights, reference).reference
    return _Pilot(per_image, training, shared, one.analyses[0].n_fake)


def _standard_error(pilot: _Pilot, seeds: int, images: int | None) -> float:
    own = pilot.training + (pilot.images / images if images else 0.0)
    return float(np.sqrt(2.0 * own / seeds + pilot.shared))


def _power(difference: float, se: float, seeds: int, level: float) -> float:
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    if se == 0:
        return 1.0
    if seeds == 1:
        return float(ndtr(difference / se - ndtri(0.5 + level / 2)))
    degrees = 2.0 * (seeds - 1)
    # Shifted t for the non-central one: within a point of power from 4 degrees of freedom on.
    return float(stdtr(degrees, difference / se - stdtrit(degrees, 0.5 + level / 2)))


def _unreachable(pilot: _Pilot, difference: float, tried: str, seeds: int, images: int | None) -> str:
    parts = {  # what is left of each at the largest run that was tried
        "the shared reference": pilot.shared,
        "the scatter of training seeds": 2.0 * pilot.training / seeds,
        "image sampling": 2.0 * pilot.images / images / seeds if images else 0.0,
    }
    largest = max(parts, key=lambda name: parts[name])
    return (
        f"{tried} do not resolve a difference of {difference:g}: {largest} alone leaves a standard error of "
        f"{parts[largest] ** 0.5:.3g}; more of that is needed"
    )
