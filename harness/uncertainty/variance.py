"""Variance of a weighted sum of metric values that share a reference set: the one place where variances meet.

Influence form, weights w, units m (real, shared) and n_g (fake, independent):

    V_r  = var(Σ w ψ_r) / m        V2_r  = mean((Σ w pairs)²)       the real side is shared: sum first, then square
    V_f  = Σ w² var(ψ_f) / n       V2_f, V2_c = Σ w² (…)            the fake sides are independent
    fixed:   max(V_f - V2_f, V2_f)
    random:  max(V_r + V_f - V2, V2),    V2 = V2_r + V2_f + V2_c

because the plug-in variance counts the degenerate second-order part twice (docs/statistics.md).
Split form: variances and covariances between disjoint groups (see `splits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from harness.base import Reference
from harness.uncertainty.analysis import Analysis, InfluenceForm, SplitForm, Tables, Vector, same_real, with_intervals
from harness.uncertainty.sampling_units import FEW
from harness.uncertainty.splits import extrapolate, shared_covariance, variance_of_both, variance_of_fake

SPLIT_DEGREES = 50.0  # standard errors from splits scatter by about a tenth (measured), as with 50 degrees of freedom
MIXED = "analyses of different forms cannot be combined"
NEAR_NULL = 0.4  # share of the plug-in variance that is second order, from which the interval is known to over-cover


@dataclass(frozen=True)
class Variance:
    """Variance of a weighted sum.

    `total` for the reference treatment asked for; `fake` and `reference` its two parts, the second 0 when the reference
    is fixed; `degrees` of freedom of the quantile; `conservative` where the second-order part dominates; `slope` of the
    variance in the value (0 where unknown), and the `least` that it falls to; `third` and `bend`, the third-order terms
    of `skewness` over the plug-in variance, or None.
    """

    total: float
    fake: float
    reference: float
    degrees: float
    conservative: bool
    slope: float = 0.0
    least: float = 0.0
    third: float | None = None
    bend: float | None = None

    def slope_above(self, quantile: float) -> float:
        """The slope for the upper end of a score interval of so many standard errors; never below `slope`.

        Value and standard error are dependent, and the value is skewed. To first order both move the ends of a
        two-sided interval of z standard errors up by c = (third (2 z² + 1) + 6 bend (z² + 1)) / (6 variance): Edgeworth
        expansion of a studentised U-statistic, inverted (Cornish-Fisher). A score interval moves by z² slope / 2, so
        that the slope is 2 c / z². The lower end keeps `slope`: raised as far, it would be missed too often, since
        what the expansion's next term holds (the noise of the variance) makes both ends a little short.
        """
        if self.third is None or self.bend is None:
            return self.slope
        z2 = quantile**2
        return max(self.slope, (self.third * (2.0 * z2 + 1.0) + 6.0 * self.bend * (z2 + 1.0)) / (3.0 * z2))


def variance_of_sum(analyses: Sequence[Analysis], weights: Sequence[float], reference: Reference) -> Variance:
    """Variance of Σ w_g F_g for analyses against one reference set, with independent fake sets."""
    same_real(list(analyses))
    w = np.asarray(weights, dtype=np.float64)
    fake = np.array([fake_variance(a) for a in analyses])
    fake_part = float(w**2 @ fake)
    if isinstance(analyses[0].form, InfluenceForm):
        forms = influences(analyses)
        v_fake = float(w**2 @ [_variance_of_mean(f.influence_fake) for f in forms])
        second_fake = float(w**2 @ [f.second_order_fake for f in forms])
        parts = [
            (weight**2, form.influence_fake, _free(a.strata_fake), a.effective_fake)
            for weight, form, a in zip(w, forms, analyses, strict=True)
        ]
        if reference == "fixed":
            slope = _slope(forms, w, v_fake)
            near = second_fake > NEAR_NULL * v_fake
            third, bend = _skewness(forms, w, v_fake, 0.0)
            return Variance(fake_part, fake_part, 0.0, _degrees(parts), near, slope, second_fake, third, bend)
        v_real, second_real = _real_terms(forms, w)
        cross = float(w**2 @ [f.second_order_cross for f in forms])
        second = second_real + second_fake + cross
        total = max(v_real + v_fake - second, second)
        part = max(v_real - second_real - cross, second_real)
        parts.append((1.0, _summed(forms, w), _free(analyses[0].strata_real), analyses[0].effective_real))
        near = second > NEAR_NULL * (v_real + v_fake)
        slope = _slope(forms, w, v_real + v_fake)
        third, bend = _skewness(forms, w, v_real + v_fake, 1.0)
        return Variance(total, fake_part, part, _degrees(parts), near, slope, second, third, bend)
    if reference == "fixed":
        exact = analyses[0].form.influence_fake is not None
        degrees = min(few_degrees(a.effective_fake) for a in analyses)
        return Variance(fake_part, fake_part, 0.0, degrees if exact else min(degrees, SPLIT_DEGREES), False)
    half, quarter = _stacked(analyses)
    summed = [None if tables is None else variance_of_both(np.tensordot(w, tables, 1)) for tables in (half, quarter)]
    total = extrapolate(summed[0] or 0.0, summed[1])
    total = max(total, fake_part)
    degrees = min(few_degrees(units) for a in analyses for units in (a.effective_real, a.effective_fake))
    return Variance(total, fake_part, total - fake_part, min(degrees, SPLIT_DEGREES), False)


def few_degrees(effective: float) -> float:
    """Degrees of freedom that so few independent units leave, unequal ones counting as fewer; infinite from FEW on."""
    return max(effective - 1.0, 1.0) if effective < FEW else np.inf


def fake_variance(analysis: Analysis) -> float:
    """Variance of one value over image samples, the reference held fixed."""
    with_intervals([analysis])
    form = analysis.form
    if form.influence_fake is not None:
        second = form.second_order_fake if isinstance(form, InfluenceForm) else 0.0
        variance = max(_variance_of_mean(form.influence_fake) - second, second)
    else:
        assert isinstance(form, SplitForm)
        quarters = None if form.quarters is None else variance_of_fake(form.quarters)
        variance = extrapolate(variance_of_fake(form.halves), quarters)
    # A share that never varied is still not known better than to one unit.
    return max(variance, 1.0 / min(analysis.units_real, analysis.units_fake) ** 2) if analysis.share_of else variance


def reference_covariance(analyses: Sequence[Analysis]) -> npt.NDArray[np.float64]:
    """Covariance matrix of several values over draws of the reference set they share, fake sets averaged out."""
    same_real(list(analyses))
    if isinstance(analyses[0].form, InfluenceForm):
        forms = influences(analyses)
        influence = np.stack([f.influence_real for f in forms])
        pairs = np.stack([f.pairs_real for f in forms])
        units = influence.shape[1]
        second = pairs @ pairs.T / pairs.shape[1]
        matrix = np.atleast_2d(np.cov(influence)) / units - second - np.diag([f.second_order_cross for f in forms])
        np.fill_diagonal(matrix, np.maximum(np.diag(matrix), np.diag(second)))
        return np.asarray(matrix)
    half, quarter = _stacked(analyses)
    smaller = [None] * len(half) if quarter is None else [variance_of_both(tables) for tables in quarter]
    whole = [extrapolate(variance_of_both(tables), small) for tables, small in zip(half, smaller, strict=True)]
    # One scale for the whole matrix, so that what generators share keeps cancelling in their differences.
    matrix = shared_covariance(list(half))
    own = sum(max(v - fake_variance(a), 0.0) for v, a in zip(whole, analyses, strict=True))
    trace = float(np.trace(matrix))
    return np.asarray(matrix * np.clip(own / trace, 0.125, 2.0)) if trace > 0 else np.zeros_like(matrix)


def _stacked(analyses: Sequence[Analysis]) -> tuple[Tables, Tables | None]:
    """Tables of all analyses, (analyses, splits, G, G), for halves and, if all have them, quarters."""
    forms = [a.form for a in analyses if isinstance(a.form, SplitForm)]
    if len(forms) < len(analyses):
        raise ValueError(MIXED)
    quarters = [f.quarters for f in forms if f.quarters is not None]
    return np.stack([f.halves for f in forms]), np.stack(quarters) if len(quarters) == len(analyses) else None


def influences(analyses: Sequence[Analysis]) -> list[InfluenceForm]:
    """The influence forms of all; ValueError where one of them has another form."""
    forms = [a.form for a in analyses if isinstance(a.form, InfluenceForm)]
    if len(forms) < len(analyses):
        raise ValueError(MIXED)
    return forms


def _real_terms(forms: Sequence[InfluenceForm], w: Vector) -> tuple[float, float]:
    pairs = np.sum([weight * form.pairs_real for weight, form in zip(w, forms, strict=True)], axis=0)
    return _variance_of_mean(_summed(forms, w)), float((pairs**2).mean())


def _summed(forms: Sequence[InfluenceForm], w: Vector) -> Vector:
    """The influence of each real unit on the weighted sum."""
    return np.asarray(np.sum([x * form.influence_real for x, form in zip(w, forms, strict=True)], axis=0))


def _free(strata: Vector | None) -> float:
    """Share of the units that are left once the mean of every stratum is taken out."""
    return 1.0 if strata is None else 1.0 - len(np.unique(strata)) / len(strata)


def _degrees(parts: Sequence[tuple[float, Vector, float, float]]) -> float:
    """Degrees of freedom of Σ weight × var(influence) / n: few where influences are heavy-tailed (kurtosis) or few.

    The kurtosis of a handful of units says nothing: two have the least there is. Their number bounds it then.
    """
    variance = noise = 0.0
    fewest = 3.0
    for weight, influence, free, effective in parts:
        n, spread = len(influence), float(influence.var())
        if spread == 0.0:
            continue
        part = weight * spread / n
        kurtosis = float((influence**4).mean()) / spread**2
        variance += part
        own = part**2 * max(kurtosis - 1.0, 1e-9) / (n * free)
        bound = few_degrees(effective)
        if bound < np.inf:
            own, fewest = max(own, 2.0 * part**2 / bound), 1.0
        noise += own
    return float(np.clip(2.0 * variance**2 / noise, fewest, 1e6)) if noise > 0 else np.inf


def _slope(forms: Sequence[InfluenceForm], w: Vector, plain: float) -> float:
    """How the variance grows with the value, for means of squared distances; 0 for differences and other metrics."""
    known = [f.magnitude for f in forms if f.magnitude is not None]
    if len(known) < len(forms) or (w < 0).any():
        return 0.0
    size = float(w @ known)
    return plain / size if size > 0 else 0.0


def _skewness(
    forms: Sequence[InfluenceForm], w: Vector, plain: float, shared: float
) -> tuple[float | None, float | None]:
    """Third-order terms of a mean over its variance, the reference's counted `shared` times; None for differences.

    Fake sets are independent, so that cumulants add with the cube of the weights. The reference is one and the same for
    all, and so are the terms of means of one generator: their average serves.
    """
    known = np.array([astuple(f.third_order) for f in forms if f.third_order is not None])
    if len(known) < len(forms) or (w < 0).any() or plain <= 0.0:
        return None, None
    third_real, third_fake, bend_real, bend_fake, bend_cross = known.T
    third = w**3 @ third_fake + shared * (w @ third_real)
    bend = w**3 @ bend_fake + shared * (w @ bend_real + w**2 @ bend_cross)
    return float(third / plain), float(bend / plain)


def _variance_of_mean(influence: Vector) -> float:
    return float(influence.var(ddof=1) / len(influence)) if len(influence) > 1 else float("inf")
