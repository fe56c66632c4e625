"""Numbers made of precision, recall and coverage: their harmonic mean, and the symmetric ones of high dimension.

What is asked for together, of these and of the metrics they are made of, shares one search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.intervals import analyse_neighbours
from harness.metrics.manifold.values import BALLS, checked_for_balls, neighbour_values
from harness.uncertainty import Analysis, MetricCall, NoInterval, Pair, SplitForm, Vector, with_defaults


def f_score(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Harmonic mean of precision and recall (Kynkäänniemi et al. 2019), in [0, 1]; higher is better; 0 if both are.

    torch-fidelity prints it beside them. It hides which of the two is low.
    """
    return _value("f_score", real, fake, k=k, closed=closed)


def sym_precision(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """The smaller of precision and the share of fakes whose own k-NN ball holds a real row, in [0, 1]; higher is best.

    Khayatkhoei & AbdAlmageed 2023: in high dimension precision alone calls fakes that shrink to the middle good, and
    those that grow all bad; each half sees what the other misses. It is not fidelity alone: modes that the fakes leave
    out lower it too.
    """
    return _value("sym_precision", real, fake, k=k, closed=closed)


def sym_recall(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """The smaller of recall and coverage, in [0, 1]; higher is better (Khayatkhoei & AbdAlmageed 2023).

    It does not see fakes that look like nothing real.
    """
    return _value("sym_recall", real, fake, k=k, closed=closed)


def _harmonic(left: npt.ArrayLike, right: npt.ArrayLike) -> Vector:
    total = np.add(left, right)
    return np.asarray(2.0 * np.multiply(left, right) / np.where(total > 0, total, 1.0))


# Of each the two metrics that it is made of, what makes it of them, and the side that it is a share of.
MADE: dict[str, tuple[tuple[str, str], Callable[[npt.ArrayLike, npt.ArrayLike], Vector], Literal["real", "fake"]]] = {
    "f_score": (("precision", "recall"), _harmonic, "fake"),
    "sym_precision": (("precision", "reached"), np.minimum, "fake"),
    "sym_recall": (("recall", "coverage"), np.minimum, "real"),
}
DEFAULTS = {"f_score": f_score, "sym_precision": sym_precision, "sym_recall": sym_recall}


def ball_values(calls: Mapping[str, MetricCall], real: npt.ArrayLike, fake: npt.ArrayLike) -> dict[str, float]:
    """`neighbour_values` of these metrics too, from the same search."""
    found = neighbour_values(_parts(calls), real, fake)
    for name, call in calls.items():
        if call.use in MADE:
            found[name] = float(MADE[call.use][1](*(found[part] for part in _names(name, call))))
    return {name: found[name] for name in calls}


def analyse_balls(asked: Mapping[str, MetricCall], pair: Pair, effort: Effort) -> dict[str, Analysis]:
    """`analyse_neighbours` of these metrics too, from the same search and splits."""
    found = analyse_neighbours(_parts(asked), pair, effort)
    for name, call in asked.items():
        if call.use in MADE:
            found[name] = _joined(call.use, *(found[part] for part in _names(name, call)))
    return {name: found[name] for name in asked}


def _names(name: str, call: MetricCall) -> list[str]:
    return [f"{name}: {part}" for part in MADE[call.use][0]]


def _parts(calls: Mapping[str, MetricCall]) -> dict[str, MetricCall]:
    """The calls, with both parts for each that is made of two."""
    parts: dict[str, MetricCall] = {}
    for name, call in calls.items():
        if call.use not in MADE:
            parts[name] = call
            continue
        parameters = with_defaults(DEFAULTS[call.use], call.parameters)
        for part, use in zip(_names(name, call), MADE[call.use][0], strict=True):
            # Each with its function, which gives the value where there is no interval.
            parts[part] = MetricCall(use, parameters, BALLS[use])
    return parts


def _value(use: str, real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int, closed: bool) -> float:
    rows = checked_for_balls(real, fake, k)
    return ball_values({use: MetricCall(use, {"k": k, "closed": closed})}, *rows)[use]


def _joined(use: str, one: Analysis, other: Analysis) -> Analysis:
    """The analysis of a function of two metrics whose tables are of the same splits."""
    _, rule, share_of = MADE[use]
    value = float(rule(one.value, other.value))
    for part in (one, other):
        if isinstance(part.form, NoInterval):
            return replace(part, use=use, value=value)
    assert isinstance(one.form, SplitForm)
    assert isinstance(other.form, SplitForm)
    quarters = None
    if one.form.quarters is not None and other.form.quarters is not None:
        quarters = rule(one.form.quarters, other.form.quarters)
    form = SplitForm(rule(one.form.halves, other.form.halves), quarters)
    return replace(
        one,
        use=use,
        value=value,
        form=form,
        method=form.method,
        method_fixed=form.method,
        bias=f"but {use} has no population value at a fixed k; ask for 'T_N'",
        share_of=share_of,
    )
