"""Is a difference larger than a margin, in one direction?"""

from __future__ import annotations

from harness.uncertainty.compare import Comparison, _tail


def p_beyond(comparison: Comparison, *, rise: bool, margin: float = 0.0) -> float:
    """The one-sided p of "the first exceeds the second by no more than `margin`", in (0, 1).

    `rise` says that more is meant; without it, that the first falls below the second by no more than that. At a margin
    of 0 it is half of the comparison's p, or one less that.
    """
    distance = (comparison.value if rise else -comparison.value) - margin
    tail = _tail(comparison.parts, abs(distance))
    return tail if distance > 0 else 1.0 - tail
