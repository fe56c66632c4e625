"""From an Analysis to an Estimate: which target, which population, which quantile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.base import Estimate, Reference, Target, UsageError
from harness.uncertainty import significance as student
from harness.uncertainty.analysis import Analysis, NoInterval
from harness.uncertainty.variance import variance_of_sum


def interval(analysis: Analysis, *, level: float, target: Target, reference: Reference) -> Estimate:
    """The metric with its standard error and interval.

    `T_N` is the metric's expectation at these set sizes: the interval is centred at the value as it is. `T_inf` is the
    population value: centred at the value minus its bias, refused where that is not known. Reference `fixed` speaks
    about this reference set, `random` about the distribution it came from.

    Raises UsageError for T_inf where there is none, with the analysis's own reason.
    """
    check(level, target, reference)
    if isinstance(analysis.form, NoInterval):
        return value_alone([analysis], analysis.value, level, reference)
    centre, bias_note = centred(analysis, target=target, reference=reference)
    spread = variance_of_sum([analysis], [1.0], reference)
    above = spread.slope_above(quantile_of(spread.degrees, level))
    low, high, words = bounds(
        [analysis],
        centre,
        spread.total,
        spread.degrees,
        level,
        slope=spread.slope,
        slope_above=above,
        least=spread.least,
    )
    words = f"{analysis.method if reference == 'random' else analysis.method_fixed}, {words}{bias_note}"
    return Estimate(
        value=centre,
        se=float(np.sqrt(spread.total)),
        low=low,
        high=high,
        level=level,
        target=target,
        reference=reference,
        method=words,
        n_real=analysis.n_real,
        n_fake=analysis.n_fake,
        conservative=bool(spread.conservative or analysis.conservative),
        notes=analysis.notes + at_the_boundary([analysis], centre),
    )


def value_alone(analyses: Sequence[Analysis], value: float, level: float, reference: Reference) -> Estimate:
    """An Estimate without an interval, of image sets some of which have none; its method says why."""
    reasons = [a.form.reason for a in analyses if isinstance(a.form, NoInterval)]
    several = f" ({len(reasons)} of {len(analyses)} image sets)" if len(analyses) > 1 else ""
    return Estimate(
        value=value,
        se=None,
        low=None,
        high=None,
        level=level,
        target="T_N",
        reference=reference,
        method=f"none: {reasons[0]}{several}",
        n_real=analyses[0].n_real,
        n_fake=min(a.n_fake for a in analyses),
        notes=tuple(dict.fromkeys(note for a in analyses for note in a.notes)),
    )


def check(level: float, target: Target, reference: Reference) -> None:
    """Refuse what is not a level, a target or a treatment of the reference."""
    problems = []
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        problems.append(f"`level` is {level!r}; it must lie between 0 and 1, such as 0.95")
    if target not in ("T_N", "T_inf"):
        problems.append(f"`target` is {target!r}; it must be 'T_N' or 'T_inf'")
    if reference not in ("fixed", "random"):
        problems.append(f"`reference` is {reference!r}; it must be 'fixed' or 'random'")
    if problems:
        raise UsageError(problems)


def centred(analysis: Analysis, *, target: Target, reference: Reference) -> tuple[float, str]:
    """The value that the interval is centred at, and what to say about it."""
    if target == "T_N" or isinstance(analysis.form, NoInterval):
        return analysis.value, ""
    bias = analysis.bias
    if isinstance(bias, str):
        raise UsageError(f"`target` is 'T_inf', {bias}")
    return analysis.value - (bias.fake + (bias.real if reference == "random" else 0.0)), f", {bias.said}"


def bounds(
    analyses: Sequence[Analysis],
    centre: float,
    variance: float,
    degrees: float,
    level: float,
    *,
    slope: float = 0.0,
    slope_above: float | None = None,
    least: float = 0.0,
    quantile: float | None = None,
) -> tuple[float, float, str]:
    """Low and high around the centre, and the words for the quantile; a share's stay within [0, 1].

    A squared distance and its standard error are small together, so that a symmetric interval misses high. With a
    `slope`, low and high are the values whose own variance, variance + slope (value - centre) and not below `least`,
    makes the centre just as far off as the level allows: Wilson's construction. `slope_above` is the upper end's own
    slope, where it has one (`Variance.slope_above`). A given `quantile` (of standard errors)
    takes the place of that of `degrees`.
    """
    words = "normal quantile" if np.isinf(degrees) else f"t quantile, {degrees:.3g} degrees of freedom"
    if quantile is None:
        quantile = quantile_of(degrees, level)
    else:
        words = f"{quantile:.3g} standard errors"
    if analyses[0].share_of is None:
        # Where both sets nearly coincide the slope is a ratio of two rounding errors: it must not run away.
        most = quantile * float(np.sqrt(variance))
        steep = quantile**2 * slope / 2
        lean = min(steep, most)
        reach = float(np.sqrt(lean**2 + quantile**2 * variance))
        below = reach - lean if variance - slope * (reach - lean) >= least else quantile * float(np.sqrt(least))
        if steep > most:
            # The lower end needs no such bound, and is not where its variance would be negative: few clusters of many
            # rows have wide quantiles and no `least`, so that the interval would begin at the value itself.
            whole = quantile**2 * variance / (steep + float(np.sqrt(steep**2 + quantile**2 * variance)))
            below = max(whole, quantile * float(np.sqrt(least)))
        if slope_above is not None:
            lean = min(quantile**2 * slope_above / 2, most)
            reach = float(np.sqrt(lean**2 + quantile**2 * variance))
        floor = analyses[0].floor
        low = centre - below if floor is None else max(centre - below, min(floor, centre))
        return low, centre + reach + lean, words + (", score interval" if slope else "")
    # Wilson's interval at the sample size that a share with this variance would have: keeps its level near 0 and 1.
    rows = _rows(analyses)
    p = min(max(centre, 0.0), 1.0)
    held = min(max(p, 0.5 / rows), 1 - 0.5 / rows)
    weight = quantile**2 * max(variance, 1.0 / rows**2) / (held * (1.0 - held))
    middle = (p + weight / 2) / (1 + weight)
    half = float(np.sqrt(weight * p * (1.0 - p) + weight**2 / 4)) / (1 + weight)
    return min(middle - half, p), max(middle + half, p), words + ", Wilson"


def quantile_of(degrees: float, level: float) -> float:
    """Student's two-sided quantile at a level; the normal one for infinite degrees of freedom."""
    return student.quantile(0.5 + level / 2, degrees)


def at_the_boundary(analyses: Sequence[Analysis], centre: float) -> tuple[str, ...]:
    """A note where fewer than five rows are on the rarer side of a share: no construction keeps its level there."""
    if analyses[0].share_of is None or min(centre, 1.0 - centre) * _rows(analyses) >= 5:
        return ()
    return ("at the boundary: fewer than five rows on the rarer side, so the level is approximate",)


def _rows(analyses: Sequence[Analysis]) -> int:
    """Units that the share is a share of."""
    return min(a.units_fake if a.share_of == "fake" else a.units_real for a in analyses)
