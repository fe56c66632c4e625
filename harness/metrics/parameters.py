"""What the metrics beyond the first dozen are called with; the table of metrics has the rest."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.base import Count, Parameters, Positive, ShortSeed


class MIND(Parameters):
    """Parameters of `mind`, with torch-fidelity's defaults."""

    directions: Count = 1000
    seed: ShortSeed = 2020


class SlicedWasserstein(Parameters):
    """Parameters of `sliced_wasserstein`."""

    directions: Count = 200
    seed: ShortSeed = 0


class Wasserstein2(Parameters):
    """Parameters of `wasserstein2`; `regularisation` null is the exact distance, a number Sinkhorn's."""

    rows: Annotated[int, Field(ge=2, le=20_000)] = 5000
    regularisation: Positive | None = None
    seed: ShortSeed = 0


class Line(Parameters):
    """Parameters of `fd_infinity`: how many parts, and the seed that draws them."""

    points: Annotated[int, Field(ge=3)] = 15
    seed: ShortSeed = 0


class LineOfLogits(Line):
    """Parameters of `is_infinity`; `classes` vouches for encoders of one's own."""

    classes: Annotated[int, Field(ge=2)] | None = None


class C2ST(Parameters):
    """Parameters of `c2st`."""

    folds: Annotated[int, Field(ge=2)] = 5
    ridge: Positive = 1e-3
    seed: ShortSeed = 0


class RKE(Parameters):
    """Parameters of `rke`; `bandwidth` null is the cosine kernel of `vendi`."""

    bandwidth: Positive | None = None


class PRD(Parameters):
    """Parameters of `prd_f8` and `prd_f1_8`, as in Sajjadi et al. 2018; the seed draws the clusterings."""

    clusters: Annotated[int, Field(ge=2)] = 20
    repeats: Count = 10
    seed: ShortSeed = 0


class TopPR(Parameters):
    """Parameters of `topp` and `topr`: level of the bootstrap band, and the seed of bootstraps and projection."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: ShortSeed = 42


class Neighbours(Parameters):
    """Parameters of metrics of k nearest neighbours."""

    k: Annotated[int, Field(ge=1, le=100)] = 5


class SoftBalls(Parameters):
    """Parameters of `p_precision` and `p_recall`, as in Park & Kim 2023."""

    k: Annotated[int, Field(ge=1, le=100)] = 4
    scale: Positive = 1.2


class MMD(Parameters):
    """Parameters of `mmd`: bandwidths of their own, or multiples of the median distance between real rows.

    `permutations` (0: none, else at least 99) is how many relabellings the test of equal distributions takes.
    """

    bandwidths: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] | None = None
    multiples: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (0.5, 1.0, 2.0)
    permutations: Annotated[int, Field(ge=0)] = 0

    @field_validator("permutations")
    @classmethod
    def _enough_or_none(cls, value: int) -> int:
        if 0 < value < 99:
            raise ValueError(f"found {value}; 0 for no test, else at least 99: fewer cannot reach the level")
        return value


class CopyingTest(Parameters):
    """Parameters of `c_t`, with dgm-eval's defaults; `components` of more columns are kept, `least` fakes a cell."""

    cells: Count = 3
    components: Count = 64
    least: Annotated[int, Field(ge=0)] = 20
    seed: ShortSeed = 0


class Likelihood(Parameters):
    """Parameters of `fld`, `fls` and `fls_overfit`: fakes that count at most, and the seed of every draw."""

    most: Annotated[int, Field(ge=8)] = 10_000
    seed: ShortSeed = 0
