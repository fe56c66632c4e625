"""Numbers with as many digits as their uncertainty tells: the one place that rounds what a reader sees."""

from __future__ import annotations

import math

LOPSIDED = 0.3  # of half the interval, between its middle and the value: from there on ± would mislead
HUGE = 1e7  # values from which on powers of ten are counted


def with_interval(value: float, low: float, high: float) -> str:
    """`12.3 ±1.4`: two significant digits of half the interval; `12.3 [9.1, 19.0]` where the sides differ much."""
    half = (high - low) / 2
    kind = _kind(value, low, high)
    if abs(high + low - 2 * value) <= LOPSIDED * half or half == 0:
        return f"{value:{kind}} ±{half:.1e}" if "e" in kind else f"{value:{kind}} ±{half:{kind}}"
    return f"{value:{kind}} [{low:{kind}}, {high:{kind}}]"


def to_noise(value: float, low: float, high: float, *, sign: bool = False) -> tuple[str, str, str]:
    """Value, low and high with two significant digits of half the interval; four of the value where there is none.

    With `sign` each begins with + or -, as differences do.
    """
    plus = "+" if sign else ""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:{plus}.4g}", "–", "–"
    kind = _kind(value, low, high)
    return f"{value:{plus}{kind}}", f"{low:{plus}{kind}}", f"{high:{plus}{kind}}"


def with_ends(value: float, low: float, high: float, *, sign: bool = False) -> str:
    """`12.3 [10.9, 13.7]`: two significant digits of half the interval, both ends always said."""
    middle, least, most = to_noise(value, low, high, sign=sign)
    return f"{middle} [{least}, {most}]"


def decimals(width: float) -> int:
    """Decimals that show two significant digits of `width`, between 0 and 9."""
    if not width > 0:
        return 3
    return max(0, min(9, 1 - int(f"{width:e}".split("e")[1])))


def _kind(value: float, low: float, high: float) -> str:
    """The format of a number and its interval; of huge ones, which nobody reads digit by digit, powers of ten."""
    half = (high - low) / 2
    return ".2e" if max(abs(value), half) >= HUGE else f".{decimals(half)}f"
