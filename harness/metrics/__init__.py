"""Metrics: functions of two feature sets (m, d) and (n, d) that return a float. No I/O, no randomness, no torch."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from harness.metrics.authenticity import authenticity
from harness.metrics.conventions import cmmd, kid_subsets, sfid
from harness.metrics.diversity import inception_score, vendi
from harness.metrics.frechet import frechet_distance
from harness.metrics.kernel import kernel_distance
from harness.metrics.manifold import coverage, density, precision, recall
from harness.metrics.memorization import copied_share

__all__ = [
    "InfluenceMetric",
    "Metric",
    "authenticity",
    "cmmd",
    "copied_share",
    "coverage",
    "density",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "kid_subsets",
    "precision",
    "recall",
    "sfid",
    "vendi",
]


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
