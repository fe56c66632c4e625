"""Realism of single images (Kynkäänniemi et al. 2019, equation 3), and its mean over a set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.manifold.balls_of_groups import BallScore, Distances, analyse_scores
from harness.uncertainty import Analysis, Index, MetricCall, Pair, Vector, checked, positive_integer, with_defaults


def realism_of_images(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> Vector:
    """Each fake's largest ratio of a real ball's radius to its distance from the ball's centre, (n,); higher is better.

    From 1 on it lies in a ball; balls not below the median radius are left out, as in the paper. A fake that equals the
    centre of one has no bound: UsageError names it, and so it does for bad features.
    """
    left, right = checked(real, fake, least=positive_integer("k", k) + 1, because=f"`k`={k}")
    return _score(k).of_images(left, right)


def realism(real: npt.ArrayLike, fake: npt.ArrayLike, *, k: int = 5) -> float:
    """The mean of `realism_of_images`, as dgm-eval prints it; at least 0, without bound, higher is better.

    One image close to a real one can decide the mean: read the single values too. It sees neither what the fakes leave
    out nor copies, which it likes best.
    """
    return float(realism_of_images(real, fake, k=k).mean())


def analyse_realism(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of `realism`."""
    return analyse_scores(_score(with_defaults(realism, call.parameters)["k"]), pair, effort)


def _score(k: int) -> BallScore:
    def radii(distance: Vector) -> Vector:
        return np.where(distance < np.median(distance), distance, 0.0)

    def each(distances: Distances, of: Index, radii: Vector) -> Vector:
        small = radii > 0
        if not small.any():
            raise UsageError("`real` has no ball smaller than the median one: its rows are all equally far apart")
        least = distances.values[of[small]]
        if not least.all():
            raise UsageError("a fake equals a real row exactly: its realism has no bound (see `authenticity`)")
        return np.asarray((radii[small, None] / least).max(axis=0))

    return BallScore("realism", k, radii, each)
