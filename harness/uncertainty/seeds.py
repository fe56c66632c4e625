"""Several image sets of one generator: the mean over seeds, an interval across training seeds, variance components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.base import Estimate, Reference, Target, UsageError
from harness.uncertainty.analysis import Analysis, InfluenceForm, NoInterval
from harness.uncertainty.intervals import at_the_boundary, bounds, centred, check, quantile_of, value_alone
from harness.uncertainty.variance import fake_variance, reference_covariance, variance_of_sum

COMMON_CLUSTERS = (
    "the image sets have clusters in common, so their mean is taken to vary over images as one of them does: more "
    "sampling seeds do not narrow this interval, more clusters do"
)
COMPONENTS = (
    "image_sampling",
    "training_seed",
    "reference_sampling",
    "sampling_seeds_chi2",
    "sampling_seeds_degrees",
    "sampling_seeds_p",
)
THIS_CHECKPOINT = "; about this checkpoint only"


@dataclass(frozen=True)
class SeedMember:
    """The analysis of one image set. `training_seed` is None for a generator that is not trained."""

    training_seed: int | None
    sampling_seed: int | None
    analysis: Analysis


@dataclass(frozen=True)
class Combined:
    """The estimate over all seeds, and its variance components (variances; None where not estimable).

    image_sampling      of one image set's value over redrawn images, reference held fixed
    training_seed       of a checkpoint's expected value over training seeds
    reference_sampling  of the mean over redrawn reference sets (does not shrink with more seeds)
    sampling_seeds_chi2, sampling_seeds_degrees, sampling_seeds_p
                        do repeated sampling seeds scatter as image sampling says? A p below 0.001 means that they do
                        not: the images of one set are not independent
    """

    estimate: Estimate
    components: Mapping[str, float | None]


@dataclass(frozen=True)
class Means:
    """Members of one generator, averaged: equal weight to each training seed, and within it to each sampling seed.

    `together` says that members have clusters (prompts) in common, so that their images do not vary apart.
    """

    members: tuple[SeedMember, ...]
    weights: tuple[float, ...]  # of each member in the overall mean
    by_training_seed: Mapping[int | None, tuple[SeedMember, ...]]
    together: bool = False

    @property
    def analyses(self) -> list[Analysis]:
        """The analyses in member order, fit to be summed as if their images varied apart.

        Where they do not, each is given the variance over images that makes the mean vary as a single set does, which
        is the most it can (Cauchy-Schwarz) and errs on the wide side.
        """
        found = [member.analysis for member in self.members]
        return [widened(a, float(np.sqrt(len(found)))) for a in found] if self.together else found

    def centre(self, target: Target, reference: Reference) -> float:
        """The overall mean that intervals, differences and ranks are about: with T_inf less each set's bias."""
        values = [centred(m.analysis, target=target, reference=reference)[0] for m in self.members]
        return float(np.dot(self.weights, values))

    @property
    def training_seeds(self) -> int:
        """Number of checkpoints."""
        return len(self.by_training_seed)

    @property
    def fake_part(self) -> float:
        """Variance of the overall mean over redrawn images."""
        return float(sum(w**2 * fake_variance(a) for w, a in zip(self.weights, self.analyses, strict=True)))

    @property
    def common(self) -> float:
        """That part of it which the scatter of training seeds does not show, all of them having the same clusters."""
        return self.fake_part if self.together else 0.0


def means(members: Sequence[SeedMember]) -> Means:
    """Weigh the members; UsageError when there is none, or one (training seed, sampling seed) pair appears twice."""
    if not members:
        raise UsageError("no image sets to combine")
    groups: dict[int | None, list[SeedMember]] = {}
    for member in members:
        groups.setdefault(member.training_seed, []).append(member)
    for training_seed, group in groups.items():
        sampling = [member.sampling_seed for member in group]
        if len(set(sampling)) < len(sampling):
            raise UsageError(f"training seed {training_seed} has two members with the same sampling seed")
    weights = tuple(1.0 / (len(groups) * len(groups[member.training_seed])) for member in members)
    known = [a for member in members if (a := member.analysis.clusters_fake) is not None]
    together = any(np.intersect1d(a, b).size for i, a in enumerate(known) for b in known[:i])
    return Means(tuple(members), weights, {seed: tuple(group) for seed, group in groups.items()}, together)


def why_no_interval(*groups: Sequence[SeedMember]) -> str | None:
    """Why a metric has no interval for one of the image sets, so that it cannot be tested; None where all have one."""
    forms = [member.analysis.form for members in groups for member in members]
    return next((form.reason for form in forms if isinstance(form, NoInterval)), None)


def widened(analysis: Analysis, by: float) -> Analysis:
    """The analysis with its standard deviation over fake images `by` times as large, and all else as it was."""
    return replace(analysis, form=analysis.form.widened(by))


def combine(members: Sequence[SeedMember], *, level: float, target: Target, reference: Reference) -> Combined:
    """The mean over seeds; with several checkpoints the interval speaks about the training procedure.

    Several training seeds: Student's t over the per-seed means, which already contain the image noise; with a random
    reference, plus the variance that all seeds share through it, each part with its own quantile (measured: .954 to
    .987 for .95 with two seeds, .954 to .965 with five). One training seed, or none: the interval of this checkpoint,
    from the analyses, and `method` says so.
    """
    check(level, target, reference)
    whole = means(members)
    analyses = whole.analyses
    if any(isinstance(a.form, NoInterval) for a in analyses):
        value = float(np.dot(whole.weights, [a.value for a in analyses]))
        return Combined(value_alone(analyses, value, level, reference), dict.fromkeys(COMPONENTS))
    centres = [centred(a, target=target, reference=reference) for a in analyses]
    centre = float(np.dot(whole.weights, [value for value, _ in centres]))
    spread = variance_of_sum(analyses, whole.weights, reference)
    seed_means = np.array(
        [
            np.mean([centred(m.analysis, target=target, reference=reference)[0] for m in group])
            for group in whole.by_training_seed.values()
        ]
    )
    seeds = whole.training_seeds
    if seeds > 1:
        between = float(seed_means.var(ddof=1)) / seeds
        if between == 0.0:  # shares of few images can agree by chance; the images' own noise is still there
            between = whole.fake_part
        else:
            between += whole.common
        quantile: float | None = None
        above: float | None = None  # Student's t over seeds knows no third-order terms
        variance, degrees, slope, least = between, float(seeds - 1), 0.0, 0.0
        method = f"Student's t over {seeds} training seeds{' and their common clusters' if whole.together else ''}"
        if reference == "random":
            shared = shared_variance(whole)
            variance = between + shared
            # Each part with its own quantile. Satterthwaite's degrees of freedom cover too little where two or three
            # seeds meet a well-known reference (.87 for .95), and can make this interval narrower than the fixed one.
            half = np.sqrt(
                quantile_of(seeds - 1, level) ** 2 * between + quantile_of(spread.degrees, level) ** 2 * shared
            )
            # A density of 0 in every image set has no variance at all, and any quantile of that is 0.
            quantile = float(half / np.sqrt(variance)) if variance > 0 else None
            slope, least = spread.slope * variance / spread.total if spread.total > 0 else 0.0, spread.least
            method += " plus the shared reference's part"
    else:
        quantile = None
        variance, degrees, slope, least = spread.total, spread.degrees, spread.slope, spread.least
        above = spread.slope_above(quantile_of(degrees, level))
        method = analyses[0].method if reference == "random" else analyses[0].method_fixed
    low, high, words = bounds(
        analyses,
        centre,
        variance,
        degrees,
        level,
        slope=slope,
        slope_above=above,
        least=least,
        quantile=quantile,
    )
    sampling = sorted({len(group) for group in whole.by_training_seed.values()})
    method = f"{method}, {words}{centres[0][1]}"
    if sampling != [1]:
        method += f"; mean over {'-'.join(str(count) for count in sampling)} sampling seeds"
    if seeds == 1:
        method += THIS_CHECKPOINT
    estimate = Estimate(
        value=centre,
        se=float(np.sqrt(variance)),
        low=low,
        high=high,
        level=level,
        target=target,
        reference=reference,
        method=method,
        n_real=analyses[0].n_real,
        n_fake=min(a.n_fake for a in analyses),
        # Student's t over seeds with a fixed reference uses no expansion, so nothing there is conservative.
        conservative=bool(
            whole.together
            or (
                (seeds == 1 or reference == "random") and (spread.conservative or any(a.conservative for a in analyses))
            )
        ),
        notes=(
            *dict.fromkeys(note for a in analyses for note in a.notes),
            *((COMMON_CLUSTERS,) if whole.together else ()),
            *at_the_boundary(analyses, centre),
        ),
    )
    return Combined(estimate, _components(whole))


def shared_variance(whole: Means) -> float:
    """Variance of the overall mean over redrawn reference sets."""
    w = np.asarray(whole.weights)
    if isinstance(whole.analyses[0].form, InfluenceForm):
        return variance_of_sum(whole.analyses, whole.weights, "random").reference
    return max(float(w @ reference_covariance(whole.analyses) @ w), 0.0)


def _components(whole: Means) -> dict[str, float | None]:
    from scipy.special import chdtrc

    images = [fake_variance(m.analysis) for m in whole.members]
    training: float | None = None
    if whole.training_seeds > 1:
        groups = whole.by_training_seed.values()
        observed = float(np.var([np.mean([m.analysis.value for m in group]) for group in groups], ddof=1))
        noise = float(np.mean([sum(fake_variance(m.analysis) for m in group) / len(group) ** 2 for group in groups]))
        training = max(observed - noise, 0.0)
    chi2, degrees = 0.0, 0
    for group in whole.by_training_seed.values():
        values = np.array([m.analysis.value for m in group])
        expected = float(np.mean([fake_variance(m.analysis) for m in group]))
        if len(group) > 1 and expected > 0:
            chi2 += float(((values - values.mean()) ** 2).sum()) / expected
            degrees += len(group) - 1
    told = (chi2, float(degrees), float(chdtrc(degrees, chi2))) if degrees else (None, None, None)
    return dict(zip(COMPONENTS, (float(np.mean(images)), training, shared_variance(whole), *told), strict=True))
