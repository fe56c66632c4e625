"""What an audit finds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Change:
    """One metric of one generator under one encoder: pinned, under the variant, and the change with its interval.

    `low` and `high` are None for metrics without influence functions, whose change cannot be paired image by image.
    """

    encoder: str
    generator: str
    metric: str
    variant: str
    pinned: float
    value: float
    low: float | None
    high: float | None

    @property
    def change(self) -> float:
        """Variant less pinned."""
        return self.value - self.pinned


@dataclass(frozen=True)
class Flip:
    """Two generators in another order under a variant; `resolved` where both orders are beyond noise.

    All resolved flips of an encoder hold at once at the audit's level, over its pairs and variants and the pinned way.
    """

    encoder: str
    variant: str
    first: str
    second: str
    resolved: bool


@dataclass(frozen=True)
class Shift:
    """Distance between the reference prepared as pinned and the same images prepared as the variant has it."""

    encoder: str
    variant: str
    knob: str
    distance: float


@dataclass(frozen=True)
class Printed:
    """What a published pipeline prints for one generator, with the interval and the rank that it does not print.

    `pipeline` is "pinned", or the name of a variant; `whole` where it brought its own encoder, so that its numbers are
    in another unit than the pinned ones; `random` where that encoder's weights were drawn, not trained.
    """

    encoder: str
    pipeline: str
    generator: str
    value: float
    low: float
    high: float
    rank: int
    whole: bool
    random: bool


@dataclass(frozen=True)
class Audited:
    """All that an audit found under its `encoders`; `failed` says which variants an encoder could not take."""

    benchmark: str
    metric: str
    level: float
    encoders: tuple[str, ...]
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    shifts: tuple[Shift, ...]
    printed: tuple[Printed, ...]
    failed: tuple[str, ...]

    def knobs(self, encoder: str) -> list[tuple[str, float]]:
        """The knobs, the one that moves the ranking metric most first: largest median |change| / pinned value."""
        found: dict[str, float] = {}
        for variant in dict.fromkeys(c.variant for c in self.changes):
            own = [
                abs(c.change) / max(abs(c.pinned), 1e-12)
                for c in self.changes
                if (c.variant, c.encoder, c.metric) == (variant, encoder, self.metric)
            ]
            knob = variant.partition(":")[0]
            if own:  # else the encoder could not take it, or the metric is not computed under it
                found[knob] = max(found.get(knob, 0.0), float(np.median(own)))
        return sorted(found.items(), key=lambda item: -item[1])


def facts(found: Audited) -> dict[str, Any]:
    """The audit as JSON."""
    told: Mapping[str, Any] = asdict(found)
    return {"study": "audit", **told, "changes": [{**asdict(c), "change": c.change} for c in found.changes]}
