"""How many images and training seeds it takes to resolve a difference, from a pilot run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from harness.base import Reference, UsageError
from harness.uncertainty.seeds import Means, SeedMember, means
from harness.uncertainty.significance import quantile
from harness.uncertainty.variance import fake_variance, variance_of_sum

NODES = 48  # of a seed variance's law, on each side; power is then within .002 of what simulation gives


# What narrows each part of a difference's variance.
NARROWS = {
    "the shared reference": "use more reference images (`n_real`), or `--reference fixed`",
    "the spread of training seeds": "use more training seeds",
    "image sampling": "use more images per set (`n_fake`)",
    "image sampling of the clusters that all seeds share": "use more clusters (prompts)",
}


@dataclass(frozen=True)
class NextRun:
    """What the next run should be to see a difference of `difference` with probability `power`.

    Per generator: `training_seeds` checkpoints with `images` images each; for generators that are not trained that many
    sampling seeds. `power` is what the test of `difference` achieves there, `se` the difference's standard error.
    `limits` say what no number of images or seeds removes.
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
    """Of one generator, the mean of both; only `shared` and `degrees` are the difference's."""

    images: float  # image-sampling variance × n_fake
    common: float  # of that the part which every seed has alike, for the sake of the same prompts
    training: float  # variance between checkpoints
    shared: float  # of the reference in the difference
    degrees: float  # that the variances of images and reference were known with
    noise: float  # the image noise of the pilot's mean where those degrees grow as it falls, else 0
    trained: bool  # both sides, so that several seeds make it Welch's test
    n_fake: int

    def scatter(self, seeds: int, images: int | None) -> float:
        """Expected variance of one generator's mean as its seeds show it; None for all images there are."""
        alone = self.images if self.trained else self.images - self.common
        return (self.training + (alone / images if images else 0.0)) / seeds

    def unseen(self, seeds: int, images: int | None) -> float:
        """What the scatter of seeds does not show, all of them having the same prompts."""
        return 0.0 if images is None or (self.trained and seeds == 1) else self.common / images

    def least(self, seeds: int, images: int | None) -> float:
        """The image noise of one generator's mean."""
        return ((self.images - self.common) / seeds + self.common) / images if images else 0.0

    def known(self, seeds: int, images: int | None) -> float:
        """The degrees of freedom that image noise will be known with: in proportion to the images."""
        least = self.least(seeds, images)
        return self.degrees * (self.noise / least if self.noise > 0 and least > 0 else 1.0)

    def variance(self, seeds: int, images: int | None) -> float:
        """Of the difference."""
        return 2.0 * (self.scatter(seeds, images) + self.unseen(seeds, images)) + self.shared


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
) -> NextRun:
    """The smallest number of training seeds (or of images, when the seeds are given) that resolves `difference`.

    `images` per checkpoint stays as in the pilot unless given. Variances are the pilot's: image noise falls as 1/n, the
    scatter of training seeds does not; with a random reference its part of the difference falls with neither. Sampling
    seeds that show the same prompts gain nothing (docs/statistics.md): for generators that are not trained, images are
    then planned.

    Raises UsageError when nothing within `most_seeds`, or no number of images, suffices, and says what is in the way.
    """
    if not difference > 0:
        raise UsageError(f"`difference` is {difference!r}; it must be positive")
    if not 0 < power < 1:
        raise UsageError(f"`power` is {power!r}; it must lie between 0 and 1")
    pilot = _pilot(first, second, reference)
    limits = []
    if pilot.shared > 0:
        limits.append(f"the shared reference alone leaves a standard error of {pilot.shared**0.5:.2g}")
    if pilot.training == 0 and any(member.training_seed is not None for member in (*first, *second)):
        limits.append("the run shows no spread between training seeds; it may have too few")
    if pilot.common > 0:
        limits.append(
            "all seeds share the same clusters (prompts): only more clusters reduce that part, so more images means "
            "more clusters of the same size"
        )
        if not pilot.trained and training_seeds is None and images is None:
            training_seeds = 1

    def result(seeds: int, size: int) -> NextRun:
        reached = _power(pilot, difference, seeds, size, level)
        return NextRun(difference, seeds, size, pilot.variance(seeds, size) ** 0.5, reached, level, tuple(limits))

    size, kind = images or pilot.n_fake, "training seed" if pilot.trained else "sampling seed"
    if training_seeds is None:
        for seeds in range(1 if pilot.training == 0 else 2, most_seeds + 1):
            found = result(seeds, size)
            if found.power >= power:
                return found
        tried = f"{counted(most_seeds, kind)} of {size:,} images each"
        raise UsageError(_unreachable(pilot, difference, tried, most_seeds, size))
    if _power(pilot, difference, training_seeds, None, level) < power:
        tried = f"any number of images from {counted(training_seeds, kind)}"
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
    per_image, common, training = 0.0, 0.0, 0.0
    for whole in (one, two):
        analyses = [member.analysis for member in whole.members]
        own = float(np.mean([fake_variance(a) * a.n_fake for a in analyses])) / 2
        per_image += own
        common += own if _again(whole) else 0.0
        if whole.training_seeds > 1:
            groups = whole.by_training_seed.values()
            seen = float(np.var([np.mean([m.analysis.value for m in group]) for group in groups], ddof=1))
            noise = float(np.mean([sum(fake_variance(m.analysis) for m in g) / len(g) ** 2 for g in groups]))
            training += max(seen - noise, 0.0) / 2
    weights = [*one.weights, *(-w for w in two.weights)]
    spread = variance_of_sum(one.analyses + two.analyses, weights, reference)
    trained = all(member.training_seed is not None for member in (*first, *second))
    n_fake = one.analyses[0].n_fake
    grows = reference == "fixed" and one.analyses[0].form.influence_fake is not None
    noise = (one.fake_part + two.fake_part) / 2 if grows else 0.0
    return _Pilot(per_image, common, training, spread.reference, spread.degrees, noise, trained, n_fake)


def _again(whole: Means) -> bool:
    """Whether another image set would show the same clusters: as the pilot's several do, or as is usual after one."""
    return whole.together or (len(whole.members) == 1 and whole.members[0].analysis.clusters_fake is not None)


def _power(pilot: _Pilot, difference: float, seeds: int, images: int | None, level: float) -> float:
    """The probability that `difference` finds the true one on the right side, at its own quantiles and floor.

    With several training seeds their variance is itself a draw: averaged over its law on either side, as Welch's test
    takes it.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    se = pilot.variance(seeds, images) ** 0.5
    if se == 0:
        return 1.0
    known = quantile(0.5 + level / 2, pilot.known(seeds, images))
    own, degrees = pilot.scatter(seeds, images), seeds - 1
    if not pilot.trained or seeds == 1 or own == 0:
        return float(ndtr(difference / se - known))
    drawn = own * chdtri(degrees, (np.arange(NODES) + 0.5) / NODES) / degrees
    one, two = drawn[:, None], drawn[None, :]
    welch = (one + two) ** 2 / ((one**2 + two**2) / degrees)
    few = stdtrit(welch, 0.5 + level / 2) ** 2 * (one + two + 2.0 * pilot.unseen(seeds, images))
    floor = quantile(0.5 + level / 2, np.inf) ** 2 * 2.0 * pilot.least(seeds, images)
    reach = np.sqrt(np.maximum(few, floor) + known**2 * pilot.shared)
    return float(ndtr((difference - reach) / se).mean())


def _unreachable(pilot: _Pilot, difference: float, tried: str, seeds: int, images: int | None) -> str:
    parts = {  # what is left of each at the largest run that was tried
        "the shared reference": pilot.shared,
        "the spread of training seeds": 2.0 * pilot.training / seeds,
        "image sampling": 2.0 * (pilot.scatter(seeds, images) - pilot.training / seeds),
        "image sampling of the clusters that all seeds share": 2.0 * pilot.unseen(seeds, images),
    }
    largest = max(parts, key=lambda name: parts[name])
    return (
        f"{tried} cannot detect a difference of {difference:g}: {largest} alone leaves a standard error of "
        f"{parts[largest] ** 0.5:.2g}; {NARROWS[largest]}"
    )


def counted(number: int, noun: str) -> str:
    """ "1 training seed", "2 training seeds"."""
    return f"{number:,} {noun}{'s'[: number != 1]}"
