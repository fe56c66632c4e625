"""Numbers made of precision, recall and coverage: their harmonic mean, and the symmetric ones of high dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.metrics.contract import Effort
from harness.metrics.manifold.intervals import analyse_neighbours
from harness.metrics.manifold.values import coverage, precision, recall
from harness.uncertainty import (
    Analysis,
    MetricCall,
    NoInterval,
    Pair,
    ReferenceSet,
    SplitForm,
    Tables,
    Vector,
    with_defaults,
)

Side = Literal["real", "fake"]


def f_score(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 3, closed: bool = True) -> float:
    """Harmonic mean of precision and recall (Kynkäänniemi et al. 2019), in [0, 1]; higher is better; 0 if both are.

    torch-fidelity prints it beside them. It hides which of the two is low.
    """
    return float(_harmonic(precision(real, fake, k=k, closed=closed), recall(real, fake, k=k, closed=closed)))


def sym_precision(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """The smaller of precision and the share of fakes whose own k-NN ball holds a real row, in [0, 1]; higher is best.

    Khayatkhoei & AbdAlmageed 2023: in high dimension precision alone calls fakes that shrink to the middle good, and
    those that grow all bad; each half sees what the other misses. It does not see what the fakes leave out.
    """
    return min(precision(real, fake, k=k, closed=closed), coverage(fake, real, k=k, closed=closed))


def sym_recall(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5, closed: bool = False) -> float:
    """The smaller of recall and coverage, in [0, 1]; higher is better (Khayatkhoei & AbdAlmageed 2023).

    It does not see fakes that look like nothing real.
    """
    return min(recall(real, fake, k=k, closed=closed), coverage(real, fake, k=k, closed=closed))


def _harmonic(left: npt.ArrayLike, right: npt.ArrayLike) -> Vector:
    total = np.add(left, right)
    return np.asarray(2.0 * np.multiply(left, right) / np.where(total > 0, total, 1.0))


def _analyse_f_score(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    chosen = with_defaults(f_score, call.parameters)
    both = analyse_neighbours(_calls((precision, recall), chosen), pair, effort)
    return _joined("f_score", _harmonic, both["precision"], both["recall"], "fake")


def _analyse_symmetric(
    use: Literal["sym_precision", "sym_recall"], call: MetricCall, pair: Pair, effort: Effort
) -> Analysis:
    chosen = with_defaults(sym_precision, call.parameters)
    if use == "sym_recall":
        both = analyse_neighbours(_calls((recall, coverage), chosen), pair, effort)
        return _joined(use, np.minimum, both["recall"], both["coverage"], "real")
    straight = analyse_neighbours(_calls((precision,), chosen), pair, effort)["precision"]
    turned = Pair(ReferenceSet(pair.fake, pair.units_fake, pair.fake_seed), pair.real, pair.units_real, pair.real_seed)
    other = analyse_neighbours(_calls((coverage,), chosen), turned, effort)["coverage"]
    if isinstance(other.form, SplitForm):
        # The same seeds split the same sets alike; only rows and columns of the tables change places.
        quarters = other.form.quarters
        form = SplitForm(_turned(other.form.halves), None if quarters is None else _turned(quarters))
        other = replace(other, form=form)
    return _joined(use, np.minimum, straight, other, "fake")


def _calls(functions: Sequence[Callable[..., float]], parameters: Mapping[str, Any]) -> dict[str, MetricCall]:
    """Each with its function, which gives the value where there is no interval."""
    return {f.__name__: MetricCall(f.__name__, parameters, f) for f in functions}


def _turned(tables: Tables) -> Tables:
    return np.ascontiguousarray(tables.transpose(0, 2, 1))


def _joined(
    use: str, rule: Callable[[npt.ArrayLike, npt.ArrayLike], Vector], one: Analysis, other: Analysis, share_of: Side
) -> Analysis:
    """The analysis of a function of two metrics whose tables are of the same splits."""
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
    method = (
        f"variance between disjoint {'halves, halved' if quarters is None else 'halves and quarters, extrapolated'}"
    )
    return replace(
        one,
        use=use,
        value=value,
        form=form,
        method=method,
        method_fixed=method,
        bias=f"but {use} has no population value at a fixed k; ask for 'T_N'",
        share_of=share_of,
    )


analyse_f_score = _analyse_f_score
analyse_sym_precision = partial(_analyse_symmetric, "sym_precision")
analyse_sym_recall = partial(_analyse_symmetric, "sym_recall")
