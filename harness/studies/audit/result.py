"""What an audit found: changes, flips, and which settings are shown to move the metric that ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from harness.uncertainty import holm

TINY = 1e-12  # a pinned value of 0 has no shares
LAST_BITS = 1e-6  # of the pinned value: a change up to this is one of arithmetic


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

    @property
    def share(self) -> float:
        """|change| in shares of the pinned value."""
        return abs(self.change) / max(abs(self.pinned), TINY)


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
class Setting:
    """How far one variant moves the metric that ranks, over the generators of the benchmark.

    share   median of |change| / |pinned value|
    most    the change that is largest so
    shift   the reference as pinned against itself under the variant, FD; None where that is no distance
    shown   whether some generator's change is beyond noise
    """

    variant: str
    share: float
    most: Change
    changes: tuple[Change, ...]
    shift: float | None
    shown: bool

    @property
    def knob(self) -> str:
        """What the variant turns."""
        return self.variant.partition(":")[0]


@dataclass(frozen=True)
class Audited:
    """All that an audit found under its `encoders`; `failed` says which variants an encoder could not take.

    `unmoved` says which variants move nothing by construction and were not computed.
    """

    benchmark: str
    metric: str
    level: float
    encoders: tuple[str, ...]
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    shifts: tuple[Shift, ...]
    printed: tuple[Printed, ...]
    failed: tuple[str, ...]
    unmoved: tuple[str, ...] = ()

    def settings(self, encoder: str) -> list[Setting]:
        """What each variant does to the ranking metric, in the order of the audit."""
        shown, own = {id(change) for change in self._shown(encoder)}, self._ranking(encoder)
        shifts = {s.variant: s.distance for s in self.shifts if s.encoder == encoder}
        found = []
        for variant in dict.fromkeys(change.variant for change in own):
            changes = tuple(change for change in own if change.variant == variant)
            share = float(np.median([change.share for change in changes]))
            most, beyond = max(changes, key=lambda change: change.share), any(id(c) in shown for c in changes)
            found.append(Setting(variant, share, most, changes, shifts.get(variant), beyond))
        return found

    def knobs(self, encoder: str) -> list[tuple[str, float]]:
        """The knobs shown to move the ranking metric, that which moves it most first, each with the largest share.

        A knob counts by its variants of which some generator's change is shown beyond noise.
        """
        found: dict[str, float] = {}
        for setting in self.settings(encoder):
            if setting.shown:
                found[setting.knob] = max(found.get(setting.knob, 0.0), setting.share)
        return sorted(found.items(), key=lambda item: -item[1])

    def unshown(self, encoder: str) -> list[str]:
        """The knobs of which no change of the ranking metric is shown beyond noise, in the order of the audit."""
        shown = dict(self.knobs(encoder))
        return list(dict.fromkeys(s.knob for s in self.settings(encoder) if s.knob not in shown))

    def noise_known(self, encoder: str) -> bool:
        """Whether changes of the ranking metric have intervals; without them none can be shown beyond noise."""
        return any(change.low is not None for change in self._ranking(encoder))

    def _ranking(self, encoder: str) -> list[Change]:
        return [c for c in self.changes if (c.encoder, c.metric) == (encoder, self.metric)]

    def _shown(self, encoder: str) -> list[Change]:
        """The encoder's changes beyond noise, all at once at the audit's level: Holm over generators and variants."""
        own = self._ranking(encoder)
        adjusted = holm([_p(change, self.level) for change in own])
        return [change for change, p in zip(own, adjusted, strict=True) if p <= 1.0 - self.level]

    def to_json(self) -> dict[str, Any]:
        """The content of audit.json."""
        told: Mapping[str, Any] = asdict(self)
        return {"study": "audit", **told, "changes": [{**asdict(c), "change": c.change} for c in self.changes]}


def is_none(change: Change) -> bool:
    """Whether a change is of the last bits only."""
    return abs(change.change) <= LAST_BITS * abs(change.pinned)


def _p(change: Change, level: float) -> float:
    """Two-sided p of no change, by the normal law that its interval was made with; 1 where no interval is known."""
    if change.low is None or change.high is None or is_none(change):
        return 1.0
    normal = NormalDist()
    se = (change.high - change.low) / 2 / normal.inv_cdf(0.5 + level / 2)
    return 2.0 * normal.cdf(-abs(change.change) / se) if se > 0 else 0.0
