"""Text of strangers in tables: a name, a prompt or a reason that no spreadsheet or Markdown viewer takes for its own.

A cell that begins with = + - @ is a formula to spreadsheets, and a formula can fetch an address with the other cells in
it (OWASP, "CSV injection"). Names in a benchmark cannot begin so, but names of files and prompts can.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = re.compile(r"[=+\-@\t]")
_GUARDED = re.compile(r"'(?=[=+\-@\t])")


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, lines ending in a line feed; text that a spreadsheet would compute gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def from_cell(text: str) -> str:
    """The text of a cell that `as_csv` wrote, without its guard."""
    return text[1:] if _GUARDED.match(text) else text


def as_markdown(text: str) -> str:
    """Text on one line of Markdown, of a table too: no element, no link or picture, no column of its own."""
    plain = " ".join(text.split())
    plain = plain.replace("<", "&lt;").replace("|", "\\|")
    return re.sub(r"(!?)\[([^\]]*)\]\(", r"\1[\2]\\(", plain)


def _guarded(cell: Any) -> Any:
    if isinstance(cell, str):
        cell = cell.replace("\r", " ")  # a line's end to some readers, and csv leaves it unquoted
    if not isinstance(cell, str) or not _FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell  # a number is what it says
