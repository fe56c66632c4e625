"""What a metric of the user's own is, and what an analysis is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from harness.metrics.processor import CPU, Processor


@dataclass(frozen=True)
class Effort:
    """How much an analysis may draw, `replicates` splits of both sets and the block jackknife (`debias`), and where.

    T_inf of FD needs the jackknife between 10 and 20 rows per column; None: only where it is cheap. `processor` is what
    multiplies wide features; values through another one differ by rounding.
    """

    replicates: int = 200
    debias: bool | None = None
    processor: Processor = CPU


class Metric(Protocol):
    """Any function of two feature sets; its interval comes from disjoint parts (limits: docs/statistics.md)."""

    def __call__(self, real: npt.NDArray[Any], fake: npt.NDArray[Any], /, **parameters: Any) -> float:
        """The metric of `real` (m, d) and `fake` (n, d)."""
        ...


@runtime_checkable
class InfluenceMetric(Protocol):
    """A metric that also knows its influence functions, and so needs no resampling."""

    def __call__(self, real: npt.NDArray[Any], fake: npt.NDArray[Any], /, **parameters: Any) -> float:
        """The metric of `real` (m, d) and `fake` (n, d)."""
        ...

    def influence(
        self, real: npt.NDArray[Any], fake: npt.NDArray[Any], /, **parameters: Any
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The derivative of the metric in the weight of each real row (m,) and each fake row (n,), times m and n."""
        ...


@runtime_checkable
class ValueAndInfluence(InfluenceMetric, Protocol):
    """An InfluenceMetric whose value comes with its influence functions at no further cost."""

    def value_and_influence(
        self, real: npt.NDArray[Any], fake: npt.NDArray[Any], /, **parameters: Any
    ) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What calling the metric gives, and what `influence` gives: (m,) and (n,)."""
        ...
