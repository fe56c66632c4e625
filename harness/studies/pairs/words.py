"""Scores of image pairs in words, and as a table that `harness scores` reads."""

from __future__ import annotations

from harness.base import as_csv
from harness.studies.judges.words import difference_words, text
from harness.studies.pairs.compute import Paired


def report(found: Paired, compare: tuple[str, str] | None, *, details: bool = False) -> str:
    """The answer by each measure, the difference of two generators where asked for, and what is amiss."""
    parts = []
    for one in found.judged.values():
        parts.append("\n".join([text(one, details=details), *(difference_words(one, *compare) if compare else ())]))
    return "\n\n".join([*parts, *(f"note: {note}" for note in found.notes)])


def written(found: Paired) -> bytes:
    """A CSV file: one line an image of each generator, a column each measure; `prompt` is the image's name."""
    rows = [
        [generator, name, *(repr(of[generator][place]) for of in found.scores.values())]
        for generator in next(iter(found.scores.values()))
        for place, name in enumerate(found.names)
    ]
    return as_csv([["generator", "prompt", *found.scores], *rows]).encode()
