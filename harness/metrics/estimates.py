"""One metric of two arrays with its interval: what a script asks for."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from harness.base import Estimate, Reference, Target, UsageError, derive_seed
from harness.metrics.analyses import analyse
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
    **parameters: Any,
) -> Estimate:
    """The metric `name` (`harness list metrics`) of two feature sets with its interval.

    `target` "T_N" is the expectation at these set sizes, what papers print; "T_inf" the population value (FD, KD).
    `reference` "random" counts the real set as one draw; "fixed" speaks about this very set. `parameters` are the
    metric's own, such as k. `clusters_real` and `clusters_fake` label rows that are not independent (one prompt, one
    video); `strata_real` and `strata_fake` label rows whose number per label was fixed beforehand (class-balanced
    generation). The same seed gives the same bytes; it matters to the k-NN metrics most (`replicates` splits of both
    sets).

    Raises UsageError for an unknown name or parameter, bad features, a target that the metric does not have, and where
    no interval holds: the message has the value then.
    """
    check(level, target, reference)
    if name not in (built_in := [row.name for row in METRICS]):
        raise UsageError(f"no metric '{name}'; known: {', '.join(built_in)}")
    found = analyse(
        {name: MetricCall(name, parameters)},
        real,
        fake,
        real_seed=derive_seed(seed, "real"),
        fake_seed=derive_seed(seed, "fake"),
        replicates=replicates,
        debias=target == "T_inf",
        design_real=Design(clusters_real, strata_real),
        design_fake=Design(clusters_fake, strata_fake),
    )
    if isinstance(form := found[name].form, NoInterval):
        raise UsageError(f"{form.reason}; the value of {name} is {found[name].value:.6g}, without an interval")
    return interval(found[name], level=level, target=target, reference=reference)
