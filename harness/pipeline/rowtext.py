"""How a row of the leaderboard reads: its cells, each number with the digits that its interval tells."""

from __future__ import annotations

from harness.base import Estimate, with_interval
from harness.pipeline.rows import Row, checkpoints

# Which way is better, and the sign that shows it.
ARROWS = {True: "↓", False: "↑"}


def rank_text(row: Row) -> str:
    """ "2" if the rank is resolved, "2 (1-4)" if it may be any of several, "control", or "–" if there is none."""
    if row.rank is None:
        return "control" if row.control and row.status == "ok" else "–"
    if row.rank_low == row.rank_high == row.rank:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}-{row.rank_high})"


def seeds_text(row: Row) -> str:
    """Training × sampling seeds; a generator that is not trained shows its image sets only."""
    return f"{checkpoints(row)}×{len(row.sampling_seeds)}"


def shown(estimate: Estimate) -> str:
    """Value ± half the interval, to two significant digits of the half; low and high where the sides differ much."""
    if not estimate.has_interval:
        return f"{estimate.value:.4g} (no interval)"
    return with_interval(estimate.value, *estimate.ends)
