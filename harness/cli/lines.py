"""Text for a person: the answer first, folded between words where a terminal is narrower than a line."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

import click


def say(text: str) -> None:
    """Print lines; on a terminal they are folded to its width, in a file or a pipe each stays one, for `grep`."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(text if width is None else fold(text, width))


def fold(text: str, width: int) -> str:
    """The text with no line longer than `width` letters where words allow it; what follows is set in by two more.

    Rows of a table (`|`) are left alone: folded, no column would be one.
    """
    folded = []
    for line in text.split("\n"):
        if len(line) <= width or line.startswith("|"):
            folded.append(line)
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
