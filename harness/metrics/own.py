"""Intervals for any metric: disjoint parts of both sets, or the metric's own influence functions."""

from __future__ import annotations

import numpy as np

from harness.base import UsageError
from harness.metrics.contract import Effort, InfluenceMetric, ValueAndInfluence
from harness.uncertainty import (
    Analysis,
    InfluenceForm,
    MetricCall,
    NoInterval,
    NoIntervalError,
    Pair,
    Rows,
    SplitForm,
    Tables,
    Vector,
    deep_enough,
    labels,
)

LIMITS = (
    "generic interval: assumes a metric that varies like a mean over rows (not a maximum, nor a distance at its "
    "minimum where both sets agree); it speaks about these set sizes only"
)


def called(asked: MetricCall, real: Rows, fake: Rows) -> float:
    """The metric's value; UsageError where it is not finite."""
    assert asked.function is not None
    # Copies: a metric that centres or sorts its rows in place must not spoil them for the next call.
    return _finite(asked, float(asked.function(real.copy(), fake.copy(), **asked.parameters)), real, fake)


def _finite(asked: MetricCall, value: float, real: Rows, fake: Rows) -> float:
    if not np.isfinite(value):
        raise UsageError(f"metric '{asked.use}' returned {value} for {len(real)} real and {len(fake)} fake rows")
    return value


def _with_influence(asked: MetricCall, function: InfluenceMetric, pair: Pair) -> tuple[float, Vector, Vector]:
    """The value and both influence functions: from one computation where the metric offers it."""
    real, fake = pair.real, pair.fake
    if isinstance(function, ValueAndInfluence):
        found = function.value_and_influence(real.copy(), fake.copy(), **asked.parameters)
        value, parts = _finite(asked, float(found[0]), real, fake), found[1:]
    else:
        value = called(asked, real, fake)
        parts = function.influence(real.copy(), fake.copy(), **asked.parameters)
    of_real, of_fake = (np.array(part, np.float64) for part in parts)
    if of_real.shape != (len(real),) or of_fake.shape != (len(fake),):
        raise UsageError(
            f"metric '{asked.use}': `influence` returned shapes {of_real.shape} and {of_fake.shape}; "
            f"expected ({len(real)},) and ({len(fake)},), one number per row"
        )
    return value, of_real, of_fake


def without_interval(asked: MetricCall, pair: Pair, reason: str) -> Analysis:
    """The metric's value on sets on which no interval of it holds, for a reason."""
    return Analysis(
        use=asked.use,
        value=called(asked, pair.real, pair.fake),
        form=NoInterval(reason),
        **pair.sizes(),
        method=f"none: {reason}",
        method_fixed=f"none: {reason}",
        bias="but there is no interval; ask for 'T_N'",
    )


def analyse_function(asked: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """A user metric's value and split tables: about 2 × `replicates` calls of the function, none with a repeated row.

    A metric with an `influence` method (see `harness.metrics.InfluenceMetric`) is called once instead; where it has
    `value_and_influence` too, that is all that is called.
    """

    use, function, replicates = asked.use, asked.function, effort.replicates

    def call(left: Rows, right: Rows) -> float:
        return called(asked, left, right)

    real, fake, units_real, units_fake = pair.real, pair.fake, pair.units_real, pair.units_fake
    bias = f"but no bias is known for metric '{use}'; ask for 'T_N'"
    common = {"use": use, **pair.sizes(), "bias": bias}
    if isinstance(function, InfluenceMetric):
        value, of_real, of_fake = _with_influence(asked, function, pair)
        return Analysis(
            **common,
            value=value,
            method="the metric's own influence function",
            method_fixed="the metric's own influence function",
            form=InfluenceForm(units_real.total(of_real), units_fake.total(of_fake)),
        )
    common["value"] = call(real, fake)
    if min(units_real.count, units_fake.count) < 8:
        raise NoIntervalError(
            f"metric '{use}': an interval quarters both sets and needs at least 8 distinct rows in each"
        )
    tables: dict[int, Tables] = {}
    # Eight units in all are at hand; strata thinner than that are halved only.
    for groups in (2, 4) if deep_enough(units_real) and deep_enough(units_fake) else (2,):
        splits = max(replicates // groups**2, 8)
        real_groups = labels(units_real, groups, splits, pair.real_seed)
        fake_groups = labels(units_fake, groups, splits, pair.fake_seed)
        table = tables[groups] = np.empty((splits, groups, groups))
        for s in range(splits):
            for a in range(groups):
                for b in range(groups):
                    table[s, a, b] = call(real[real_groups[s] == a], fake[fake_groups[s] == b])
    form = SplitForm(tables[2], tables.get(4))
    method = f"{form.method} (generic)"
    return Analysis(**common, method=method, method_fixed=method, form=form, notes=(LIMITS,))
