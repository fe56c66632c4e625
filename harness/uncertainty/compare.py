"""Two generators of one reference set: their difference, and whether it is shown to be small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.base import Reference, Target, UsageError
from harness.uncertainty.analysis import Analysis, InfluenceForm, same_strata
from harness.uncertainty.intervals import check
from harness.uncertainty.partners import aligned
from harness.uncertainty.sampling_units import Index
from harness.uncertainty.seeds import Means, SeedMember, means
from harness.uncertainty.significance import quantile, satterthwaite
from harness.uncertainty.variance import variance_of_sum


@dataclass(frozen=True)
class Part:
    """One independent part of a difference's variance, its degrees of freedom, and how it grows with the difference.

    `least` is what the variance is at least, known from the images and not from a few seeds.
    """

    variance: float
    degrees: float
    slope: float = 0.0
    least: float = 0.0

    @property
    def floored(self) -> float:
        """The variance, or the least that it can be."""
        return max(self.variance, self.least)

    def reach(self, probability: float) -> float:
        """How far this part's error goes (one-sided probability): never less than its least variance alone would."""
        few = quantile(probability, self.degrees) * float(np.sqrt(self.variance))
        # The floor is well known and takes the normal quantile: with that of a few seeds the intervals of generators
        # whose seeds do not scatter cover .99 to 1.00 for .95, with this .97 to .99 (two to five seeds).
        return max(few, quantile(probability, np.inf) * float(np.sqrt(self.least)))


@dataclass(frozen=True)
class Comparison:
    """First minus second, with an interval that counts the reference they share once.

    `p` is two-sided, for no difference. `parts` are the generators' own noise and the shared reference's; `degrees` are
    Satterthwaite's for their sum (the interval uses each part's own). `notes` say what else a reader must know: that
    one wins only by a smaller bias, that the comparison is about two checkpoints and not about two methods.
    """

    value: float
    se: float
    low: float
    high: float
    p: float
    degrees: float
    level: float
    target: Target
    reference: Reference
    method: str
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    def needed(self, p: float) -> float:
        """The difference, without its sign, whose one-sided p would be this small: anything less passes unseen."""
        return _reach(self.parts, 1.0 - p)


def difference(
    first: Sequence[SeedMember],
    second: Sequence[SeedMember],
    *,
    level: float = 0.95,
    target: Target = "T_N",
    reference: Reference = "random",
    paired: bool = False,
    partners: Sequence[Index] | None = None,
) -> Comparison:
    """The difference of two generators' means over seeds, first minus second, scored against one reference set.

    The real side enters by the difference of influences, so that what both share cancels. With several training seeds
    on each side the seeds' own scatter is used (Welch's degrees of freedom), else the image noise of these checkpoints.
    The scatter counts as no less than the image noise that is in it: seeds can agree by chance.
    `paired` says that both generators used the same latents, prompts or classes, image by image and seed by seed: then
    differences are taken before variances. Image i goes with image i, or with the one that `partners` names for it, one
    array a set of `first`.

    Raises UsageError for scores against different references, or `paired` sets that do not match.
    """
    check(level, target, reference)
    if paired:
        first, second = aligned(first, second, partners)
    one, two = means(first), means(second)
    analyses = one.analyses + two.analyses
    weights = [*one.weights, *(-w for w in two.weights)]
    centre = one.centre(target, reference) - two.centre(target, reference)
    spread = variance_of_sum(analyses, weights, reference)
    shared = spread.reference
    notes: list[str] = []
    if one.training_seeds > 1 and two.training_seeds > 1:
        own, degrees, method = _between_seeds(one, two, paired)
        own += one.common + two.common
        least = _least(one, two, own, paired)
    else:
        own = _paired_images(one, two) if paired else spread.fake
        degrees, least = spread.degrees, 0.0
        method = "paired images" if paired else "independent images"
        notes.append("about these checkpoints, not about the methods that trained them")
    if target == "T_N":
        notes += _won_by_bias(one, two, centre)
    parts = (
        Part(own, degrees, _own_slope(analyses, own), least),
        _shared_part(shared, spread.degrees, own, centre, analyses),
    )
    return _comparison(centre, parts, level, target, reference, method, tuple(notes))


def why_not_paired(first: Sequence[SeedMember], second: Sequence[SeedMember]) -> str | None:
    """Why a metric allows no `paired` difference of these sets, worded to follow its name; None where it does.

    Over several training seeds on both sides values are paired, which every metric allows.
    """
    one, two = means(first), means(second)
    if one.training_seeds > 1 and two.training_seeds > 1:
        return None
    if all(analysis.form.influence_fake is not None for analysis in one.analyses + two.analyses):
        return None
    return "has no influence function for its fake side, which pairing images needs"


def _own_slope(analyses: Sequence[Analysis], own: float) -> float:
    """Noise of a squared distance grows with the distance: in proportion to what both sides' magnitudes add up to."""
    sizes = _magnitudes(analyses)
    size = 2.0 * float(np.mean(sizes)) if len(sizes) == len(analyses) else 0.0
    return own / size if size > 0 else 0.0


def _shared_part(shared: float, degrees: float, own: float, centre: float, analyses: Sequence[Analysis]) -> Part:
    """The reference's part: nothing where both generators agree, and in proportion to their difference from there."""
    size = max(abs(centre), float(np.sqrt(own + shared)))
    known = len(_magnitudes(analyses)) == len(analyses)
    return Part(shared, degrees, shared / size if known and size > 0 else 0.0)


def _magnitudes(analyses: Sequence[Analysis]) -> list[float]:
    """Magnitudes of those that are squared distances."""
    forms = [a.form for a in analyses if isinstance(a.form, InfluenceForm)]
    return [form.magnitude for form in forms if form.magnitude is not None]


def _between_seeds(one: Means, two: Means, paired: bool) -> tuple[float, float, str]:
    first, second = (
        [float(np.mean([m.analysis.value for m in g])) for g in w.by_training_seed.values()] for w in (one, two)
    )
    if paired:
        if list(one.by_training_seed) != list(two.by_training_seed):
            raise UsageError("`paired` needs the same training seeds on both sides, in the same order")
        gaps = np.subtract(first, second)
        return float(gaps.var(ddof=1)) / len(gaps), len(gaps) - 1.0, f"paired over {len(gaps)} training seeds"
    parts = [(float(np.var(values, ddof=1)) / len(values), len(values) - 1.0) for values in (first, second)]
    return sum(v for v, _ in parts), satterthwaite(parts), f"Welch over {len(first)} and {len(second)} training seeds"


def _least(one: Means, two: Means, scatter: float, paired: bool) -> float:
    """The image noise that a scatter of training seeds has in it."""
    independent = one.fake_part + two.fake_part
    if not paired:
        return independent
    pairs = list(zip(one.analyses, two.analyses, strict=False))
    if len(one.members) == len(two.members) and not any(_without_partners(*pair) for pair in pairs):
        return _paired_images(one, two)
    # What pairing takes off the image noise is not known here, so that it can only stand in for no scatter at all.
    return independent if scatter == 0 else 0.0


def _paired_images(one: Means, two: Means) -> float:
    """Variance of the difference over redrawn images, image i of both sets from the same latent."""
    if len(one.members) != len(two.members):
        raise UsageError("`paired` needs as many image sets on one side as on the other")
    total = 0.0
    for left, right in zip(one.analyses, two.analyses, strict=True):
        if problem := _without_partners(left, right):
            raise UsageError(f"`paired` {problem}")
        assert left.form.influence_fake is not None
        assert right.form.influence_fake is not None
        gap = left.form.influence_fake - right.form.influence_fake
        # The second-order part is left in: it may be counted twice, which errs on the wide side.
        total += float(gap.var(ddof=1)) / len(gap) / len(one.members) ** 2
    return total


def _without_partners(left: Analysis, right: Analysis) -> str | None:
    """Why image i of two sets cannot be differenced; None where it can."""
    if left.form.influence_fake is None or right.form.influence_fake is None:
        return f"needs influence functions; {left.use} has none for its fake side: compare it unpaired"
    if left.n_fake != right.n_fake:
        return f"sets have {left.n_fake} and {right.n_fake} images, so image i has no partner"
    if not same_strata(left.strata_fake, right.strata_fake):
        return "sets differ in their strata, so image i has no partner"
    if not same_strata(left.clusters_fake, right.clusters_fake):
        return "sets differ in their clusters, so cluster i has no partner"
    return None


def _won_by_bias(one: Means, two: Means, centre: float) -> list[str]:
    if any(isinstance(a.bias, str) for a in one.analyses + two.analyses):
        return []
    debiased = one.centre("T_inf", "fixed") - two.centre("T_inf", "fixed")
    if debiased * centre < 0:
        return [f"the sign turns once the bias of finite samples is removed ({centre:.4g} becomes {debiased:.4g})"]
    return []


def _comparison(
    centre: float,
    parts: tuple[Part, ...],
    level: float,
    target: Target,
    reference: Reference,
    method: str,
    notes: tuple[str, ...],
) -> Comparison:
    variance = sum(part.floored for part in parts)
    bottom = sum(part.floored**2 / part.degrees for part in parts)
    reach = _reach(parts, 0.5 + level / 2)
    return Comparison(
        centre,
        float(np.sqrt(variance)),
        centre - reach,
        centre + reach,
        2.0 * _tail(parts, abs(centre)),
        variance**2 / bottom if bottom > 0 else float("inf"),
        level,
        target,
        reference,
        method,
        notes,
        parts,
    )


def _reach(parts: Sequence[Part], probability: float) -> float:
    """How far a sum of independent errors goes, each part with its own quantile (one-sided probability).

    One quantile for all, at Satterthwaite's degrees of freedom, is too short where a few seeds meet a well-known
    reference (docs/statistics.md).
    """
    return float(np.sqrt(sum(part.reach(probability) ** 2 for part in parts)))


def _tail(parts: Sequence[Part], distance: float) -> float:
    """The one-sided probability, at most 1/2, at which `_reach` is the distance."""
    if sum(part.floored for part in parts) == 0:
        return 0.5 if distance <= 0 else 0.0
    if distance <= 0:
        return 0.5
    low, high = 0.0, 0.5  # of the tail; bisected on a logarithmic scale once it is small
    for _ in range(200):
        middle = (low * high) ** 0.5 if low > 0 else high / 2
        if _reach(parts, 1.0 - middle) > distance:
            low = middle
        else:
            high = middle
        if high < 1e-15 or high - low < 1e-9 * high:
            break
    return high


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests: is the difference within ±margin? `p` is the larger of the two."""

    margin: float
    p: float
    equivalent: bool
    level: float


def equivalence(comparison: Comparison, *, margin: float, level: float = 0.95) -> Equivalence:
    """Whether the difference is shown to be smaller than a margin declared beforehand (TOST, Schuirmann 1987).

    The variance is the one that a difference as large as the margin would have: for squared distances that of the
    smaller difference found is too small, and the test then errs too often (docs/statistics.md).
    """
    if not margin > 0:
        raise UsageError(f"`margin` is {margin!r}; it must be positive, and chosen before seeing the data")
    room = margin - abs(comparison.value)
    at_margin = [replace(p, variance=p.variance + p.slope * max(room, 0.0)) for p in comparison.parts]
    p = _tail(at_margin, room) if room > 0 else 1.0 - _tail(at_margin, -room)
    return Equivalence(margin, p, p < 1.0 - level, level)
