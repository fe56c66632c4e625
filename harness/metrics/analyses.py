"""All metrics of one pair of feature sets, sharing what can be shared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError, imported
from harness.metrics.contract import Effort
from harness.metrics.own import without_interval
from harness.metrics.processor import CPU, Processor
from harness.metrics.table import METRICS, TRAINING, MetricFacts, facts_of, own_facts
from harness.uncertainty import (
    INDEPENDENT,
    Analysis,
    Design,
    MetricCall,
    NoIntervalError,
    Pair,
    ReferenceSet,
    as_array,
    checked,
)

# Simulated coverage of 95 % intervals of FD and KD: .71 for two clusters, .87 to .95 for three, .94 to .97 for four of
# one size, .62 to .85 for five to ten of which one has 38 to 55 % of the rows.
LARGEST = 0.3  # share of the rows that the largest cluster may have
FEWEST = 4  # independent units


def analyse(
    calls: Mapping[str, MetricCall],
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    real_seed: int,
    fake_seed: int,
    replicates: int = 200,
    debias: bool | None = None,
    design_real: Design = INDEPENDENT,
    design_fake: Design = INDEPENDENT,
    processor: Processor = CPU,
    training: npt.ArrayLike | None = None,
) -> dict[str, Analysis]:
    """An Analysis per metric, in the order of `calls`; `training` is for those that read the training rows.

    Whatever is drawn on the real side depends on `real_seed` and the real set only, so that analyses of several
    generators against one reference are joint; likewise `fake_seed`. Exact copies of a row count as one unit; what
    else is not an independent draw, the designs say. `replicates` and `debias`: see `Effort`. A metric that has a value
    on these sets but no interval has the form NoInterval, which says why. `processor` multiplies wide features: the
    CPU, or `harness.pipeline.OnDevice`, through which values differ by rounding.

    Raises UsageError for bad features, unknown metrics or parameters, fewer than 50 replicates (splits), strata with
    fewer than two units or units across strata.
    """
    real_rows, fake_rows = checked(real, fake)
    trained = None if training is None else checked(training, fake_rows)[0]
    reference = ReferenceSet.of(real_rows, seed=real_seed, design=design_real, training=trained)
    return analyse_against(
        calls,
        reference,
        fake_rows,
        fake_seed=fake_seed,
        replicates=replicates,
        debias=debias,
        design_fake=design_fake,
        processor=processor,
    )


def analyse_against(
    calls: Mapping[str, MetricCall],
    reference: ReferenceSet,
    fake: npt.ArrayLike,
    *,
    fake_seed: int,
    replicates: int = 200,
    debias: bool | None = None,
    design_fake: Design = INDEPENDENT,
    processor: Processor = CPU,
) -> dict[str, Analysis]:
    """`analyse` for one of several sets of fakes: what depends on the reference alone is computed once and kept in it.

    The same bytes as `analyse` gives, in whatever order the sets come.
    """
    if replicates < 50:
        raise UsageError(f"`replicates` is {replicates}; fewer than 50 splits give no usable standard error")
    rows = {name: _facts(name, call) for name, call in calls.items()}
    ready = {name: _checked_call(name, call, rows[name], reference.training) for name, call in calls.items()}
    _, fake_rows = checked(reference.rows, fake)
    units_real, units_fake = reference.units, design_fake.units(fake_rows, "fake")
    pair = Pair(reference, fake_rows, units_fake, fake_seed)
    effort = Effort(replicates, debias, processor)
    found: dict[str, Analysis] = {}
    for name, facts in rows.items():
        if name in found:
            continue
        analysis = imported(facts.analysis)
        own = {name: ready[name]}
        if facts.together:
            own = {n: ready[n] for n, row in rows.items() if row.analysis == facts.analysis}
        try:
            check_units(pair)
            found |= analysis(own, pair, effort) if facts.together else {name: analysis(ready[name], pair, effort)}
        except NoIntervalError as reason:
            found |= {n: without_interval(call, pair, str(reason)) for n, call in own.items()}
    notes = tuple(note for note in (units_real.note("real"), units_fake.note("fake")) if note)
    of_real, of_fake = (
        None if group.strata is None else group.strata.astype(np.float64) for group in (units_real, units_fake)
    )
    both = " and ".join(side for side, of in (("real", of_real), ("fake", of_fake)) if of is not None)
    return {
        name: replace(
            found[name],
            notes=found[name].notes + notes,
            real_seed=reference.seed,
            fake_seed=fake_seed,
            clustered=pair.clustered,
            strata_real=of_real,
            strata_fake=of_fake,
            clusters_fake=design_fake.cluster_numbers(units_fake),
            method=_labelled(found[name].method, both),
            method_fixed=_labelled(found[name].method_fixed, "" if of_fake is None else "fake"),
        )
        for name in calls
    }


def check_units(pair: Pair) -> None:
    """Raise NoIntervalError where a side has too few independent units for any interval to hold."""
    for side, group in (("real", pair.units_real), ("fake", pair.units_fake)):
        if group.count < 2:
            what = "in one cluster" if group.clustered else "equal"
            raise NoIntervalError(f"`{side}` has {group.rows} rows, all of them {what}: there is no spread to estimate")
        if group.clustered and group.largest > LARGEST:
            raise NoIntervalError(
                f"`clusters_{side}` names {group.count} clusters, of which the largest has {group.largest:.0%} of the "
                f"rows; no interval holds above {LARGEST:.0%}: at least {FEWEST} clusters are needed, of like sizes"
            )
        if group.count < min(FEWEST, group.rows):
            raise NoIntervalError(f"`{side}` has {group.count} distinct rows; an interval takes at least {FEWEST}")


def _labelled(method: str, sides: str) -> str:
    return f"{method}, stratified ({sides})" if sides else method


def value_of(
    call: MetricCall, real: npt.ArrayLike, fake: npt.ArrayLike, *, training: npt.ArrayLike | None = None
) -> float:
    """The value alone of a metric that `analyse` takes, in the metric's unit: no interval is prepared."""
    function = call.function or _in_roles(imported(facts_of(call.use).target), facts_of(call.use), training)
    return float(
        function(as_array(real).copy(), as_array(fake).copy(), **call.parameters)
    )  # copies: it may write into them


def values_of(
    calls: Mapping[str, MetricCall],
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    training: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """The values alone of several metrics, in the order of `calls`; what they share is computed once.

    Raises UsageError as `analyse` does.
    """
    rows = {name: _facts(name, call) for name, call in calls.items()}
    ready = {name: _checked_call(name, call, rows[name], training) for name, call in calls.items()}
    found: dict[str, float] = {}
    for name, facts in rows.items():
        if name in found:
            continue
        if facts.values:
            shared = {n: ready[n] for n, row in rows.items() if row.values == facts.values}
            found |= imported(facts.values)(shared, real, fake)
        else:
            found[name] = value_of(ready[name], real, fake)
    return {name: found[name] for name in calls}


def _facts(name: str, call: MetricCall) -> MetricFacts:
    """The row of the metric that is called, as its own name says or as a user's function has it."""
    if call.function is not None:
        return own_facts(call.use)
    if call.use not in (built_in := [row.name for row in METRICS]):
        raise UsageError(f"no metric '{call.use}' (asked for as '{name}'); built in: {', '.join(built_in)}")
    return facts_of(call.use)


def _in_roles(function: Callable[..., float], facts: MetricFacts, training: npt.ArrayLike | None) -> Any:
    """A metric as a function of real and fake rows: one that reads training rows has been given them."""
    return partial(function, training=training) if facts.trains else function


def _checked_call(name: str, call: MetricCall, facts: MetricFacts, training: npt.ArrayLike | None) -> MetricCall:
    """The call with its function; UsageError for a parameter that a built-in one does not take."""
    if call.function is not None:
        return call
    function = imported(facts.target)
    known = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    known = [each for each in known if each != TRAINING]
    unknown = sorted(set(call.parameters) - set(known))
    if unknown:
        raise UsageError(
            f"metric '{name}' ({call.use}) has no parameter `{unknown[0]}`; it takes {', '.join(known) or 'none'}"
        )
    return replace(call, function=_in_roles(function, facts, training))
