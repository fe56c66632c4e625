"""FD∞ of Chong & Forsyth (2020), as dgm-eval computes it: FD extrapolated to infinitely many fakes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.extrapolated.line import Line
from harness.metrics.frechet.distance import distance, moments
from harness.metrics.frechet.influence import analyse_frechet
from harness.uncertainty import Analysis, InfluenceForm, MetricCall, Pair, Rows, checked, with_defaults

NOTE = (
    "extrapolated in the number of fakes alone, by a line in 1/n through random parts; `fd` with target T_inf takes "
    "off the bias of both sides in closed form"
)


def fd_infinity(real: npt.ArrayLike, fake: npt.ArrayLike, *, points: int = 15, seed: int = 0) -> float:
    """Intercept of FD against 1 / n over `points` random parts of the fakes and all real rows; lower is better.

    Unit: the features' squared. Same sizes of parts and same line as dgm-eval, whose draws have no seed; here they do.
    It can be negative. The reference's share of the bias stays in, and so does curvature where parts have fewer rows
    than columns, so that it differs from `fd` with target T_inf; it is noisier than `fd`, since small parts count most.
    It sees what FD sees: means and covariances only.

    Raises UsageError for bad features, and for too few rows or points for a line.
    """
    real_rows, fake_rows = checked(real, fake)
    return _value(real_rows, fake_rows, Line.through(len(fake_rows), points, seed))


def _value(real: Rows, fake: Rows, line: Line) -> float:
    of_real = moments(real)
    return float(line.weights @ [distance(of_real, moments(fake[part])) for part in line.parts])


def analyse_fd_infinity(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The extrapolated value, with FD's influences weighted by how often the parts count each fake row."""
    line = Line.through(len(pair.fake), **with_defaults(fd_infinity, call.parameters))
    whole = analyse_frechet(MetricCall("fd"), pair, replace(effort, debias=False))
    form = whole.form
    assert isinstance(form, InfluenceForm)
    leverage = line.leverage(len(pair.fake))
    # A unit of several rows counts as its rows do on average.
    of_units = np.bincount(pair.units_fake.of, leverage, pair.units_fake.count) / pair.units_fake.sizes
    influence = form.influence_fake * of_units
    # FD's plug-in variance holds its second-order part twice, here with the factor of the linear part; once, with its
    # own factor, is right.
    linear, quadratic = line.inflation(len(pair.fake))
    second = (2.0 * linear - quadratic) * form.second_order_fake
    method = "influence functions, weighted by the parts of the line"
    return replace(
        whole,
        use="fd_infinity",
        value=_value(pair.real, pair.fake, line),
        form=replace(
            form, influence_fake=np.asarray(influence - influence.mean()), second_order_fake=second, magnitude=None
        ),
        bias="but fd_infinity is itself an extrapolation; ask `fd` for 'T_inf', or this for 'T_N'",
        method=method,
        method_fixed=method,
        floor=None,
        notes=(*whole.notes, NOTE),
    )
