"""The built-in metrics: their parameters and facts, importing none of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.base import ARRAYS, Component, Count, NoParameters, Parameters, Positive, ShortSeed


class KernelDistance(Parameters):
    """Parameters of `kd`; `gamma` null is 1/d. Each kernel has its own and refuses the other's."""

    kernel: Literal["polynomial", "rbf"] = "polynomial"
    degree: Count = 3
    gamma: Positive | None = None
    coef: float = 1.0
    bandwidth: Positive | None = None

    @model_validator(mode="after")
    def _only_what_the_kernel_reads(self) -> KernelDistance:
        unread = {"polynomial": {"bandwidth"}, "rbf": {"degree", "gamma", "coef"}}[self.kernel]
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if ignored := sorted(unread & given):
            raise ValueError(f"the {self.kernel} kernel has no {' or '.join(ignored)}")
        if self.kernel == "rbf" and self.bandwidth is None:
            raise ValueError("the rbf kernel needs a bandwidth")
        return self


class KernelSubsets(Parameters):
    """Parameters of `kid_subsets`, with torch-fidelity's defaults; `first` is the set whose rows are drawn first."""

    subsets: Annotated[int, Field(ge=5)] = 100
    subset_size: Annotated[int, Field(ge=2)] = 1000
    degree: Count = 3
    gamma: Positive | None = None
    coef: float = 1.0
    seed: ShortSeed = 2020
    first: Literal["fake", "real"] = "fake"


class CMMD(Parameters):
    """Parameters of `cmmd`, as in Jayasumana et al. 2024."""

    bandwidth: Positive = 10.0
    scale: Positive = 1000.0


class InceptionScore(Parameters):
    """Parameters of `inception_score`: torch-fidelity's by default; ADM's are `split_size: 5000, shuffle: null`.

    `classes` vouches for encoders of one's own: their features are that many logits.
    """

    splits: Count = 10
    split_size: Annotated[int, Field(ge=2)] | None = None
    shuffle: ShortSeed | None = 2020
    classes: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _parts_are_counted_or_sized(self) -> InceptionScore:
        if self.split_size is not None and "splits" in self.model_fields_set:
            raise ValueError("found both splits and split_size; give one of them")
        return self


class ClosedBalls(Parameters):
    """Parameters of precision and recall, as in Kynkäänniemi et al. 2019."""

    k: Count = 3
    closed: bool = True


class OpenBalls(Parameters):
    """Parameters of density and coverage, as in Naeem et al. 2020."""

    k: Count = 5
    closed: bool = False


def _metric(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("metrics", name, f"harness.metrics:{target}", summary, parameters, libraries=ARRAYS, **facts)


METRICS: tuple[Component, ...] = (
    _metric(
        "fd", "frechet_distance", NoParameters, "Fréchet distance of Gaussians fitted to the features", better="lower"
    ),
    _metric(
        "kd", "kernel_distance", KernelDistance, "kernel distance: squared MMD, unbiased, all pairs", better="lower"
    ),
    _metric(
        "precision",
        "precision",
        ClosedBalls,
        "share of fakes inside the real images' k-NN balls",
        better="higher",
        limitless=True,
    ),
    _metric(
        "recall",
        "recall",
        ClosedBalls,
        "share of real images inside the fakes' k-NN balls",
        better="higher",
        limitless=True,
    ),
    _metric(
        "density",
        "density",
        OpenBalls,
        "real k-NN balls that each fake lies in, over k",
        better="higher",
        limitless=True,
    ),
    _metric(
        "coverage",
        "coverage",
        OpenBalls,
        "share of real images whose k-NN ball holds a fake",
        better="higher",
        limitless=True,
    ),
    _metric(
        "authenticity",
        "authenticity",
        NoParameters,
        "share of fakes further from a real image than its own neighbour",
        better="higher",
        limitless=True,
    ),
    _metric(
        "sfid",
        "sfid",
        NoParameters,
        "Fréchet distance of ADM's spatial features (sFID)",
        better="lower",
        reads=("sfid",),
    ),
    _metric(
        "kid_subsets",
        "kid_subsets",
        KernelSubsets,
        "kernel distance as the mean over random subsets, as KID is printed",
        better="lower",
    ),
    _metric("cmmd", "cmmd", CMMD, "squared MMD, Gaussian kernel, V-statistic × 1000 (CMMD)", better="lower"),
    _metric(
        "inception_score",
        "inception_score",
        InceptionScore,
        "Inception score of class logits",
        better="higher",
        reads=("logits", "logits_unbiased"),
        limitless=True,
    ),
    _metric(
        "vendi",
        "vendi",
        NoParameters,
        "Vendi score: effective number of different fakes",
        better="higher",
        limitless=True,
    ),
)
