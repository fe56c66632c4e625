"""Does a generator repeat its training images? Facts printed beside the metrics, which cannot see it."""

from __future__ import annotations

import numpy.typing as npt

from harness.metrics.features import checked
from harness.metrics.neighbours import nearest, nearest_to


def copied_share(train: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of fake rows no further from their nearest training row than that row is from its nearest other one.

    In [0, 1]; high means copies. One minus the authenticity of Alaa et al. (2022). Unseen images of the same
    distribution score about one half in high dimension, so read it beside the same figure for held-out images.
    """
    train_rows, fake_rows = checked(train, fake, least=2, because="a nearest other row")
    squared, index = nearest_to(fake_rows, train_rows)
    return float((squared <= nearest(train_rows, 1).radius_squared(1)[index]).mean())
