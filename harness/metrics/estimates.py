"""Metrics of two arrays, with their intervals or without: what a script asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt

from harness.base import Estimate, Reference, Target, UsageError, derive_seed
from harness.metrics.analyses import analyse, values_of
from harness.metrics.table import METRICS
from harness.uncertainty import Design, MetricCall, NoInterval, check, interval


def estimate(
    name: str,
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    target: Target = "T_N",
    reference: Reference = "random",
    level: float = 0.95,
    seed: int = 0,
    replicates: int = 200,
    clusters_real: npt.ArrayLike | None = None,
    clusters_fake: npt.ArrayLike | None = None,
    strata_real: npt.ArrayLike | None = None,
    strata_fake: npt.ArrayLike | None = None,
    training: npt.ArrayLike | None = None,
    **parameters: Any,
) -> Estimate:
    """Estimate of the metric `name` (`harness list metrics`) on two feature sets (n, d), with a confidence interval.

    `target`: "T_N" is the expected value at these sample sizes, as printed in papers; "T_inf" the population value (FD,
    KD). `reference`: treat the real set as one "random" sample, or as "fixed". `parameters` are those of the metric,
    such as k. `clusters_real` and `clusters_fake` label dependent rows (one prompt, one video); `strata_real` and
    `strata_fake` label rows with a fixed number per label (class-balanced generation). `training` (t, d) are the rows
    that the generator was trained on, for memorisation metrics; real rows must be held out from them. `seed` sets the
    random splits of k-NN metrics (`replicates` of them); the same seed gives the same bytes.

    Raises UsageError for an unknown name or parameter, invalid features, a target that the metric does not have, or if
    no valid interval exists; the message then contains the value.
    """
    found = estimate_all(
        {name: parameters},
        real,
        fake,
        target=target,
        reference=reference,
        level=level,
        seed=seed,
        replicates=replicates,
        clusters_real=clusters_real,
        clusters_fake=clusters_fake,
        strata_real=strata_real,
        strata_fake=strata_fake,
        training=training,
    )
    return found[name]


def estimate_all(
    metrics: Iterable[str] | Mapping[str, Mapping[str, Any]],
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    target: Target = "T_N",
    reference: Reference = "random",
    level: float = 0.95,
    seed: int = 0,
    replicates: int = 200,
    clusters_real: npt.ArrayLike | None = None,
    clusters_fake: npt.ArrayLike | None = None,
    strata_real: npt.ArrayLike | None = None,
    strata_fake: npt.ArrayLike | None = None,
    training: npt.ArrayLike | None = None,
) -> dict[str, Estimate]:
    """Estimates of several metrics on one pair of feature sets, by name, in the given order.

    `metrics` are names, or a mapping of names to parameters: `{"precision": {"k": 5}, "recall": {"k": 5}}`. Values and
    intervals equal those of `estimate` byte for byte. Precision, recall, density, coverage and authenticity share one
    nearest-neighbour search, which is most of their cost.

    Raises UsageError as `estimate` does.
    """
    check(level, target, reference)
    calls = _calls(metrics)
    found = analyse(
        calls,
        real,
        fake,
        real_seed=derive_seed(seed, "real"),
        fake_seed=derive_seed(seed, "fake"),
        replicates=replicates,
        debias=target == "T_inf",
        design_real=Design(clusters_real, strata_real),
        design_fake=Design(clusters_fake, strata_fake),
        training=training,
    )
    if without := [
        f"{one.form.reason}; the value of {name} is {one.value:.6g}, without an interval"
        for name, one in found.items()
        if isinstance(one.form, NoInterval)
    ]:
        raise UsageError(without)
    return {name: interval(one, level=level, target=target, reference=reference) for name, one in found.items()}


def measure(
    metrics: Iterable[str] | Mapping[str, Mapping[str, Any]],
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    training: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """Values of several metrics on one pair of feature sets, by name, without intervals.

    `metrics` are names (`harness list metrics`), or a mapping of names to parameters. Precision, recall, density,
    coverage and authenticity share one nearest-neighbour search. Nothing is cached. `training`: see `estimate`.

    Raises UsageError for an unknown name or parameter, and for invalid features.
    """
    return values_of(_calls(metrics), real, fake, training=training)


def _calls(metrics: Iterable[str] | Mapping[str, Mapping[str, Any]]) -> dict[str, MetricCall]:
    if isinstance(metrics, str):
        metrics = [metrics]
    asked = metrics if isinstance(metrics, Mapping) else {name: {} for name in metrics}
    built_in = [row.name for row in METRICS]
    for name in asked:
        if name not in built_in:
            raise UsageError(f"no metric '{name}'; known: {', '.join(built_in)}")
    return {name: MetricCall(name, parameters) for name, parameters in asked.items()}
