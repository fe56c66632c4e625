"""Kernel distances as published protocols compute them, where that is not what `kernel_distance` does."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.kernel.influence import analyse_kernel, pair_sums
from harness.metrics.kernel.kernels import kernel_function
from harness.metrics.kernel.sums import Groups, KernelSums, kernel_sums
from harness.uncertainty import (
    Analysis,
    Bias,
    InfluenceForm,
    MetricCall,
    Pair,
    ThirdOrder,
    Vector,
    checked,
    positive_integer,
    with_defaults,
)

LEAST_SUBSETS = 5
WORTH = 1.25  # all pairs of rows once, rather than those of each subset, up to that many times as many


def kid_subsets(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    seed: int = 2020,
    first: Literal["fake", "real"] = "fake",
) -> float:
    """Mean of the unbiased kernel distance over random subsets, as KID is printed; lower is better, may be negative.

    torch-fidelity's defaults and its draw: RandomState(`seed`), the `first` set's rows before the other's (its first
    input is the fake set). Given the images, its expectation is `kernel_distance`: it adds nothing but the noise of the
    draw. Raises UsageError for subsets larger than a set (clean-fid shrinks them in silence).
    """
    return float(
        subset_distances(
            real,
            fake,
            subsets=subsets,
            subset_size=subset_size,
            degree=degree,
            gamma=gamma,
            coef=coef,
            seed=seed,
            first=first,
        ).mean()
    )


def subset_distances(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    subsets: int,
    subset_size: int,
    degree: int,
    gamma: float | None,
    coef: float,
    seed: int,
    first: Literal["fake", "real"],
) -> Vector:
    """The distance of each subset (subsets,); their standard deviation is no standard error of the mean.

    Parameters are those of `kid_subsets`, whose defaults are the only ones.
    """
    values, _ = _subsets(
        real,
        fake,
        subsets=subsets,
        subset_size=subset_size,
        degree=degree,
        gamma=gamma,
        coef=coef,
        seed=seed,
        first=first,
    )
    return values


def _subsets(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    subsets: int,
    subset_size: int,
    degree: int,
    gamma: float | None,
    coef: float,
    seed: int,
    first: Literal["fake", "real"],
) -> tuple[Vector, KernelSums | None]:
    """The distance of each subset, and the sums over all rows where it was cheaper to take them from these."""
    rows = dict(zip(("real", "fake"), checked(real, fake), strict=True))
    size = positive_integer("subset_size", subset_size)
    if positive_integer("subsets", subsets) < LEAST_SUBSETS:
        raise UsageError(f"`subsets` is {subsets}: the noise of the draw shows from {LEAST_SUBSETS} subsets on")
    for side, values in rows.items():
        if not 2 <= size <= len(values):
            raise UsageError(
                f"`subset_size` is {size} and `{side}` has {len(values)} rows; 2 to {len(values)} are possible"
            )
    if first not in rows:
        raise UsageError(f"`first` is {first!r}; it must be 'fake' or 'real'")
    kernel = kernel_function(rows["real"].shape[1], degree=degree, gamma=gamma, coef=coef)
    generator = np.random.RandomState(seed)  # the peers' own, for their subsets
    order = (first, "real" if first == "fake" else "fake")
    drawn = [{side: generator.choice(len(rows[side]), size, replace=False) for side in order} for _ in range(subsets)]
    if (len(rows["real"]) + len(rows["fake"])) ** 2 <= WORTH * subsets * (2 * size) ** 2:
        member = {side: np.zeros((len(rows[side]), subsets)) for side in rows}
        for i, one in enumerate(drawn):
            for side, index in one.items():
                member[side][index, i] = 1.0
        sums = kernel_sums(rows["real"], rows["fake"], kernel, groups=Groups(member["real"], member["fake"]))
        return sums.subsets, sums
    parts = (kernel_sums(rows["real"][one["real"]], rows["fake"][one["fake"]], kernel) for one in drawn)
    return np.array([part.distance for part in parts]), None


def cmmd(real: npt.ArrayLike, fake: npt.ArrayLike, *, bandwidth: float = 10.0, scale: float = 1000.0) -> float:
    """`scale` times the squared MMD of a Gaussian kernel as a V-statistic, at least 0; lower is better.

    Jayasumana et al. 2024 on CLIP ViT-L/14@336 embeddings of length 1 (`clip` with `normalise: true`). A row is paired
    with itself, which adds `scale` (1 - mean kernel of different rows) / n for each set: two sets of one distribution
    do not score 0. `kernel_distance` with kernel rbf and this bandwidth is the U-statistic, without the scale.
    """
    if not np.isfinite(scale) or scale <= 0:
        raise UsageError(f"`scale` is {scale!r}; it must be positive")
    real_rows, fake_rows = checked(real, fake)
    sums = kernel_sums(real_rows, fake_rows, kernel_function(real_rows.shape[1], kernel="rbf", bandwidth=bandwidth))
    return scale * (sums.distance + sum(own_pairs(sums)))


def own_pairs(sums: KernelSums) -> tuple[float, float]:
    """What pairing each row with itself adds to the squared MMD, by real and by fake rows, for k(x, x) = 1."""
    return tuple((1.0 - float(mean.mean())) / len(mean) for mean in (sums.real, sums.fake))  # type: ignore[return-value]


KERNEL_PARAMETERS = ("degree", "gamma", "coef")
CMMD_NOTE = "V-statistic, biased upwards by each row's pair with itself: T_inf, or kd with kernel rbf, is without"


def analyse_subsets(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The mean over subsets with the interval of the U-statistic, widened by the noise of the draw.

    Subsets are drawn independently given the images, and each has the U-statistic of all rows as its expectation. So
    the variance of their mean is that of the U-statistic plus the variance between subsets over their number. The fake
    influences are stretched by that much: draws of two generators count as independent, though a shared reference and
    seed give both the same real rows, which errs on the wide side.
    """
    values, sums = _subsets(pair.real, pair.fake, **with_defaults(kid_subsets, call.parameters))
    kernel = {name: value for name, value in call.parameters.items() if name in KERNEL_PARAMETERS}
    whole = analyse_kernel(pair, kernel, sums=sums)
    freedom = len(values) - 1
    # Few subsets know their own variance badly: Student's variance, freedom / (freedom - 2), is what covers for it.
    drawn = float(values.var(ddof=1)) / len(values) * freedom / (freedom - 2)
    assert isinstance(whole.form, InfluenceForm)
    influence, magnitude = whole.form.influence_fake, whole.form.magnitude
    of_images = float(influence.var(ddof=1)) / len(influence)
    stretch = 1.0 + drawn / of_images if of_images > 0 else 1.0
    method = f"{whole.method}, plus the draw of {len(values)} subsets"
    return replace(
        whole,
        use="kid_subsets",
        value=float(values.mean()),
        form=replace(
            whole.form,
            influence_fake=influence * np.sqrt(stretch),
            # The noise of the draw neither grows with the distance nor is it skewed as that of the images: slope and
            # third-order terms stay theirs.
            magnitude=None if magnitude is None else magnitude * stretch,
        ),
        method=method,
        method_fixed=method,
    )


def analyse_cmmd(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The scaled V-statistic with the variance of the U-statistic, from which it differs by a factor 1 - 1/n, and bias.

    A row's pair with itself adds (1 - mean kernel)/n, which is what T_inf subtracts: it is the U-statistic then, to the
    last bit but one. Of clusters that is not known, as they hold other pairs that are alike.
    """
    chosen = with_defaults(cmmd, call.parameters)
    scale = float(chosen["scale"])
    kernel = {"kernel": "rbf", "bandwidth": chosen["bandwidth"]}
    sums = pair_sums(pair, kernel_function(pair.real.shape[1], **kernel))
    whole = analyse_kernel(pair, kernel, sums=sums)
    of_real, of_fake = own_pairs(sums)

    form = whole.form
    assert isinstance(form, InfluenceForm)
    third = form.third_order
    bias: Bias | str = "but the bias of cmmd is not known for clusters; ask for 'T_N'"
    if isinstance(whole.bias, Bias) and not pair.clustered:
        own = scale * (whole.bias.real + of_real), scale * (whole.bias.fake + of_fake)
        bias = Bias(*own, "minus the V-statistic's bias")
    return replace(
        whole,
        use="cmmd",
        value=scale * (whole.value + of_real + of_fake),
        form=InfluenceForm(
            influence_real=scale * form.influence_real,
            influence_fake=scale * form.influence_fake,
            pairs_real=scale * form.pairs_real,
            second_order_real=scale**2 * form.second_order_real,
            second_order_fake=scale**2 * form.second_order_fake,
            second_order_cross=scale**2 * form.second_order_cross,
            magnitude=None if form.magnitude is None else scale * form.magnitude,
            third_order=third and ThirdOrder(*(scale**3 * term for term in astuple(third))),
        ),
        bias=bias,
        notes=(*whole.notes, CMMD_NOTE),
    )
