"""Numbers with as many digits as their uncertainty tells: the one place that rounds what a reader sees."""

from __future__ import annotations

LOPSIDED = 0.3  # of half the interval, between its middle and the value: from there on ± would mislead
HUGE = 1e7  # values from which on powers of ten are counted


def with_interval(value: float, low: float, high: float) -> str:
    """`12.3 ±1.4`: two significant digits of half the interval; `12.3 [9.1, 19.0]` where the sides differ much."""
    half = (high - low) / 2
    # Of numbers that nobody reads digit by digit, such as FLD of copies, as many as the half tells.
    huge = max(abs(value), half) >= HUGE
    kind = ".2e" if huge else f".{decimals(half)}f"
    text = f"{value:{kind}}"
    if abs(high + low - 2 * value) <= LOPSIDED * half or half == 0:
        return f"{text} ±{half:.1e}" if huge else f"{text} ±{half:{kind}}"
    return f"{text} [{low:{kind}}, {high:{kind}}]"


def decimals(width: float) -> int:
    """Decimals that show two significant digits of `width`, between 0 and 9."""
    if not width > 0:
        return 3
    return max(0, min(9, 1 - int(f"{width:e}".split("e")[1])))
