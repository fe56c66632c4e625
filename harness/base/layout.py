"""Text in aligned columns, for terminals and logs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence

GAP = 3  # letters between two columns
LEAST = 24  # letters that the last column has, however narrow the room


def aligned(
    rows: Sequence[Sequence[str] | None],
    *,
    heads: Sequence[str] = (),
    right: Collection[int] = (),
    wrap: Mapping[int, int] | None = None,
    indent: int = 2,
) -> list[str]:
    """Rows as lines whose columns are aligned, under their titles where `heads` has them; None is an empty line.

    `right` are the columns that stand on the right, `wrap` the letters to which a column of words is folded.
    """
    folded = [
        None if row is None else [_folded(cell, (wrap or {}).get(place)) for place, cell in enumerate(row)]
        for row in rows
    ]
    cells = [[[head] for head in heads]] if heads else []
    cells += [row for row in folded if row is not None]
    widths = [max(len(part) for cell in column for part in cell) for column in zip(*cells, strict=True)]

    def line(parts: Sequence[str]) -> str:
        padded = (
            f"{p:>{w}}" if n in right else f"{p:<{w}}" for n, (p, w) in enumerate(zip(parts, widths, strict=True))
        )
        return (" " * indent + (" " * GAP).join(padded)).rstrip()

    lines = []
    if heads:
        lines += [line(heads), " " * indent + "─" * width_of(widths)]
    for row in folded:
        height = max(map(len, row)) if row else 1
        lines += [line([cell[n] if n < len(cell) else "" for cell in row]) if row else "" for n in range(height)]
    return lines


def width_of(widths: Sequence[int]) -> int:
    """How many letters columns of these widths take side by side."""
    return sum(widths) + GAP * (len(widths) - 1)


def shortened(text: str, most: int) -> str:
    """The text, cut between words with an ellipsis where it is longer than `most` letters."""
    return text if len(text) <= most else textwrap.shorten(text, most, placeholder=" …")


def fold(text: str, width: int) -> str:
    """The text with no line longer than `width` letters where words allow it; what follows is set in by two more.

    Of a row of aligned columns the last one is folded; rows of a table (`|`) are left alone, as no column would be one.
    """
    folded = []
    for line in text.split("\n"):
        if len(line) <= width or line.startswith("|"):
            folded.append(line)
            continue
        if set(line.strip()) == {"─"}:
            folded.append(line[:width])
            continue
        if columns := re.fullmatch(rf"(.*\S {{{GAP},}})(\S.*)", line):
            lead, last = columns.groups()
            room = max(width - len(lead), LEAST)
            folded += textwrap.wrap(
                last,
                len(lead) + room,
                initial_indent=lead,
                subsequent_indent=" " * len(lead),
                break_long_words=False,
                break_on_hyphens=False,
            )
            continue
        lead = re.match(r"\s*(?:- )?", line)[0]  # type: ignore[index]  # it matches nothing at least
        inner = " " * (len(lead) + (0 if lead.endswith("- ") else 2))
        folded += textwrap.wrap(
            line[len(lead) :],
            max(width, 40),
            initial_indent=lead,
            subsequent_indent=inner,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(folded)


def _folded(cell: str, room: int | None) -> list[str]:
    return (textwrap.wrap(cell, room, break_on_hyphens=False) if room else [cell]) or [""]
