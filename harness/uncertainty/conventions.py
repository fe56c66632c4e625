"""Published versions of the distances: their value as it is printed, their interval from the full set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness.metrics.conventions import cmmd, kid_subsets, own_pairs, subset_distances
from harness.metrics.features import with_defaults
from harness.metrics.kernel import kernel_function, kernel_sums
from harness.uncertainty.analysis import Analysis
from harness.uncertainty.kernel import analyse_kernel
from harness.uncertainty.pair import Pair

KERNEL_PARAMETERS = ("degree", "gamma", "coef")
CMMD_NOTE = "V-statistic, biased upwards by each row's pair with itself: T_inf, or kd with kernel rbf, is without"


def analyse_subsets(pair: Pair, parameters: Mapping[str, Any]) -> Analysis:
    """The mean over subsets with the interval of the U-statistic, widened by the noise of the draw.

    Subsets are drawn independently given the images, and each has the U-statistic of all rows as its expectation. So
    the variance of their mean is that of the U-statistic plus the variance between subsets over their number. The fake
    influences are stretched by that much: draws of two generators count as independent, though a shared reference and
    seed give both the same real rows, which errs on the wide side.
    """
    values = subset_distances(pair.real, pair.fake, **with_defaults(kid_subsets, parameters))
    kernel = {name: value for name, value in parameters.items() if name in KERNEL_PARAMETERS}
    whole = analyse_kernel(pair, kernel)
    freedom = len(values) - 1
    # Few subsets know their own variance badly: Student's variance, freedom / (freedom - 2), is what covers for it.
    drawn = float(values.var(ddof=1)) / len(values) * freedom / (freedom - 2)
    influence = whole.influence_fake
    assert influence is not None
    of_images = float(influence.var(ddof=1)) / len(influence)
    stretch = 1.0 + drawn / of_images if of_images > 0 else 1.0
    method = f"{whole.method}, plus the draw of {len(values)} subsets"
    return replace(
        whole,
        use="kid_subsets",
        value=float(values.mean()),
        influence_fake=influence * np.sqrt(stretch),
        # The noise of the draw neither grows with the distance nor is it skewed as that of the images: slope and
        # third-order terms stay theirs.
        magnitude=None if whole.magnitude is None else whole.magnitude * stretch,
        method=method,
        method_fixed=method,
    )


def analyse_cmmd(pair: Pair, parameters: Mapping[str, Any]) -> Analysis:
    """The scaled V-statistic with the variance of the U-statistic, from which it differs by a factor 1 - 1/n, and bias.

    A row's pair with itself adds (1 - mean kernel)/n, which is what T_inf subtracts: it is the U-statistic then, to the
    last bit but one. Of clusters that is not known, as they hold other pairs that are alike.
    """
    chosen = with_defaults(cmmd, parameters)
    scale = float(chosen["scale"])
    kernel = {"kernel": "rbf", "bandwidth": chosen["bandwidth"]}
    sums = kernel_sums(pair.real, pair.fake, kernel_function(pair.real.shape[1], **kernel))
    whole = analyse_kernel(pair, kernel, sums=sums)
    of_real, of_fake = own_pairs(sums)

    def scaled(array: Any) -> Any:
        return None if array is None else scale * array

    def cubed(term: float | None) -> float | None:
        return None if term is None else scale**3 * term

    def bias(design: float | None, own: float) -> float | None:
        return None if design is None or pair.clustered else scale * (design + own)

    return replace(
        whole,
        use="cmmd",
        value=scale * (whole.value + of_real + of_fake),
        influence_real=scaled(whole.influence_real),
        influence_fake=scaled(whole.influence_fake),
        pairs_real=scaled(whole.pairs_real),
        second_order_real=scale**2 * whole.second_order_real,
        second_order_fake=scale**2 * whole.second_order_fake,
        second_order_cross=scale**2 * whole.second_order_cross,
        magnitude=scaled(whole.magnitude),
        third_real=cubed(whole.third_real),
        third_fake=cubed(whole.third_fake),
        bend_real=cubed(whole.bend_real),
        bend_fake=cubed(whole.bend_fake),
        bend_cross=cubed(whole.bend_cross),
        bias_real=bias(whole.bias_real, of_real),
        bias_fake=bias(whole.bias_fake, of_fake),
        bias_method="V-statistic's",
        notes=(*whole.notes, CMMD_NOTE),
    )
