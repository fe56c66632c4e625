"""sFID: the Fréchet distance of ADM's spatial features (Nash et al. 2021; Dhariwal & Nichol 2021)."""

from __future__ import annotations

import numpy.typing as npt

from harness.base import UsageError
from harness.metrics.contract import Effort
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.frechet.influence import analyse_frechet
from harness.uncertainty import Analysis, MetricCall, Pair, Rows, checked

SFID_COLUMNS = 2023  # 17 × 17 positions of 7 channels


def sfid(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """The Fréchet distance of ADM's spatial features (Nash et al. 2021; Dhariwal & Nichol 2021); lower is better.

    Features are those of `inception`, layer `sfid`: mixed_6/conv, its first 7 channels, positions before channels.
    The order of columns moves no distance; another choice of channels does. Raises UsageError for another width.
    """
    real_rows, fake_rows = checked(real, fake)
    spatial(real_rows)
    return frechet_distance(real_rows, fake_rows)


def spatial(rows: Rows) -> None:
    """Refuse features that cannot be sFID's."""
    if rows.shape[1] != SFID_COLUMNS:
        raise UsageError(
            f"the features have {rows.shape[1]} columns; sfid reads {SFID_COLUMNS} (inception, layer: sfid)"
        )


def analyse_sfid(call: MetricCall, pair: Pair, effort: Effort) -> Analysis:
    """The analysis of the Fréchet distance, of features that can be sFID's."""
    spatial(pair.real)
    return analyse_frechet(call, pair, effort)
