"""What is kept of one metric on one pair of feature sets: enough for every interval, comparison and ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty.features import Rows
from harness.uncertainty.sampling_units import Units

Vector = npt.NDArray[np.float64]
ARRAYS = (
    "influence_real",
    "influence_fake",
    "pairs_real",
    "halves",
    "quarters",
    "strata_real",
    "strata_fake",
    "clusters_fake",
)


@dataclass(frozen=True)
class MetricCall:
    """A metric to analyse: `use` is a built-in name (fd, kd, precision, …) unless `function` computes it."""

    use: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., float] | None = None


@dataclass(frozen=True)
class Analysis:
    """A metric's value with everything its intervals need. Two families share it:

    influence form     influence_real, influence_fake (centred, one entry per independent unit: a row, or all copies of
                       a repeated row), second_order_* (variances the plug-in counts twice), pairs_real (degenerate
                       kernel on pairs of real units that depend on the real seed only; its mean square is
                       second_order_real)
    split form         halves (splits, 2, 2), quarters (splits, 4, 4): the metric of each real group with each fake
                       group of random splits; real groups depend on the real seed only, so that tables of
                       generators scored against one reference are joint. Precision and density are means over fake
                       rows when the reference is fixed, and have influence_fake for that.

    units_real/fake    number of independent units (rows less exact repeats); effective_real/fake: n² / Σ size²
    real_seed, fake_seed  what was drawn on each side; equal real seeds make analyses joint
    bias_real/fake     what a T_inf interval subtracts, or None where there is none
    strata_real/fake   the stratum of each unit, or None: influences are then centred within strata, and group labels
                       balanced over them
    bounded            the metric is a share in [0, 1]
    clusters_fake      a number below 2**53 for the cluster of each fake unit, derived from its label, or None: image
                       sets that have one in common do not vary apart (see `seeds.means`)
    clustered          rows were declared to come in clusters, which are the units then
    magnitude          for squared distances: the value with its own noise counted (FD itself, the V-statistic of KD);
                       the variance of the estimate is proportional to it along the line between the two distributions
    third_*, bend_*    third-order terms of kernel distances (see `skewness`), None where they are not known
    """

    use: str
    value: float
    n_real: int
    n_fake: int
    d: int
    method: str
    method_fixed: str
    units_real: int
    units_fake: int
    effective_real: float
    effective_fake: float
    real_seed: int = 0
    fake_seed: int = 0
    influence_real: Vector | None = None
    influence_fake: Vector | None = None
    pairs_real: Vector | None = None
    second_order_real: float = 0.0
    second_order_fake: float = 0.0
    second_order_cross: float = 0.0
    bias_real: float | None = None
    bias_fake: float | None = None
    bias_method: str | None = None
    halves: Vector | None = None
    quarters: Vector | None = None
    strata_real: Vector | None = None
    strata_fake: Vector | None = None
    clusters_fake: Vector | None = None
    bounded: bool = False
    clustered: bool = False
    magnitude: float | None = None
    third_real: float | None = None
    third_fake: float | None = None
    bend_real: float | None = None
    bend_fake: float | None = None
    bend_cross: float | None = None
    conservative: bool = False
    notes: tuple[str, ...] = ()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """A JSON object and named arrays from which `from_parts` rebuilds the analysis bit for bit."""
        plain: dict[str, Any] = {}
        arrays: dict[str, npt.NDArray[Any]] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ARRAYS:
                if value is not None:
                    arrays[item.name] = value
            else:
                plain[item.name] = list(value) if isinstance(value, tuple) else value
        return plain, arrays

    @classmethod
    def from_parts(cls, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Analysis:
        """The analysis that `to_parts` took apart."""
        known = {item.name for item in fields(cls)} - set(ARRAYS)
        values: dict[str, Any] = {name: plain[name] for name in known if name in plain}
        values["notes"] = tuple(values.get("notes", ()))
        values |= {name: np.asarray(arrays[name], np.float64) for name in ARRAYS if name in arrays}
        return cls(**values)


def same_real(analyses: list[Analysis]) -> None:
    """Refuse to combine analyses of several reference sets, or whose draws on the real side are not joint."""
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
    """Rows (m, d) and (n, d), which of them belong together, and the seed of whatever is drawn on each side."""

    real: Rows
    fake: Rows
    units_real: Units
    units_fake: Units
    real_seed: int
    fake_seed: int

    @property
    def clustered(self) -> bool:
        """Whether rows of either side were declared to come in clusters."""
        return self.units_real.clustered or self.units_fake.clustered

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
        }
