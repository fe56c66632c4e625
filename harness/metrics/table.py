"""The one table of metrics: every fact of each in one row, importing none of them.

A built-in metric is its own file, its test and a row here. `analyse`, the leaderboard, the report, `harness gate` and
`harness list metrics` read the rows; nothing else names a metric in order to treat it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

import harness.metrics.parameters as given
from harness.base import ARRAYS, SKLEARN, Component, Count, Kind, NoParameters, Parameters, Positive, ShortSeed

Axis = Literal["fidelity", "diversity", "novelty", "fidelity and diversity together"]
Role = Literal["training", "real", "fake"]
TRAINING: Role = "training"
FIDELITY: Axis = "fidelity"
DIVERSITY: Axis = "diversity"
NOVELTY: Axis = "novelty"
WHOLE: Axis = "fidelity and diversity together"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts(Component):
    """What is known of a metric before it is imported; a user's own has the same row (`own_facts`).

    target    "module:function" of (real, fake) → float
    analysis  "module:function" of (call, pair, effort) → Analysis: the value with all that its intervals need. The
              default takes any function, by disjoint parts of both sets or the function's own influence functions
    together  the analysis takes all its metrics' calls at once, by name, and gives an Analysis for each
    values    "module:function" of (calls, real, fake) → values by name, of all metrics that share one search
    better    which values are; None for a user's own, whose benchmark says so
    label     head of its column
    citation  its name with the paper, for a methods section
    meaning   its entry in the report's glossary
    unseen    what it cannot see, in sentences; `tests/metrics/test_table.py` holds them against the exam
    axis      what it is about; `harness gate` tests axes apart, so that one cannot pay for another
    share     it is a share of a set, so that plots show it from 0 to 1
    blind     laws of the exam (`harness.studies.exam`) whose fault it cannot see, as its docstring says
    roles     sets that it reads; one that reads "training" takes these rows by that keyword, and its real rows must be
              held out from them
    reads     values of an encoder's parameter `layer` that alone it can read; empty where it reads any features
    least     fewest distinct rows a side that an interval takes, its k aside
    rows      fewest rows a side that its value takes under any encoder, its parameters aside
    columns   rows per feature column from which its population value is known; None where columns do not matter
    limitless it has no population value: it is always reported at the sizes of the sets
    """

    kind: Kind = "metrics"
    libraries: tuple[str, ...] = ARRAYS
    analysis: str = "harness.metrics.own:analyse_function"
    together: bool = False
    values: str = ""
    better: Literal["lower", "higher"] | None = None
    label: str = ""
    citation: str = ""
    meaning: str = ""
    unseen: str = ""
    axis: Axis = WHOLE
    share: bool = False
    blind: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ("real", "fake")
    reads: tuple[str, ...] = ()
    least: int = 2
    rows: int = 1
    columns: int | None = None
    limitless: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """The function and its analysis: what both hang on decides a score."""
        return (self.target, self.analysis)

    @property
    def trains(self) -> bool:
        """Whether it reads the rows that the generator was trained on."""
        return TRAINING in self.roles

    def fewest(self, parameters: Mapping[str, Any]) -> int:
        """Distinct rows a side that an interval takes: half of them still need k neighbours."""
        k = parameters.get("k")
        return self.least if k is None else max(self.least, 2 * (int(k) + 1))


def own_facts(use: str, **facts: Any) -> MetricFacts:
    """The row of a metric of the user's own: labelled by its name, analysed as any function is, without a limit."""
    facts = {"target": use, "summary": "", "origin": "module"} | facts
    return MetricFacts(name=use, label=use, citation=use, least=8, limitless=True, **facts)


def facts_of(use: str) -> MetricFacts:
    """The row of a built-in metric, or that of a user's own of this name."""
    return _ROWS[use] if use in _ROWS else own_facts(use)


THREE: tuple[Role, ...] = ("training", "real", "fake")
NEIGHBOURS = "harness.metrics.manifold.combined:analyse_balls"
NEIGHBOUR_VALUES = "harness.metrics.manifold.combined:ball_values"
PRD = "harness.metrics.prd:analyse_prd"
PRD_VALUES = "harness.metrics.prd:prd_values"

METRICS: tuple[MetricFacts, ...] = (
    MetricFacts(
        name="fd",
        target="harness.metrics.frechet.distance:frechet_distance",
        analysis="harness.metrics.frechet.influence:analyse_frechet",
        summary="Fréchet distance of Gaussians fitted to the features",
        parameters=NoParameters,
        better="lower",
        label="FD",
        citation="Fréchet distance (Heusel et al. 2017)",
        meaning="Fréchet distance between Gaussians fitted to the features of real and generated "
        "images. 0 is best. Its scale depends on the encoder and it falls as n grows, so "
        "compare it only under the same encoder and the same n. Called FID if the encoder is "
        "Inception.",
        unseen="Differences beyond means and covariances. Copies of training images.",
        columns=10,
    ),
    MetricFacts(
        name="kd",
        target="harness.metrics.kernel.distance:kernel_distance",
        analysis="harness.metrics.kernel.influence:analyse_kd",
        summary="squared MMD, unbiased, over all pairs (kernel distance)",
        parameters=KernelDistance,
        better="lower",
        label="KD",
        citation="kernel distance, unbiased (Bińkowski et al. 2018)",
        meaning="Kernel distance between the features of real and generated images. Unbiased: it does "
        "not fall as n grows, and can be below 0 for a perfect generator. Called KID if the "
        "encoder is Inception.",
        unseen="Copies of training images. With few images, fakes that crowd at the centre of each mode.",
    ),
    MetricFacts(
        name="precision",
        target="harness.metrics.manifold.values:precision",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="share of fakes inside the real images' k-NN balls",
        parameters=ClosedBalls,
        better="higher",
        label="precision",
        citation="precision (Kynkäänniemi et al. 2019)",
        meaning="Share of generated images near a real one: fidelity.",
        unseen="Missing modes and copies of training images. Fakes that crowd at the centre of the real images "
        "raise it.",
        axis=FIDELITY,
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="recall",
        target="harness.metrics.manifold.values:recall",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="share of real images inside the fakes' k-NN balls",
        parameters=ClosedBalls,
        better="higher",
        label="recall",
        citation="recall (Kynkäänniemi et al. 2019)",
        meaning="Share of real images near a generated one: diversity.",
        unseen="Fakes that look like nothing real, and copies of training images.",
        axis=DIVERSITY,
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="density",
        target="harness.metrics.manifold.values:density",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="real k-NN balls that each fake lies in, over k",
        parameters=OpenBalls,
        better="higher",
        label="density",
        citation="density (Naeem et al. 2020)",
        meaning="Mean number of real images' neighbourhoods that contain a generated image, relative "
        "to its expectation: fidelity. About 1 for real images; above 1 if generated images "
        "crowd where real ones are dense.",
        unseen="Missing modes and copies of training images. Fakes that crowd at the centre of the real images "
        "raise it, without limit.",
        axis=FIDELITY,
        limitless=True,
    ),
    MetricFacts(
        name="coverage",
        target="harness.metrics.manifold.values:coverage",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="share of real images whose k-NN ball holds a fake",
        parameters=OpenBalls,
        better="higher",
        label="coverage",
        citation="coverage (Naeem et al. 2020)",
        meaning="Share of real images with a generated one in their neighbourhood: diversity.",
        unseen="Fakes that look like nothing real, and copies of training images. Fakes that crowd at the "
        "centre of each mode raise it.",
        axis=DIVERSITY,
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="authenticity",
        target="harness.metrics.manifold.authenticity:authenticity",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="share of fakes that are not copies, by nearest distances",
        parameters=NoParameters,
        better="higher",
        label="authenticity",
        citation="authenticity (Alaa et al. 2022)",
        meaning="Share of generated images further from the nearest real one than that one is from "
        "its own nearest neighbour: 0 for copies, about 1/2 for fresh draws, more for images "
        "far from all.",
        unseen="Quality: fakes far from all real images score best. Missing modes. It detects copies only if "
        "the real images are the training images.",
        axis=NOVELTY,
        share=True,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="sfid",
        target="harness.metrics.frechet.sfid:sfid",
        analysis="harness.metrics.frechet.sfid:analyse_sfid",
        summary="Fréchet distance of ADM's spatial features (sFID)",
        parameters=NoParameters,
        better="lower",
        label="sFID",
        citation="sFID (Nash et al. 2021; Dhariwal & Nichol 2021)",
        unseen="Differences beyond means and covariances, here of spatial features. Copies of training images.",
        reads=("sfid",),
        columns=10,
    ),
    MetricFacts(
        name="kid_subsets",
        target="harness.metrics.kernel.published:kid_subsets",
        analysis="harness.metrics.kernel.published:analyse_subsets",
        summary="KID as usually printed: mean over random subsets",
        parameters=KernelSubsets,
        better="lower",
        label="kid_subsets",
        citation="kernel distance over random subsets (Bińkowski et al. 2018)",
        unseen="Copies of training images. With few images, fakes that crowd at the centre of each mode.",
    ),
    MetricFacts(
        name="cmmd",
        target="harness.metrics.kernel.published:cmmd",
        analysis="harness.metrics.kernel.published:analyse_cmmd",
        summary="squared MMD, Gaussian kernel, V-statistic × 1000 (CMMD)",
        parameters=CMMD,
        better="lower",
        label="CMMD",
        citation="CMMD, V-statistic (Jayasumana et al. 2024)",
        unseen="Copies of training images. Differences at a scale far from its bandwidth count little.",
    ),
    MetricFacts(
        name="inception_score",
        target="harness.metrics.diversity:inception_score",
        summary="Inception score of class logits",
        parameters=InceptionScore,
        better="higher",
        label="IS",
        citation="Inception score (Salimans et al. 2016)",
        unseen="Anything about the real images, which it does not read: fakes that are shifted, noise, look "
        "like nothing real, crowd or scatter around a class. Copies of training images and repeats of "
        "one image per class.",
        blind=("shift", "narrow", "wide", "noise", "mode invented", "repeats"),
        reads=("logits", "logits_unbiased"),
        limitless=True,
    ),
    MetricFacts(
        name="fd_infinity",
        target="harness.metrics.extrapolated.fd:fd_infinity",
        analysis="harness.metrics.extrapolated.fd:analyse_fd_infinity",
        summary="FD extrapolated to infinitely many fakes (FD∞)",
        parameters=given.Line,
        better="lower",
        label="FD∞",
        citation="FD∞ (Chong & Forsyth 2020)",
        meaning="FD extrapolated to infinitely many generated images; the bias from the finite real set remains.",
        unseen="Differences beyond means and covariances. Copies of training images.",
        limitless=True,
    ),
    MetricFacts(
        name="mmd",
        target="harness.metrics.mmd:mmd",
        analysis="harness.metrics.mmd:analyse_mmd",
        summary="squared MMD, unbiased, several Gaussian bandwidths",
        parameters=given.MMD,
        better="lower",
        label="MMD",
        citation="squared MMD, Gaussian kernels (Gretton et al. 2012)",
        meaning="Kernel distance with kernels of several bandwidths, sensitive to differences at each "
        "of these scales. Unbiased: it does not fall as n grows, and can be below 0 for a "
        "perfect generator.",
        unseen="Copies of training images. Differences at a scale far from its bandwidths count little.",
    ),
    MetricFacts(
        name="mind",
        target="harness.metrics.sliced.mind:mind",
        summary="Monge Inception Distance: sliced W₂², scaled like FD",
        parameters=given.MIND,
        better="lower",
        label="MIND",
        citation="Monge Inception Distance (Berthet et al. 2026)",
        meaning="Mean distance between all quantiles of the two sets along a thousand random "
        "directions. 0 is best; it falls as n grows.",
        unseen="Copies of training images. A shift in one of d feature columns counts little: 1/d of its square.",
        limitless=True,
    ),
    MetricFacts(
        name="sliced_wasserstein",
        target="harness.metrics.sliced.wasserstein:sliced_wasserstein",
        summary="mean squared Wasserstein distance of random projections",
        parameters=given.SlicedWasserstein,
        better="lower",
        label="SW₂²",
        citation="sliced Wasserstein distance, squared (Bonneel et al. 2015)",
        meaning="Mean squared distance between the two sets along random directions. 0 is best; it falls as n grows.",
        unseen="Copies of training images. A shift in one of d feature columns counts little: 1/d of its square.",
        limitless=True,
    ),
    MetricFacts(
        name="wasserstein2",
        target="harness.metrics.wasserstein2:wasserstein2",
        summary="squared 2-Wasserstein distance: best pairing of both sets",
        parameters=given.Wasserstein2,
        better="lower",
        label="W₂²",
        citation="squared 2-Wasserstein distance (exact assignment, or Sinkhorn: Cuturi 2013)",
        meaning="Smallest mean squared distance over all pairings of generated with real images. It "
        "falls slowly as n grows, so compare it only at the same n.",
        unseen="Copies of training images. In high dimension, fakes that crowd at the centre of the real "
        "images lower it.",
        limitless=True,
    ),
    MetricFacts(
        name="kl_forward",
        target="harness.metrics.manifold.kl:kl_forward",
        analysis="harness.metrics.manifold.kl:analyse_forward",
        summary="KL(real ‖ fake) by nearest neighbours: missed modes",
        parameters=given.Neighbours,
        better="lower",
        label="KL real‖fake",
        citation="KL divergence by k-NN (Wang, Kulkarni & Verdú 2009)",
        meaning="How surprising real images are to the generator, in nats. Large if it misses some; "
        "well below 0 if generated images crowd inside the real ones.",
        unseen="Copies of training images. Fakes that crowd at the centre of the real images lower it, and "
        "repeats can lower it or make it undefined.",
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="kl_reverse",
        target="harness.metrics.manifold.kl:kl_reverse",
        analysis="harness.metrics.manifold.kl:analyse_reverse",
        summary="KL(fake ‖ real) by nearest neighbours: unrealistic images",
        parameters=given.Neighbours,
        better="lower",
        label="KL fake‖real",
        citation="KL divergence by k-NN (Wang, Kulkarni & Verdú 2009)",
        meaning="How surprising generated images are among real ones, in nats. Large if some look "
        "like nothing real; well below 0 if they scatter around the real ones.",
        unseen="Copies of training images. Fakes that scatter around the real images, and noise, lower it. "
        "Modes in the wrong proportion count little; repeats can make it undefined.",
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="c2st",
        target="harness.metrics.c2st:c2st",
        analysis="harness.metrics.c2st:analyse_c2st",
        summary="accuracy of a linear classifier of real against fake",
        parameters=given.C2ST,
        better="lower",
        label="C2ST",
        citation="classifier two-sample test (Lopez-Paz & Oquab 2017), linear",
        meaning="Accuracy of a linear classifier of real against generated images. Best is 1/2.",
        unseen="What no plane separates: fakes that crowd or scatter around the real images with the same "
        "mean, repeats, copies of training images.",
        blind=(
            *("narrow", "wide", "repeats", "cube in 2", "cube in 16", "cube in 64"),
            *("sphere in 2", "sphere in 16", "sphere in 64"),
        ),
        least=40,
        limitless=True,
    ),
    MetricFacts(
        name="f_score",
        target="harness.metrics.manifold.combined:f_score",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="harmonic mean of precision and recall",
        parameters=ClosedBalls,
        better="higher",
        label="F score",
        citation="F score of precision and recall (Kynkäänniemi et al. 2019)",
        meaning="Harmonic mean of precision and recall.",
        unseen="Which of precision and recall is low. Modes in the wrong proportion, and copies of training images.",
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="prd_f8",
        target="harness.metrics.prd:prd_f8",
        analysis=PRD,
        together=True,
        values=PRD_VALUES,
        summary="recall end of the precision-recall curve over clusters",
        parameters=given.PRD,
        better="higher",
        label="PRD F₈",
        citation="PRD, F₈ (Sajjadi et al. 2018)",
        meaning="Best F₈ of the curve of precision and recall over clusters of both sets: diversity.",
        unseen="Differences within a cluster, fakes that look like nothing real, and copies of training images.",
        axis=DIVERSITY,
        least=20,
        limitless=True,
    ),
    MetricFacts(
        name="prd_f1_8",
        target="harness.metrics.prd:prd_f1_8",
        analysis=PRD,
        together=True,
        values=PRD_VALUES,
        summary="precision end of the precision-recall curve over clusters",
        parameters=given.PRD,
        better="higher",
        label="PRD F₁/₈",
        citation="PRD, F₁/₈ (Sajjadi et al. 2018)",
        meaning="Best F₁/₈ of the curve of precision and recall over clusters of both sets: fidelity.",
        unseen="Differences within a cluster, and copies of training images. Not fidelity alone: missing modes "
        "and repeats lower it.",
        axis=FIDELITY,
        least=20,
        limitless=True,
    ),
    MetricFacts(
        name="realism",
        target="harness.metrics.manifold.realism:realism",
        analysis="harness.metrics.manifold.realism:analyse_realism",
        summary="mean realism of single fakes",
        parameters=given.Neighbours,
        better="higher",
        label="realism",
        citation="realism score, mean (Kynkäänniemi et al. 2019)",
        meaning="Mean depth of generated images in the neighbourhood of a real one; above 1 is inside.",
        unseen="Missing modes. Copies of training images, which score best. Fakes that crowd at the centre of "
        "the real images raise it.",
        axis=FIDELITY,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="p_precision",
        target="harness.metrics.manifold.probabilistic:p_precision",
        analysis="harness.metrics.manifold.probabilistic:analyse_p_precision",
        summary="mean probability that a fake is in the real support",
        parameters=given.SoftBalls,
        better="higher",
        label="P-precision",
        citation="probabilistic precision (Park & Kim 2023)",
        meaning="Mean probability that a generated image lies where real ones do: fidelity.",
        unseen="Missing modes and copies of training images. Fakes that crowd at the centre of the real images "
        "raise it.",
        axis=FIDELITY,
        share=True,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="p_recall",
        target="harness.metrics.manifold.probabilistic:p_recall",
        analysis="harness.metrics.manifold.probabilistic:analyse_p_recall",
        summary="mean probability that a real image is in the fake support",
        parameters=given.SoftBalls,
        better="higher",
        label="P-recall",
        citation="probabilistic recall (Park & Kim 2023)",
        meaning="Mean probability that a real image lies where generated ones do: diversity.",
        unseen="Fakes that look like nothing real, and copies of training images.",
        axis=DIVERSITY,
        share=True,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="sym_precision",
        target="harness.metrics.manifold.combined:sym_precision",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="minimum of precision and its counterpart on fakes' balls",
        parameters=OpenBalls,
        better="higher",
        label="sym. precision",
        citation="symmetric precision (Khayatkhoei & AbdAlmageed 2023)",
        meaning="Share of generated images near a real one, by real neighbourhoods and by generated "
        "ones: the smaller of the two.",
        unseen="Copies of training images. Not fidelity alone: missing modes and repeats lower it.",
        axis=FIDELITY,
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="sym_recall",
        target="harness.metrics.manifold.combined:sym_recall",
        analysis=NEIGHBOURS,
        together=True,
        values=NEIGHBOUR_VALUES,
        summary="minimum of recall and coverage",
        parameters=OpenBalls,
        better="higher",
        label="sym. recall",
        citation="symmetric recall (Khayatkhoei & AbdAlmageed 2023)",
        meaning="Share of real images near a generated one, by generated neighbourhoods and by real "
        "ones: the smaller of the two.",
        unseen="Fakes that look like nothing real, and copies of training images.",
        axis=DIVERSITY,
        share=True,
        limitless=True,
    ),
    MetricFacts(
        name="topp",
        target="harness.metrics.topp:topp",
        analysis="harness.metrics.topp:analyse_topp",
        summary="share of fakes, noise aside, in the real images' support",
        parameters=given.TopPR,
        better="higher",
        label="TopP",
        citation="topological precision (Kim et al. 2023)",
        meaning="Share of generated images, noise aside, in the estimated support of the real ones: fidelity.",
        unseen="Missing modes and copies of training images. A few isolated fakes count as noise. Fakes that "
        "crowd at the centre of the real images change nothing.",
        axis=FIDELITY,
        least=24,
        rows=161,  # five for each of the 32 columns that features are projected on, and one
        limitless=True,
    ),
    MetricFacts(
        name="topr",
        target="harness.metrics.topp:topr",
        analysis="harness.metrics.topp:analyse_topr",
        summary="share of real images, noise aside, in the fakes' support",
        parameters=given.TopPR,
        better="higher",
        label="TopR",
        citation="topological recall (Kim et al. 2023)",
        meaning="Share of real images, noise aside, in the estimated support of the generated ones: diversity.",
        unseen="Fakes that look like nothing real, and copies of training images. Fakes that crowd at the "
        "centre of each mode hardly change it.",
        axis=DIVERSITY,
        least=24,
        rows=161,  # five for each of the 32 columns that features are projected on, and one
        limitless=True,
    ),
    MetricFacts(
        name="alpha_precision",
        target="harness.metrics.manifold.alaa:alpha_precision",
        analysis="harness.metrics.manifold.alaa:analyse_alpha_precision",
        summary="do fakes lie as far from the real mean as real images do",
        parameters=NoParameters,
        better="higher",
        label="α-precision",
        citation="integrated α-precision (Alaa et al. 2022)",
        meaning="Agreement of the distances of generated and real images from the real mean: fidelity. 1 is best.",
        unseen="The direction in which fakes lie: it reads only distances from the real mean. Missing modes "
        "that keep these distances, and copies of training images.",
        axis=FIDELITY,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="beta_recall",
        target="harness.metrics.manifold.alaa:beta_recall",
        analysis="harness.metrics.manifold.alaa:analyse_beta_recall",
        summary="share of real images near a fake, from the fakes' centre",
        parameters=NoParameters,
        better="higher",
        label="β-recall",
        citation="integrated β-recall (Alaa et al. 2022)",
        meaning="Coverage of real images as generated ones are added from their mean outwards: diversity. 1 is best.",
        unseen="Fakes that look like nothing real, and copies of training images. Fakes that crowd at the "
        "centre of each mode raise it.",
        axis=DIVERSITY,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="clipped_density",
        target="harness.metrics.manifold.clipped:clipped_density",
        analysis="harness.metrics.manifold.clipped:analyse_clipped_density",
        summary="share of fakes in regions as dense as real images are",
        parameters=given.Neighbours,
        better="higher",
        label="clipped density",
        citation="clipped density (Salvy et al. 2025)",
        meaning="Share of generated images that look real; linear in that share and robust to outliers.",
        unseen="Missing modes and copies of training images. Fakes that crowd at the centre of the real images "
        "change nothing.",
        axis=FIDELITY,
        share=True,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="clipped_coverage",
        target="harness.metrics.manifold.clipped:clipped_coverage",
        analysis="harness.metrics.manifold.clipped:analyse_clipped_coverage",
        summary="share of good fakes that would give the same coverage",
        parameters=given.Neighbours,
        better="higher",
        label="clipped coverage",
        citation="clipped coverage (Salvy et al. 2025)",
        meaning="Share of good generated images that would cover the real ones equally well: diversity.",
        unseen="How bad the other fakes are, and copies of training images. Fakes that crowd at the centre of "
        "each mode change nothing.",
        axis=DIVERSITY,
        share=True,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="is_infinity",
        target="harness.metrics.extrapolated.inception_score:is_infinity",
        summary="IS extrapolated to infinitely many fakes (IS∞)",
        parameters=given.LineOfLogits,
        better="higher",
        label="IS∞",
        citation="IS∞ (Chong & Forsyth 2020)",
        unseen="Anything about the real images, which it does not read: fakes that are shifted, noise, look "
        "like nothing real, crowd or scatter around a class. Copies of training images and repeats of "
        "one image per class.",
        blind=("shift", "narrow", "wide", "noise", "mode invented", "repeats"),
        reads=("logits", "logits_unbiased"),
        limitless=True,
    ),
    MetricFacts(
        name="rke",
        target="harness.metrics.rke:rke",
        summary="effective number of distinct fakes, order 2 (Rényi)",
        parameters=given.RKE,
        better="higher",
        label="RKE",
        citation="Rényi kernel entropy (Jalali, Li & Farnia 2023)",
        unseen="Anything about the real images, which it does not read: fakes that are shifted, scaled or look like "
        "nothing real, and copies of training images.",
        axis=DIVERSITY,
        blind=("shift", "sphere in 2", "sphere in 16", "sphere in 64"),
        limitless=True,
    ),
    MetricFacts(
        name="vendi",
        target="harness.metrics.diversity:vendi",
        summary="effective number of distinct fakes (Vendi score)",
        parameters=NoParameters,
        better="higher",
        label="Vendi",
        citation="Vendi score (Friedman & Dieng 2023)",
        unseen="Anything about the real images, which it does not read: fakes that are shifted, scaled or look like "
        "nothing real, and copies of training images.",
        axis=DIVERSITY,
        blind=("shift", "sphere in 2", "sphere in 16", "sphere in 64"),
        limitless=True,
    ),
    MetricFacts(
        name="c_t",
        libraries=SKLEARN,
        target="harness.metrics.memorisation.copying:c_t",
        analysis="harness.metrics.memorisation.copying:analyse",
        summary="z-score of copying; below 0: close to training images",
        parameters=given.CopyingTest,
        better="higher",
        label="C_T",
        citation="C_T, the three-sample test of data copying (Meehan et al. 2020)",
        meaning="Whether generated images are closer to training images than held-out real ones are. "
        "Below about -3: copied. Far above 0: unlike anything real. Its size grows with n.",
        unseen="Missing modes. Copies of a few training images among many new fakes.",
        axis=NOVELTY,
        roles=THREE,
        least=8,
        limitless=True,
    ),
    MetricFacts(
        name="fld",
        target="harness.metrics.memorisation.likelihood:fld",
        analysis="harness.metrics.memorisation.likelihood:analyse_fld",
        summary="how poorly fakes predict held-out images (likelihood)",
        parameters=given.Likelihood,
        better="lower",
        label="FLD",
        citation="feature likelihood divergence (Jiralerspong et al. 2023)",
        meaning="How poorly generated images predict held-out real ones, compared with training "
        "images: about 0 is equally good. Copies raise it, as bad or missing images do.",
        unseen="Which of fidelity, diversity and novelty is low. Fakes that crowd at the centre of each mode. "
        "Modes in the wrong proportion count little.",
        blind=("narrow", "sphere in 16", "sphere in 64"),
        roles=THREE,
        least=16,
        limitless=True,
    ),
    MetricFacts(
        name="fls",
        target="harness.metrics.memorisation.likelihood:fls",
        analysis="harness.metrics.memorisation.likelihood:analyse_fls",
        summary="how well fakes predict held-out images (best: about 100)",
        parameters=given.Likelihood,
        better="higher",
        label="FLS",
        citation="feature likelihood score (Jiralerspong et al. 2023, first version; Stein et al. 2023)",
        meaning="How well generated images predict held-out real ones: 100 is as well as training "
        "images do. Copies lower it, as bad or missing images do.",
        unseen="Which of fidelity, diversity and novelty is low. Fakes that crowd at the centre of each mode. "
        "Modes in the wrong proportion count little.",
        blind=("narrow", "sphere in 16", "sphere in 64"),
        roles=THREE,
        least=16,
        limitless=True,
    ),
    MetricFacts(
        name="fls_overfit",
        target="harness.metrics.memorisation.likelihood:fls_overfit",
        analysis="harness.metrics.memorisation.likelihood:analyse_overfit",
        summary="share of fakes closer to training than to held-out images",
        parameters=given.Likelihood,
        better="lower",
        label="overfit share",
        citation="share of overfit Gaussians (Jiralerspong et al. 2023; Stein et al. 2023)",
        meaning="Share of generated images that predict training images better than held-out ones: "
        "about 1/2 at best, 1 if all are copies.",
        unseen="Quality and missing modes: only whether fakes are closer to training images than to held-out ones.",
        axis=NOVELTY,
        roles=THREE,
        share=True,
        least=16,
        limitless=True,
    ),
)
_ROWS = {row.name: row for row in METRICS}
