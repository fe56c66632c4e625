"""A weighted sum of metrics of one pair of image sets, such as an average over encoders: an analysis like any other.

The images are the same under every encoder, so the first-order parts are joint: influence functions add up unit by
unit, before anything is squared. Second-order parts were drawn from other pairs of images under each encoder, so that
what they have in common is not known. They are added as if they had nothing in common, which subtracts too little and
errs on the wide side, and only where the value is mostly noise (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.base import UsageError
from harness.uncertainty.analysis import Analysis, Bias, InfluenceForm, NoInterval, Vector, same_strata
from harness.uncertainty.variance import influences

JOINT = "influence functions summed over encoders, minus second-order terms"


def weighted_sum(analyses: Sequence[Analysis], weights: Sequence[float], *, use: str) -> Analysis:
    """The analysis of Σ w_e F_e for analyses of one real and one fake image set under several encoders.

    Weights are positive; `use` is what the sum is called. Sets of other sizes, or labels, raise UsageError. Where
    encoders do not agree on which images are exact copies, or one value has no interval, the sum has none.
    """
    first, w = analyses[0], np.asarray(weights, np.float64)
    if len(w) != len(analyses) or not (w > 0).all():
        raise UsageError(f"`weights` are {list(weights)}; one positive weight for each of {len(analyses)} is needed")
    sizes = {(a.n_real, a.n_fake) for a in analyses}
    alike = [same_strata(getattr(first, k), getattr(a, k)) for a in analyses for k in ("strata_real", "strata_fake")]
    if len(sizes) > 1 or not all(alike):
        raise UsageError(f"only values of the same images can be summed; these are of {sorted(sizes)} (real, fake)")
    return replace(
        first,
        use=use,
        value=float(w @ [a.value for a in analyses]),
        form=_form(analyses, w),
        d=sum(a.d for a in analyses),
        effective_real=min(a.effective_real for a in analyses),
        effective_fake=min(a.effective_fake for a in analyses),
        method=JOINT,
        method_fixed=JOINT,
        bias=_bias(analyses, w),
        floor=None if any(a.floor is None for a in analyses) else float(w @ [a.floor for a in analyses]),
        conservative=any(a.conservative for a in analyses),
        notes=tuple(dict.fromkeys(note for a in analyses for note in a.notes)),
    )


def _form(analyses: Sequence[Analysis], w: Vector) -> InfluenceForm | NoInterval:
    reasons = [a.form.reason for a in analyses if isinstance(a.form, NoInterval)]
    if reasons:
        return NoInterval(reasons[0])
    units = {(a.units_real, a.units_fake) for a in analyses}
    if len(units) > 1:
        told = ", ".join(f"{real} real and {fake} fake" for real, fake in sorted(units))
        return NoInterval(f"the encoders do not agree on which images are exact copies: {told} distinct images")
    forms = influences(analyses)
    magnitudes = [f.magnitude for f in forms if f.magnitude is not None]
    # One after another, scaled so that their mean square is the sum of each one's: joint over generators, whose pairs
    # are the same under one encoder, and independent over encoders.
    count = sum(len(f.pairs_real) for f in forms)
    pairs = [x * np.sqrt(count / len(f.pairs_real)) * f.pairs_real for x, f in zip(w, forms, strict=True)]
    return InfluenceForm(
        influence_real=np.asarray(np.sum([x * f.influence_real for x, f in zip(w, forms, strict=True)], axis=0)),
        influence_fake=np.asarray(np.sum([x * f.influence_fake for x, f in zip(w, forms, strict=True)], axis=0)),
        pairs_real=np.concatenate(pairs),
        second_order_real=float(w**2 @ [f.second_order_real for f in forms]),
        second_order_fake=float(w**2 @ [f.second_order_fake for f in forms]),
        second_order_cross=float(w**2 @ [f.second_order_cross for f in forms]),
        magnitude=float(w @ magnitudes) if len(magnitudes) == len(forms) else None,
    )


def _bias(analyses: Sequence[Analysis], w: Vector) -> Bias | str:
    known = [a.bias for a in analyses if isinstance(a.bias, Bias)]
    if len(known) < len(analyses):
        return next(a.bias for a in analyses if isinstance(a.bias, str))
    said = ", ".join(dict.fromkeys(bias.said for bias in known))
    return Bias(float(w @ [bias.real for bias in known]), float(w @ [bias.fake for bias in known]), said)
