"""Text for a person: the answer first, folded between words where a terminal is narrower than a line."""

from __future__ import annotations

import shutil
import sys

import click


def say(text: str) -> None:
    """Print lines; on a terminal they are folded to its width, in a file or a pipe each stays one, for `grep`."""
    from harness.base import fold

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(text if width is None else fold(text, width))
