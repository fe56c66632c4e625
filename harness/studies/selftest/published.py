"""Figures as other packages print them, to check theirs against ours; none of them is an estimate with an interval.

Here they come with the spread over parts that is printed beside them. What a benchmark can ask for, with an interval,
is in `conventions` and `diversity`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics import divergences, kernel_distance, log_probabilities
from harness.uncertainty import checked


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over parts and their standard deviation (ddof 0), which is no standard error of the mean."""

    mean: float
    spread: float


def subset_kernel_distance(
    real: npt.ArrayLike, fake: npt.ArrayLike, rows: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]
) -> Spread:
    """The unbiased cubic kernel distance (KID's) over given subsets: pairs of row numbers, real and fake.

    torch-fidelity draws them by RandomState(2020), the fake (its first input) before the real; clean-fid from numpy's
    global generator. Raises UsageError for no subsets.
    """
    real_rows, fake_rows = checked(real, fake)
    parts = [kernel_distance(real_rows[np.asarray(x)], fake_rows[np.asarray(y)]) for x, y in rows]
    if not parts:
        raise UsageError("`rows` names no subsets")
    return Spread(float(np.mean(parts)), float(np.std(parts)))


def inception_score(logits: npt.ArrayLike, *, splits: int = 10, order: npt.ArrayLike | None = None) -> Spread:
    """exp of the mean KL(p(y|x) || p(y)) over consecutive splits of `logits` (n, classes), in `order` where given.

    Salimans et al. 2016. torch-fidelity: 10 splits in the order of RandomState(2020).permutation(n), logits without
    bias; ADM: splits of 5,000 in file order. Raises UsageError for more splits than rows.
    """
    rows = np.asarray(logits, np.float64)
    if rows.ndim != 2 or not 1 <= splits <= len(rows):
        raise UsageError(f"`logits` has shape {rows.shape} and `splits` is {splits}; need at least one row per split")
    if order is not None:
        rows = rows[np.asarray(order)]
    log_p = log_probabilities(rows)
    scores = [
        float(np.exp(divergences(log_p[i * len(rows) // splits : (i + 1) * len(rows) // splits]).mean()))
        for i in range(splits)
    ]
    return Spread(float(np.mean(scores)), float(np.std(scores)))
