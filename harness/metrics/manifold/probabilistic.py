"""Probabilistic precision and recall (Park & Kim 2023, ICCV): softened balls of one size for all."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.manifold.balls_of_groups import BallScore, Distances, analyse_scores
from harness.uncertainty import Analysis, Index, MetricCall, Pair, Vector, checked, positive_integer, with_defaults


def p_precision(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 4, scale: float = 1.2) -> float:
    """Mean over fakes of 1 - Π min(d / R, 1) over real rows at distances d, in [0, 1]; higher is better.

    The chance that a fake lies in the support of the real law: R is `scale` times the mean distance of real rows to
    their k-th other one. One R for all, so that no outlier has a large ball. It does not see what the fakes leave out.
    Raises UsageError for bad features or parameters, or no more rows than k.
    """
    return _score("p_precision", k, scale)(*_checked(real, fake, k))


def p_recall(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 4, scale: float = 1.2) -> float:
    """`p_precision` with the roles changed: the mean chance that a real row lies in the support of the fakes' law.

    In [0, 1]; higher is better. It does not see fakes that look like nothing real.
    """
    return _score("p_recall", k, scale)(*_checked(real, fake, k))


def _checked(real: npt.ArrayLike, fake: npt.ArrayLike, k: int) -> tuple[Vector, Vector]:
    return checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")


def _score(use: str, k: int, scale: float) -> BallScore:
    if not np.isfinite(scale) or scale <= 0:
        raise UsageError(f"`scale` is {scale!r}; it must be positive")

    def radii(distance: Vector) -> Vector:
        return np.full(len(distance), scale * float(distance.mean()))

    def each(distances: Distances, of: Index, radii: Vector) -> Vector:
        values = distances.values[of]
        if radii[0] == 0.0:  # all real rows are copies: a fake is one of them, or none
            return np.asarray((values == 0.0).any(axis=0), np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 - np.exp(np.minimum(np.log(values / radii[0]), 0.0).sum(axis=0)))

    return BallScore(use, k, radii, each, share=True, swapped=use == "p_recall")


def _analyse(use: str, call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    return analyse_scores(_score(use, **with_defaults(p_precision, call.parameters)), pair, effort)


analyse_p_precision = partial(_analyse, "p_precision")
analyse_p_recall = partial(_analyse, "p_recall")
