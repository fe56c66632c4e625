"""A generator beside a published number: is the gap between them noise?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.errors import UsageError
from harness.uncertainty.contrast import fake_variance
from harness.uncertainty.interval import check
from harness.uncertainty.seeds import SeedMember, means
from harness.uncertainty.student import exceeded, quantile

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
    margin: float | None = None,
    level: float = 0.95,
) -> Reproduction:
    """Is our number consistent with a published one on the same reference set, encoder and preprocessing?

    Their number carries image noise like ours, one image set's worth; if we `retrained`, a training seed's worth too,
    which takes at least two training seeds of ours to know. `decimals` is how many the paper printed: half a unit in
    the last place is allowed for rounding; None for a number that is not rounded. `published_share` is the variance of
    their number over image samples in variances of a single evaluation: 1/10 for a mean of ten, 0 for a bound.

    Raises UsageError when `retrained` and there is one training seed only.
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
    images = float(np.mean([fake_variance(m.analysis) for m in whole.members]))
    if retrained:
        if whole.training_seeds < 2:
            raise UsageError("a retrained model is compared across training seeds: at least 2 of them are needed")
        seed_means = [np.mean([m.analysis.value for m in group]) for group in whole.by_training_seed.values()]
        between = float(np.var(seed_means, ddof=1))
        per_mean = float(np.mean([len(group) for group in whole.by_training_seed.values()]))
        # One checkpoint: the scatter of our seed means, with the image noise of as many sets as they averaged.
        theirs = max(between, images / per_mean) + images * (published_share - 1.0 / per_mean)
        variance, degrees = theirs + between / whole.training_seeds, whole.training_seeds - 1.0
        method = f"training and image noise of both, t with {degrees:.0f} degrees of freedom"
    else:
        variance, degrees = whole.fake_part + published_share * images, np.inf
        method = "image noise of both, the same checkpoint"
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
