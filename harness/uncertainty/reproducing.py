"""A generator beside a published number: is the gap between them noise?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.base import UsageError
from harness.uncertainty.intervals import check
from harness.uncertainty.seeds import SeedMember, means, shared_variance
from harness.uncertainty.significance import exceeded, quantile, satterthwaite
from harness.uncertainty.variance import fake_variance, few_degrees

Verdict = Literal["consistent", "equivalent", "different", "inconclusive", "not comparable"]


@dataclass(frozen=True)
class Reproduction:
    """A measured mean beside a published number.

    different       the gap exceeds what both noises and the rounding explain
    equivalent      the gap is shown to be within the declared margin
    consistent      the gap is explained by noise, and a gap of the margin (if one is declared) would not have been
    inconclusive    the gap is explained by noise, but so would a gap of the margin be
    not comparable  the published number is an expectation at another sample size
    """

    verdict: Verdict
    gap: float
    se: float
    allowed: float
    p: float
    method: str


def reproduction(
    members: Sequence[SeedMember],
    published: float,
    *,
    published_n_fake: int,
    decimals: int | None,
    retrained: bool,
    published_share: float = 1.0,
    published_sd: float | None = None,
    published_runs: int | None = None,
    left_out: float = 0.0,
    margin: float | None = None,
    level: float = 0.95,
) -> Reproduction:
    """Is our number consistent with a published one on the same reference set, encoder and preprocessing?

    Their number carries image noise like ours, one image set's worth; if we `retrained`, a training seed's worth too,
    which takes at least two training seeds of ours to know. `decimals` is how many the paper printed: half a unit in
    the last place is allowed for rounding; None for a number that is not rounded. `published_share` is the variance of
    their number over image samples in variances of a single evaluation: 1/10 for a mean of ten, 0 for a bound.
    `published_sd` is the standard deviation of one evaluation over `published_runs` runs where they print one: their
    noise is the larger of what it says and of what ours would be, and one that was estimated over few runs is Student's
    (degrees of freedom after Welch and Satterthwaite). That no training noise is counted without `retrained` assumes
    one checkpoint. `left_out` is the share of its split that our reference set does not hold: theirs may be another
    part of as many images, so that each carries the noise of a draw without replacement; 0 for a whole split.

    Raises UsageError when `retrained` and there is one training seed only; ValueError for a spread over fewer than two
    runs, which is none.
    """
    check(level, "T_N", "fixed")
    whole = means(members)
    analyses = whole.analyses
    n_fake = {a.n_fake for a in analyses}
    gap = float(np.dot(whole.weights, [a.value for a in analyses])) - published
    rounding = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    if n_fake != {published_n_fake}:
        method = (
            f"T_N at n_fake = {', '.join(map(str, sorted(n_fake)))} and at {published_n_fake} are different quantities"
        )
        return Reproduction("not comparable", gap, float("nan"), float("nan"), float("nan"), method)
    if published_sd is not None and (published_runs or 0) < 2:
        raise ValueError(f"`published_runs` must be at least 2 beside `published_sd`; found {published_runs}")
    images = float(np.mean([fake_variance(m.analysis) for m in whole.members]))
    if retrained:
        if whole.training_seeds < 2:
            raise UsageError("comparing with a retrained model needs at least 2 training seeds")
        seed_means = [np.mean([m.analysis.value for m in group]) for group in whole.by_training_seed.values()]
        between = float(np.var(seed_means, ddof=1))
        per_mean = float(np.mean([len(group) for group in whole.by_training_seed.values()]))
        # One checkpoint: the scatter of our seed means, with the image noise of as many sets as they averaged.
        theirs = max(between, images / per_mean) + images * (published_share - 1.0 / per_mean)
        own, own_degrees, sources = (
            between / whole.training_seeds,
            whole.training_seeds - 1.0,
            "training and image noise",
        )
        condition = ""
    else:
        own, sources = whole.fake_part, "image noise"
        own_degrees = min(few_degrees(a.effective_fake) for a in analyses)
        theirs, condition = published_share * images, ", if both are of the same checkpoint"
    printed = 0.0 if published_sd is None else published_share * published_sd**2
    drawn = 2.0 * left_out * shared_variance(whole) if left_out else 0.0
    parts, method = [(own + theirs, own_degrees), (drawn, np.inf)], f"{sources} of both"
    if printed > theirs and published_runs is not None:
        # Two estimates, the spread of theirs and (retrained) that of our training seeds.
        parts = [(own, own_degrees), (printed, published_runs - 1.0), (drawn, np.inf)]
        method = f"{sources} of ours, theirs as printed over {published_runs} runs"
    variance, degrees = sum(part for part, _ in parts), satterthwaite(parts)
    if left_out:
        part = "a part" if left_out == 1.0 else f"{1.0 - left_out:.0%}"
        method += f", and two references of {part} of the split each"
    if np.isfinite(degrees):
        method += f", t with {degrees:.3g} degrees of freedom"
    method += condition
    se = float(np.sqrt(variance))
    allowed = quantile(0.5 + level / 2, degrees) * se + rounding
    p = 2.0 * exceeded(max(abs(gap) - rounding, 0.0), se, degrees)
    shown = margin is not None and abs(gap) + rounding + quantile(level, degrees) * se < margin
    verdict: Verdict = "consistent"
    if shown:
        verdict = "equivalent"
    elif abs(gap) > allowed:
        verdict = "different"
    elif margin is not None and allowed > margin:
        verdict = "inconclusive"
    return Reproduction(verdict, gap, se, allowed, p, method)
