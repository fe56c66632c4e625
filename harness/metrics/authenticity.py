"""Authenticity of Alaa et al. 2022 (arXiv:2102.08921): how many fakes are more than a training image seen again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.metrics.features import checked
from harness.metrics.neighbours import nearest


def authenticity(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of fakes further from their nearest real row than that row is from its own nearest other, in [0, 1].

    real (m, d), fake (n, d). Higher is better: 0 for copies of the real rows, about a half for fresh draws of their
    distribution, more for fakes far from all of them. It tells of memorisation where the real rows are those that the
    generator was trained on. AuthPct as printed by dgm-eval is 100 times this.

    Raises UsageError for bad features or fewer than two rows.
    """
    real_rows, fake_rows = checked(real, fake)
    found = nearest(real_rows, 1, points=fake_rows)
    radius = nearest(real_rows, 1).radius_squared(1)
    return float(np.mean(radius[found.index[:, 0]] < found.squared[:, 0]))
