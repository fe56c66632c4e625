"""Kernel distances as published protocols compute them, where that is not what `kernel_distance` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.kernel.influence import analyse_kernel, pair_sums
from harness.metrics.kernel.kernels import kernel_function
from harness.metrics.kernel.sums import Groups, KernelSums, kernel_sums
from harness.metrics.processor import CPU, Processor
from harness.uncertainty import (
    Analysis,
    Bias,
    InfluenceForm,
    MetricCall,
    Pair,
    Rows,
    ThirdOrder,
    Vector,
    checked,
    positive_integer,
    with_defaults,
)

LEAST_SUBSETS = 5
KERNEL_PARAMETERS = ("degree", "gamma", "coef")
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
    own = {"subsets": subsets, "subset_size": subset_size, "degree": degree, "gamma": gamma, "coef": coef}
    return float(subset_distances(real, fake, seed=seed, first=first, **own).mean())


def subset_distances(real: npt.ArrayLike, fake: npt.ArrayLike, **parameters: Any) -> Vector:
    """The distance of each subset (subsets,); their standard deviation is no standard error of the mean.

    Parameters are those of `kid_subsets`.
    """
    drawn = _Drawn(*checked(real, fake), with_defaults(kid_subsets, parameters))
    if drawn.all_pairs:
        return kernel_sums(drawn.real, drawn.fake, drawn.kernel, groups=drawn.groups()).subsets
    return drawn.one_by_one(CPU)


class _Drawn:
    """The rows of each subset, `subsets` of them, as `kid_subsets` draws them with its parameters."""

    def __init__(self, real: Rows, fake: Rows, chosen: Mapping[str, Any]) -> None:
        rows = {"real": real, "fake": fake}
        size, first = positive_integer("subset_size", chosen["subset_size"]), chosen["first"]
        if positive_integer("subsets", chosen["subsets"]) < LEAST_SUBSETS:
            raise UsageError(f"`subsets` is {chosen['subsets']}: estimating their noise needs at least {LEAST_SUBSETS}")
        for side, values in rows.items():
            if not 2 <= size <= len(values):
                raise UsageError(
                    f"`subset_size` is {size} and `{side}` has {len(values)} rows; 2 to {len(values)} are possible"
                )
        if first not in rows:
            raise UsageError(f"`first` is {first!r}; it must be 'fake' or 'real'")
        self.real, self.fake, self.chosen = real, fake, dict(chosen)
        self.kernel = kernel_function(real.shape[1], **{name: chosen[name] for name in KERNEL_PARAMETERS})
        generator = np.random.RandomState(chosen["seed"])  # the peers' own, for their subsets
        order = (first, "real" if first == "fake" else "fake")
        self.subsets = [
            {side: generator.choice(len(rows[side]), size, replace=False) for side in order}
            for _ in range(chosen["subsets"])
        ]

    @property
    def all_pairs(self) -> bool:
        """Whether all pairs of rows are fewer than those of each subset, or hardly more."""
        of_subsets = len(self.subsets) * (2 * int(self.chosen["subset_size"])) ** 2
        return (len(self.real) + len(self.fake)) ** 2 <= WORTH * of_subsets

    def groups(self) -> Groups:
        """The subsets as `kernel_sums` takes them."""
        member = {side: np.zeros((len(rows), len(self.subsets))) for side, rows in self._sides().items()}
        for number, one in enumerate(self.subsets):
            for side, index in one.items():
                member[side][index, number] = 1.0
        # One stream draws both sides: the number of fakes decides the real rows too.
        drawn = (tuple(self.chosen[name] for name in ("subsets", "subset_size", "seed", "first")), len(self.fake))
        return Groups(member["real"], member["fake"], drawn)

    def one_by_one(self, processor: Processor) -> Vector:
        """The distance of each subset, from its rows alone."""
        sides = self._sides()
        parts = ([sides[side][one[side]] for side in sides] for one in self.subsets)
        sums = (kernel_sums(real, fake, self.kernel, processor=processor) for real, fake in parts)
        return np.array([each.distance for each in sums])

    def _sides(self) -> dict[str, Rows]:
        return {"real": self.real, "fake": self.fake}


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


CMMD_NOTE = "V-statistic, biased upwards by each row's pair with itself: T_inf, or kd with kernel rbf, is without"


def analyse_subsets(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The mean over subsets with the interval of the U-statistic, widened by the noise of the draw.

    Subsets are drawn independently given the images, and each has the U-statistic of all rows as its expectation. So
    the variance of their mean is that of the U-statistic plus the variance between subsets over their number. The fake
    influences are stretched by that much: draws of two generators count as independent, though a shared reference and
    seed give both the same real rows, which errs on the wide side.
    """
    drawn = _Drawn(pair.real, pair.fake, with_defaults(kid_subsets, call.parameters))
    sums = pair_sums(pair, drawn.kernel, effort.processor, drawn.groups() if drawn.all_pairs else None)
    values = sums.subsets if drawn.all_pairs else drawn.one_by_one(effort.processor)
    whole = analyse_kernel(pair, sums)
    freedom = len(values) - 1
    # Few subsets know their own variance badly: Student's variance, freedom / (freedom - 2), is what covers for it.
    noise = float(values.var(ddof=1)) / len(values) * freedom / (freedom - 2)
    assert isinstance(whole.form, InfluenceForm)
    influence, magnitude = whole.form.influence_fake, whole.form.magnitude
    of_images = float(influence.var(ddof=1)) / len(influence)
    stretch = 1.0 + noise / of_images if of_images > 0 else 1.0
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
    kernel = kernel_function(pair.real.shape[1], kernel="rbf", bandwidth=chosen["bandwidth"])
    sums = pair_sums(pair, kernel, effort.processor)
    whole = analyse_kernel(pair, sums)
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
