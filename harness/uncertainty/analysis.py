"""What is kept of one metric on one pair of feature sets: enough for every interval, comparison and ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty.features import Rows
from harness.uncertainty.reference_set import ReferenceSet
from harness.uncertainty.sampling_units import Units

Vector = npt.NDArray[np.float64]
Tables = npt.NDArray[np.float64]  # (splits, G, G): real group, fake group


@dataclass(frozen=True)
class MetricCall:
    """A metric to analyse: `use` is a built-in name (fd, kd, precision, …) unless `function` computes it."""

    use: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., float] | None = None


@dataclass(frozen=True)
class ThirdOrder:
    """Third cumulants of each side (`third_*`) and how the variance moves with the value (`bend_*`), cubed units."""

    third_real: float
    third_fake: float
    bend_real: float
    bend_fake: float
    bend_cross: float


@dataclass(frozen=True)
class InfluenceForm:
    """A metric that is, to first order, a sum of means over real and over fake units.

    influence_real/fake  centred, one entry per independent unit: a row, or all copies of a repeated row
    pairs_real           degenerate kernel on pairs of real units that depend on the real seed only; its mean square is
                         second_order_real
    second_order_*       variances that the plug-in counts twice
    magnitude            for squared distances: the value with its own noise counted (FD itself, the V-statistic of KD);
                         the variance of the estimate is proportional to it along the line between the distributions
    third_order          of kernel distances; None where it is not known
    """

    influence_real: Vector
    influence_fake: Vector
    pairs_real: Vector = field(default_factory=lambda: np.zeros(1))
    second_order_real: float = 0.0
    second_order_fake: float = 0.0
    second_order_cross: float = 0.0
    magnitude: float | None = None
    third_order: ThirdOrder | None = None

    def widened(self, by: float) -> InfluenceForm:
        """The same with the standard deviation over fake images `by` times as large."""
        own = self.third_order
        # A mean of k sets has 1/k² of one set's third-order terms: with `by` = √k these are those of one set.
        third = own and ThirdOrder(
            own.third_real, own.third_fake * by**4, own.bend_real, own.bend_fake * by**4, own.bend_cross * by**2
        )
        return InfluenceForm(
            self.influence_real,
            np.asarray(self.influence_fake * by),
            self.pairs_real,
            self.second_order_real,
            self.second_order_fake * by**2,
            self.second_order_cross,
            self.magnitude,
            third,
        )


@dataclass(frozen=True)
class SplitForm:
    """A metric known by its values on disjoint parts of both sets.

    halves (splits, 2, 2), quarters (splits, 4, 4): the metric of each real group with each fake group of random splits;
    real groups depend on the real seed only, so that tables of generators scored against one reference are joint.
    influence_fake: of metrics that are means over fake rows where the reference is fixed (precision, density).
    """

    halves: Tables
    quarters: Tables | None = None
    influence_fake: Vector | None = None

    @property
    def method(self) -> str:
        """How a variance is had of the tables, in words."""
        parts = "halves, halved" if self.quarters is None else "halves and quarters, extrapolated"
        return f"variance between disjoint {parts}"

    def widened(self, by: float) -> SplitForm:
        """The same with the standard deviation over fake images `by` times as large."""

        def spread(tables: Tables) -> Tables:  # groups of fake rows stand in columns
            middle = tables.mean(axis=2, keepdims=True)
            return np.asarray(middle + by * (tables - middle))

        influence = self.influence_fake
        return SplitForm(
            spread(self.halves),
            None if self.quarters is None else spread(self.quarters),
            None if influence is None else np.asarray(influence * by),
        )


@dataclass(frozen=True)
class NoInterval:
    """A value without an interval, and the reason: too few independent units for any method to hold."""

    reason: str

    @property
    def influence_fake(self) -> None:
        """Unknown."""
        return None

    def widened(self, by: float) -> NoInterval:
        """The same: there is nothing to widen."""
        return self


class NoIntervalError(UsageError):
    """Raised by an analysis whose metric has a value on these sets, but no interval."""


@dataclass(frozen=True)
class Bias:
    """What a value has too much on average at these set sizes, by real and by fake rows; `said` is how that is known.

    The population value is the value less both. Zeros of a metric that is unbiased.
    """

    real: float
    fake: float
    said: str


UNBIASED = Bias(0.0, 0.0, "unbiased")


@dataclass(frozen=True)
class Analysis:
    """A metric's value with everything that its intervals need.

    form               how it varies; every decision about variances is made on this type
    units_real/fake    number of independent units (rows less exact repeats); effective_real/fake: n² / Σ size²
    bias               what a T_inf interval subtracts, or why there is no population value: "but …", "refused: …"
    real_seed, fake_seed  what was drawn on each side; equal real seeds make analyses joint
    strata_real/fake   the stratum of each unit, or None: influences are then centred within strata, and group labels
                       balanced over them
    clusters_fake      a number below 2**53 for the cluster of each fake unit, derived from its label, or None: image
                       sets that have one in common do not vary apart (see `seeds.means`)
    unit_of_fake       the unit of each fake row, or None where each row is one: what pairs rows of two sets needs it
    clustered          rows were declared to come in clusters, which are the units then
    share_of           the metric is a share in [0, 1] of the units of this side
    curve              recall and precision (2, points), where the value is read off a curve
    floor              what the metric cannot be below, if it is known to vary like a squared distance down to there
    """

    use: str
    value: float
    form: InfluenceForm | SplitForm | NoInterval
    n_real: int
    n_fake: int
    d: int
    units_real: int
    units_fake: int
    effective_real: float
    effective_fake: float
    method: str
    method_fixed: str
    bias: Bias | str
    real_seed: int = 0
    fake_seed: int = 0
    strata_real: Vector | None = None
    strata_fake: Vector | None = None
    clusters_fake: Vector | None = None
    unit_of_fake: Vector | None = None
    clustered: bool = False
    share_of: Literal["real", "fake"] | None = None
    floor: float | None = None
    conservative: bool = False
    notes: tuple[str, ...] = ()
    curve: Vector | None = None

    def to_parts(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """A JSON object and named arrays from which `from_parts` rebuilds the analysis bit for bit."""
        plain: dict[str, Any] = {}
        arrays: dict[str, npt.NDArray[Any]] = {}
        for part in (self, self.form):
            for item in fields(part):
                value = getattr(part, item.name)
                if isinstance(value, np.ndarray):
                    arrays[item.name] = value
                elif isinstance(value, Bias | ThirdOrder):
                    plain[item.name] = asdict(value)
                elif value is not None:
                    plain[item.name] = list(value) if isinstance(value, tuple) else value
        plain["form"] = type(self.form).__name__
        return plain, arrays

    @classmethod
    def from_parts(cls, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Analysis:
        """The analysis that `to_parts` took apart. Raises KeyError or TypeError for parts of something else."""
        values: dict[str, Any] = {**plain, **{name: np.asarray(array, np.float64) for name, array in arrays.items()}}
        values["notes"] = tuple(values["notes"])
        if isinstance(values["bias"], Mapping):
            values["bias"] = Bias(**values["bias"])
        if values.get("third_order") is not None:
            values["third_order"] = ThirdOrder(**values["third_order"])
        form = {kind.__name__: kind for kind in (InfluenceForm, SplitForm, NoInterval)}[values["form"]]

        def part(of: Any) -> dict[str, Any]:
            return {item.name: values[item.name] for item in fields(of) if item.name in values}

        return cls(**part(cls) | {"form": form(**part(form))})


def with_intervals(analyses: Sequence[Analysis]) -> None:
    """Raise UsageError, with the reason, where one of the analyses is a value alone."""
    for analysis in analyses:
        if isinstance(analysis.form, NoInterval):
            raise UsageError(f"{analysis.use} has no interval: {analysis.form.reason}")


def same_real(analyses: list[Analysis]) -> None:
    """Refuse to combine analyses of several reference sets, or whose draws on the real side are not joint."""
    with_intervals(analyses)
    sizes = sorted({(a.n_real, a.units_real) for a in analyses})
    if len(sizes) > 1:
        raise UsageError(
            f"the members were scored against reference sets of {' and '.join(str(n) for n, _ in sizes)} rows; "
            "only scores against one reference set can be combined"
        )
    if len({a.real_seed for a in analyses}) > 1:
        raise UsageError("the members were analysed with different real seeds; analyse them with one `real_seed`")
    if not all(same_strata(analyses[0].strata_real, a.strata_real) for a in analyses[1:]):
        raise UsageError("the members were analysed with different strata of the reference; give all the same ones")


def same_strata(one: Vector | None, other: Vector | None) -> bool:
    """Whether two sets have the same strata unit by unit, or both none."""
    return (one is None and other is None) or (one is not None and other is not None and np.array_equal(one, other))


@dataclass(frozen=True)
class Pair:
    """Rows (m, d) and (n, d), which of them belong together, and the seed of whatever is drawn on each side.

    What an analysis needs of the real side alone it asks `reference.once` for: other pairs have the same reference.
    """

    reference: ReferenceSet
    fake: Rows
    units_fake: Units
    fake_seed: int

    @property
    def real(self) -> Rows:
        """The real rows (m, d)."""
        return self.reference.rows

    @property
    def units_real(self) -> Units:
        """The independent units of the real rows."""
        return self.reference.units

    @property
    def real_seed(self) -> int:
        """The seed of whatever is drawn on the real side."""
        return self.reference.seed

    @property
    def clustered(self) -> bool:
        """Whether rows of either side were declared to come in clusters."""
        return self.units_real.clustered or self.units_fake.clustered

    @property
    def few(self) -> bool:
        """Whether either side has few units of several rows each."""
        return self.units_real.few or self.units_fake.few

    def turned(self) -> Pair:
        """The pair with real and fake rows in each other's places; what is drawn on a side stays with its rows."""
        return Pair(
            ReferenceSet(self.fake, self.units_fake, self.fake_seed), self.real, self.units_real, self.real_seed
        )

    def sizes(self) -> dict[str, Any]:
        """Those fields of an Analysis that say how large the sets are, by name."""
        return {
            "n_real": len(self.real),
            "n_fake": len(self.fake),
            "d": self.real.shape[1],
            "units_real": self.units_real.count,
            "units_fake": self.units_fake.count,
            "effective_real": self.units_real.effective,
            "effective_fake": self.units_fake.effective,
            # Where every row is a unit they come in the same order.
            "unit_of_fake": None if self.units_fake.count == len(self.fake) else self.units_fake.of.astype(np.float64),
        }
