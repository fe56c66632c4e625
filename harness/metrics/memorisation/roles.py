"""The three sets that metrics of memorisation read, checked: what was trained on, real images held out, fakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Rows, checked

SEEN = 0.01  # of the held-out rows that may be training rows: data sets hold some images in two splits


@dataclass(frozen=True)
class Roles:
    """Rows (t, d) that the generator was trained on, real rows (m, d) that it was not, its fakes (n, d)."""

    training: Rows
    real: Rows
    fake: Rows


def roles(training: npt.ArrayLike | None, real: npt.ArrayLike, fake: npt.ArrayLike, *, least: int = 8) -> Roles:
    """The three sets. Raises UsageError for bad features, for no training rows, and for real rows not held out.

    Real images that were trained on lie at distance 0: beside them no generator copies.
    """
    if training is None:
        raise UsageError(
            "`training` is missing: this metric compares generated images with training images and held-out real ones"
        )
    trained, fakes = checked(training, fake, least=least, because="memorisation")
    held_out, _ = checked(real, fake, least=least, because="memorisation")
    if trained.shape[1] != held_out.shape[1]:
        raise UsageError(
            f"`training` has {trained.shape[1]} columns and `real` has {held_out.shape[1]}: "
            "both must be features of the same encoder"
        )
    known = {row.tobytes() for row in trained + 0.0}
    seen = float(np.mean([row.tobytes() in known for row in (held_out + 0.0).astype(trained.dtype)]))
    if seen > SEEN:
        raise UsageError(
            f"{seen:.0%} of the real rows are training rows; memorisation needs held-out real "
            "images, so use a reference apart from the training split"
        )
    return Roles(trained, held_out, fakes)
