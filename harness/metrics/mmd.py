"""MMD with Gaussian kernels of several bandwidths at once (Gretton et al. 2012): differences at any scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.kernel.influence import analyse_kernel, pair_sums
from harness.metrics.kernel.kernels import kernel_function
from harness.uncertainty import (
    UNBIASED,
    Analysis,
    InfluenceForm,
    MetricCall,
    Pair,
    Rows,
    ThirdOrder,
    checked,
    with_defaults,
)

ROWS = 2000  # real rows, evenly spaced, whose pairs give the median

MULTIPLES = (0.5, 1.0, 2.0)


def mmd(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    bandwidths: Sequence[float] | None = None,
    multiples: Sequence[float] = MULTIPLES,
    permutations: int = 0,
) -> float:
    """Squared MMD of the mean of Gaussian kernels exp(-|x - y|² / (2 σ²)), as the full U-statistic; lower is better.

    σ are the `bandwidths`, or, where these are None, `multiples` of the median distance between real rows: of the real
    ones alone, so that all generators are measured by one kernel. Unbiased: 0 for equal laws, and a little below 0 by
    chance. At most 2. `kd` with kernel rbf is that of one bandwidth.

    It sees any difference, but one at a scale far from its bandwidths only faintly. With `permutations` the notes of
    an Estimate tell the p of `mmd_test` with so many relabellings, and its power; they move no value.

    Raises UsageError for bad features or bandwidths.
    """
    left, right = checked(real, fake)
    chosen = widths(left, bandwidths, multiples)
    return float(np.mean([kernel_distance(left, right, kernel="rbf", bandwidth=width) for width in chosen]))


def widths(real: Rows, bandwidths: Sequence[float] | None, multiples: Sequence[float]) -> tuple[float, ...]:
    """The bandwidths that are meant."""
    name, given = ("multiples", multiples) if bandwidths is None else ("bandwidths", bandwidths)
    if not len(given) or not all(np.isfinite(each) and each > 0 for each in given):
        raise UsageError(f"`{name}` is {list(given)}; it must have at least one number, all positive")
    scale = 1.0 if bandwidths is not None else median_distance(real)
    return tuple(float(scale * each) for each in given)


def median_distance(rows: Rows) -> float:
    """The median distance between different rows, of 2,000 evenly spaced ones where there are more."""
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)].astype(np.float64)
    some = some - some.mean(axis=0)
    norms = (some**2).sum(axis=1)
    squared = norms[:, None] + norms - 2.0 * (some @ some.T)
    found = float(np.median(np.maximum(squared[np.triu_indices(len(some), 1)], 0.0)) ** 0.5)
    if found <= 0:
        raise UsageError("`real` has mostly equal rows: their median distance is 0; give `bandwidths`")
    return found


def analyse_mmd(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The mean over bandwidths, with the mean of their influences and pair terms.

    The second-order variance of the mean kernel is below the mean of those of its parts, by as much as it is over the
    pairs of real rows that are at hand for each. Third-order terms are the mean of the parts', which move together.
    """
    chosen: dict[str, Any] = with_defaults(mmd, call.parameters)
    permutations = chosen.pop("permutations")
    kernels = [kernel_function(pair.real.shape[1], kernel="rbf", bandwidth=w) for w in widths(pair.real, **chosen)]
    parts = [analyse_kernel(pair, pair_sums(pair, kernel, effort.processor)) for kernel in kernels]
    notes = (_tested(pair, effort, permutations, **chosen),) if permutations else ()
    forms = [part.form for part in parts if isinstance(part.form, InfluenceForm)]
    thirds = [form.third_order for form in forms if form.third_order is not None]
    pairs = np.mean([form.pairs_real for form in forms], axis=0)
    whole = float(np.mean([form.second_order_real for form in forms]))
    shared = float((pairs**2).mean()) / whole if whole > 0 else 1.0

    def second(of: str) -> float:
        return shared * float(np.mean([getattr(form, of) for form in forms]))

    value = float(np.mean([part.value for part in parts]))
    spread = second("second_order_real") + second("second_order_fake") + second("second_order_cross")
    biased = any(part.bias != UNBIASED for part in parts)
    return replace(
        parts[0],
        use="mmd",
        value=value,
        form=InfluenceForm(
            influence_real=np.asarray(np.mean([form.influence_real for form in forms], axis=0)),
            influence_fake=np.asarray(np.mean([form.influence_fake for form in forms], axis=0)),
            pairs_real=np.asarray(pairs),
            second_order_real=second("second_order_real"),
            second_order_fake=second("second_order_fake"),
            second_order_cross=second("second_order_cross"),
            magnitude=float(np.mean([form.magnitude or 0.0 for form in forms])),
            third_order=ThirdOrder(*np.mean([astuple(third) for third in thirds], axis=0)) if thirds else None,
        ),
        bias="but the bias of mmd is not known for strata; ask for 'T_N'" if biased else UNBIASED,
        conservative=not pair.few and value < 3.0 * float(np.sqrt(spread)),
        notes=notes,
    )


def _tested(pair: Pair, effort: Effort, permutations: int, **chosen: Any) -> str:
    """The test of equal distributions in words, or why these rows allow none."""
    from harness.metrics.two_sample import mmd_test  # which takes bandwidths from here

    for side, units in (("real", pair.units_real), ("fake", pair.units_fake)):
        if units.clustered or units.strata is not None or units.repeats:
            why = "come in clusters" if units.clustered else "repeat" if units.repeats else "come in strata"
            return f"no test of equal distributions: `{side}` rows {why}, so that labels cannot be exchanged"
    seed = [pair.real_seed, pair.fake_seed]
    found = mmd_test(pair.real, pair.fake, permutations=permutations, seed=seed, processor=effort.processor, **chosen)
    return found.words
