"""From a metric's values to pixels: an axis that is linear, logarithmic, or logarithmic on both sides of zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["linear", "log", "asinh"]
WIDE = 8  # times the median: from there on one generator would press all others together


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps [low, high] to the pixels [start, end]; `threshold` is where an asinh axis turns from linear to log."""

    low: float
    high: float
    start: float
    end: float
    kind: Kind = "linear"
    threshold: float = 1.0

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self._bend(self.low), self._bend(self.high)
        return self.start + (self._bend(value) - low) / (high - low) * (self.end - self.start)

    def _bend(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(value)
        return math.asinh(value / self.threshold) if self.kind == "asinh" else value

    def ticks(self, most: int = 6) -> list[float]:
        """At most about so many round values within the axis."""
        if self.kind == "linear":
            return _round_steps(self.low, self.high, most)
        top = math.floor(math.log10(max(abs(self.low), abs(self.high))))
        if self.kind == "log":
            bottom = math.floor(math.log10(self.low))
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [m * 10.0**e for e in range(bottom, top + 1) for m in steps]
                found = [value for value in found if self.low <= value <= self.high]
                if len(found) <= most:
                    break
            return found if len(found) > 1 else _round_steps(self.low, self.high, most)
        powers = [m * 10.0**e for e in range(math.floor(math.log10(self.threshold)), top + 1) for m in (1, 2, 5)]
        found = [v for v in (*(-p for p in reversed(powers)), 0.0, *powers) if self.low <= v <= self.high]
        apart = (self.end - self.start) / (most + 3)
        kept: list[float] = [0.0] if 0.0 in found else []
        for value in reversed(found):
            if all(abs(self(value) - self(other)) >= apart for other in kept):
                kept.append(value)
        return sorted(kept)


def axis_for(
    values: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    start: float,
    end: float,
    *,
    share: bool = False,
    wide: float = WIDE,
) -> Axis:
    """The axis that shows all values and intervals; `share` fixes it to 0 to 1, wider only where an interval is.

    It is logarithmic where the largest value is `wide` times the median.
    """
    least, most = min([*values, *lows], default=0.0), max([*values, *highs], default=1.0)
    if share:
        return Axis(min(0.0, least), max(1.0, most), start, end)
    sizes = sorted(abs(value) for value in values if value)
    if sizes and sizes[-1] >= wide * sizes[(len(sizes) - 1) // 2]:
        if least > 0:
            return Axis(least / 1.15, most * 1.15, start, end, "log")
        halves = sorted((high - low) / 2 for low, high in zip(lows, highs, strict=True) if high > low)
        threshold = halves[len(halves) // 2] if halves else sizes[len(sizes) // 2]
        return Axis(least * 1.15, most * 1.15, start, end, "asinh", threshold)
    room = 0.05 * (most - least) or abs(most) or 1.0
    return Axis(least - room, most + room, start, end)


def _round_steps(low: float, high: float, most: int) -> list[float]:
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    while (high - low) / step > most:
        step *= 2.5 if round(step / 10 ** math.floor(math.log10(step))) == 2 else 2
    # Whole multiples, so that a tick at zero is zero and prints so.
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
