"""Ranked rows: one generator under one encoder each, and what a leaderboard has beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.base import Estimate

# From this share of exact copies of reference images on, distances say nothing about what a generator makes itself.
COPIED_SET = 0.1


@dataclass(frozen=True, slots=True)
class Column:
    """A metric as the leaderboard shows it."""

    metric: str
    label: str
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One generator under one encoder, over all its training and sampling seeds.

    `rank` counts from 1 by value. It is None for a control, for a generator that failed or that copies the reference,
    and under an encoder without the metric that ranks. The true rank lies in [`rank_low`, `rank_high`] simultaneously
    for all ranked generators of the encoder, at the leaderboard's level. `tied_with` names those, controls included,
    whose difference from this one is not resolved.
    """

    encoder: str
    generator: str
    status: str
    reason: str | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    tied_with: tuple[str, ...]
    training_seeds: tuple[int, ...]
    sampling_seeds: tuple[int, ...]
    n_real: int
    n_fake: int
    metrics: Mapping[str, Estimate]
    flags: tuple[str, ...]
    observations: Mapping[str, Any] = field(default_factory=dict)
    control: bool = False

    @property
    def copies_reference(self) -> bool:
        """Whether it gives back so much of the reference that its distances mean nothing: it has values and no rank."""
        return copies_reference(self.observations)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Pairs of generators whose order two metrics turn round, each beyond noise: `first` prefers the first of a pair,
    `second` the other one."""

    encoder: str
    first: str
    second: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best cell of a sweep by a metric: the value that it was chosen by, and one corrected for having chosen it.

    Both with intervals at `level`. Of `folds` parts of the data, `over` seeds or images, `picked` choose that cell.
    """

    encoder: str
    entry: str
    metric: str
    cells: tuple[str, ...]
    best: str
    value: float
    low: float
    high: float
    corrected: float
    corrected_low: float
    corrected_high: float
    picked: int
    folds: int
    level: float
    over: str


@dataclass(frozen=True, slots=True)
class Sized:
    """The metric that ranks on the first `n` images of a generator's sets: as it is, and with its bias taken off."""

    encoder: str
    generator: str
    n: int
    value: float
    low: float
    high: float
    debiased: float | None
    debiased_low: float | None
    debiased_high: float | None


def copies_reference(observations: Mapping[str, Any]) -> bool:
    """Whether what was seen of a generator's images says that its distances to the reference mean nothing."""
    return bool(observations.get("reference_copies", 0) >= COPIED_SET)


def checkpoints(row: Row) -> int:
    """Training seeds; 1 for a generator that is not trained, which is one and the same under every sampling seed."""
    return len(row.training_seeds) or 1


def order(rows: Sequence[Row]) -> list[Row]:
    """Rows by rank, then those without one, then controls, the failed ones last; in the order given within each."""
    return sorted(rows, key=lambda row: (row.status != "ok", row.control, row.rank is None, row.rank or 0))
