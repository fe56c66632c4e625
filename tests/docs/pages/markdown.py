"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def cell(text: str) -> str:
    """Words as a cell holds them: on one line, without a bar of their own, tags not read as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def code(text: str) -> str:
    """Text as code in a cell; nothing for none."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; a column that is empty in every row is left out."""
    listed = [list(map(str, row)) for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in listed)]
    yield f"| {' | '.join(head[i] for i in kept)} |"
    yield f"|{' --- |' * len(kept)}"
    for row in listed:
        yield f"| {' | '.join(row[i] for i in kept)} |"
