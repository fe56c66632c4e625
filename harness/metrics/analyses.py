"""All metrics of one pair of feature sets, sharing what can be shared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import metrics
from harness.base import Estimate, Reference, Target, UsageError, derive_seed
from harness.metrics.frechet.influence import analyse_frechet
from harness.metrics.kernel.influence import analyse_kernel
from harness.metrics.kernel.published import analyse_cmmd, analyse_subsets, spatial
from harness.metrics.manifold.authenticity import analyse_authenticity
from harness.metrics.manifold.splits import BALL_METRICS, BallCall, analyse_balls
from harness.metrics.manifold.values import checked_for_balls
from harness.metrics.own import analyse_function
from harness.uncertainty import Analysis, MetricCall, Pair, check, checked, interval, stratified, units

KERNELS = {"kd": analyse_kernel, "kid_subsets": analyse_subsets, "cmmd": analyse_cmmd}
OF_FAKES = ("inception_score", "vendi")  # with influence functions of their own
BUILT_IN = ("fd", *KERNELS, "sfid", *BALL_METRICS, "authenticity", *OF_FAKES)


def analyse(
    calls: Mapping[str, MetricCall],
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    real_seed: int,
    fake_seed: int,
    replicates: int = 200,
    debias: bool | None = None,
    clusters_real: npt.ArrayLike | None = None,
    clusters_fake: npt.ArrayLike | None = None,
    strata_real: npt.ArrayLike | None = None,
    strata_fake: npt.ArrayLike | None = None,
) -> dict[str, Analysis]:
    """An Analysis per metric, in the order of `calls`.

    Whatever is drawn on the real side depends on `real_seed` and the real set only, so that analyses of several
    generators against one reference are joint; likewise `fake_seed`. Exact copies of a row count as one unit.
    `debias` asks for the block jackknife that T_inf of FD needs between 10 and 20 rows per column (default: only where
    it is cheap).

    `clusters_real` and `clusters_fake` hold a label per row where rows are not independent: the prompt, the class list,
    the video that an image came from. Clusters, not rows, are then what varies.

    `strata_real` and `strata_fake` hold a label per row where the number of rows of each label was fixed beforehand
    (class-balanced generation): what varies is then what lies within strata. Clusters may lie within strata.

    Raises UsageError for bad features, unknown metrics or parameters, fewer than 50 replicates (splits), strata with
    fewer than two units or units across strata.
    """
    if replicates < 50:
        raise UsageError(f"`replicates` is {replicates}; fewer than 50 splits give no usable standard error")
    ready = {name: _checked_call(name, call) for name, call in calls.items()}
    real_rows, fake_rows = checked(real, fake)
    balls = {name: call for name, call in ready.items() if isinstance(call, BallCall)}
    for ball in balls.values():
        checked_for_balls(real_rows, fake_rows, ball.k)
    units_real = stratified(units(real_rows, clusters_real, "clusters_real"), strata_real, "strata_real")
    units_fake = stratified(units(fake_rows, clusters_fake, "clusters_fake"), strata_fake, "strata_fake")
    for side, group in (("real", units_real), ("fake", units_fake)):
        if group.count < 2:
            raise UsageError(
                f"`{side}` has {group.rows} rows, all of them equal or in one cluster: there is no spread to estimate"
            )
    pair = Pair(real_rows, fake_rows, units_real, units_fake, real_seed, fake_seed)
    found: dict[str, Analysis] = {}
    if balls:
        found |= analyse_balls(balls, pair, replicates=replicates)
    for name, call in ready.items():
        if isinstance(call, BallCall):
            continue
        if call.function is not None or call.use in OF_FAKES:
            function = call.function or _built_in(call.use)
            found[name] = analyse_function(call.use, function, call.parameters, pair, replicates=replicates)
        elif call.use == "authenticity":
            found[name] = analyse_authenticity(pair, replicates=replicates)
        elif call.use in ("fd", "sfid"):
            if call.use == "sfid":
                spatial(real_rows)
            found[name] = analyse_frechet(pair, debias=debias)
        else:
            found[name] = KERNELS[call.use](pair, call.parameters)
    notes = tuple(note for note in (units_real.note("real"), units_fake.note("fake")) if note)
    of_real, of_fake = (
        None if group.strata is None else group.strata.astype(np.float64) for group in (units_real, units_fake)
    )
    names = None if clusters_fake is None else np.asarray(clusters_fake)[units_fake.first].tolist()
    of_clusters = None if names is None else np.array([derive_seed("cluster", str(n)) >> 10 for n in names], np.float64)
    both = " and ".join(side for side, of in (("real", of_real), ("fake", of_fake)) if of is not None)
    return {
        name: replace(
            found[name],
            notes=found[name].notes + notes,
            real_seed=real_seed,
            fake_seed=fake_seed,
            clustered=pair.clustered,
            strata_real=of_real,
            strata_fake=of_fake,
            clusters_fake=of_clusters,
            method=_labelled(found[name].method, both),
            method_fixed=_labelled(found[name].method_fixed, "" if of_fake is None else "fake"),
        )
        for name in calls
    }


def _labelled(method: str, sides: str) -> str:
    return f"{method}, stratified ({sides})" if sides else method


def value_of(call: MetricCall, real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """The value alone of a metric that `analyse` takes, in the metric's unit: no interval is prepared."""
    function = call.function or _built_in(call.use)
    return float(function(np.asarray(real), np.asarray(fake), **call.parameters))


def _built_in(use: str) -> Callable[..., float]:
    function: Callable[..., float] = getattr(metrics, {"fd": "frechet_distance", "kd": "kernel_distance"}.get(use, use))
    return function


def _checked_call(name: str, call: MetricCall) -> MetricCall | BallCall:
    if call.function is not None:
        return call
    if call.use not in BUILT_IN:
        raise UsageError(f"no metric '{call.use}' (asked for as '{name}'); built in: {', '.join(BUILT_IN)}")
    function = _built_in(call.use)
    known: dict[str, Any] = {
        p.name: p.default for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY
    }
    unknown = sorted(set(call.parameters) - set(known))
    if unknown:
        raise UsageError(
            f"metric '{name}' ({call.use}) has no parameter `{unknown[0]}`; it takes {', '.join(known) or 'none'}"
        )
    if call.use in BALL_METRICS:
        chosen = known | dict(call.parameters)
        if not isinstance(chosen["closed"], bool):
            raise UsageError(f"`closed` is {chosen['closed']!r}; it must be true or false")
        return BallCall(call.use, chosen["k"], chosen["closed"])
    return call


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

    Raises UsageError for an unknown name or parameter, bad features, or a target that the metric does not have.
    """
    check(level, target, reference)
    if name not in BUILT_IN:
        raise UsageError(f"no metric '{name}'; known: {', '.join(BUILT_IN)}")
    found = analyse(
        {name: MetricCall(name, parameters)},
        real,
        fake,
        real_seed=derive_seed(seed, "real"),
        fake_seed=derive_seed(seed, "fake"),
        replicates=replicates,
        debias=target == "T_inf",
        clusters_real=clusters_real,
        clusters_fake=clusters_fake,
        strata_real=strata_real,
        strata_fake=strata_fake,
    )
    return interval(found[name], level=level, target=target, reference=reference)
