"""How far a value moves over the same images: the change, with an interval that pairs them image by image.

Since the images are the same, a change is known far better than either value: its interval comes from the differences
of influences.
"""

from __future__ import annotations

import numpy as np

from harness.uncertainty import Analysis, InfluenceForm, Means, quantile_of


def reach_of(before: Means, after: Means, level: float) -> float | None:
    """Half the interval of a change over the same images: both sides' differences of influences, image by image.

    A variant that sees only the first of the images leaves the others' influences to the pinned side alone. The
    second-order part is left in, which errs on the wide side. Image sets that have clusters (prompts) in common count
    as one, since their mean may vary as much as one of them does. None where influences are missing or images became
    equal under one preparation and not under the other.
    """
    fake_parts, real = [], []
    for one, two in zip(before.members, after.members, strict=True):
        forms = one.analysis.form, two.analysis.form
        if not isinstance(forms[0], InfluenceForm) or not isinstance(forms[1], InfluenceForm):
            return None
        ends = forms[0].influence_real, forms[1].influence_real
        if ends[0].shape != ends[1].shape:
            return None
        real.append(ends[1] - ends[0])
        part = fake_variance_of_change(one.analysis, two.analysis)
        if part is None:
            return None
        fake_parts.append(part)
    independent = 1 if before.together or after.together else len(fake_parts)
    shared = np.mean(real, axis=0)
    variance = float(np.mean(fake_parts)) / independent + float(shared.var(ddof=1)) / len(shared)
    return quantile_of(np.inf, level) * float(np.sqrt(variance))


def fake_variance_of_change(before: Analysis, after: Analysis) -> float | None:
    """Variance of the change over draws of the generated images: all of them before, the first of them after."""
    one, two = before.form.influence_fake, after.form.influence_fake
    if one is None or two is None or len(two) > len(one):
        return None
    if len(two) < len(one) and (len(one), len(two)) != (before.n_fake, after.n_fake):
        return None  # repeated images are one unit, so that rows and units are not the same
    both = two / len(two) - one[: len(two)] / len(one)
    rest = one[len(two) :] / len(one)
    return float(len(both) * both.var(ddof=1) + (len(rest) * rest.var(ddof=1) if len(rest) > 1 else 0.0))
