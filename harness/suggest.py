"""What an error message says about a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, word: str, known: Iterable[str], *, place: str = "") -> str:
    """`no encoder 'pixel' in this benchmark; did you mean 'pixels'? Known: digits_convnet, pixels`."""
    names = list(known)
    where = f" in {place}" if place else ""
    return f"no {what} '{word}'{where}{did_you_mean(word, names)} Known: {', '.join(names) or 'none'}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'pixels'?` for the nearest known name, `.` where none is near."""
    spelling = {name.lower(): name for name in known}
    begun = [name for name in spelling if len(word) >= 3 and name.startswith(word.lower())]
    near = difflib.get_close_matches(word.lower(), spelling, n=1, cutoff=0.6) or begun
    return f"; did you mean '{spelling[near[0]]}'?" if near else "."
