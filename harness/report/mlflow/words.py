"""Names and values as MLflow takes them; PostgreSQL refuses what is too long, where SQLite keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.base import digest

LONGEST_NAME = 250  # characters of a metric's, param's and run's name
LONGEST_NOTE = 7500  # characters: MLflow keeps 8,000 of a tag
LONGEST_VALUE = 500  # characters; MLflow cuts at 6,000 without a word, and the lock file holds all of it anyway


def name(text: str) -> str:
    """A name that MLflow accepts: letters, digits and `_ - . : / space`, and no step in it that leads elsewhere.

    MLflow reads a name as a path: "a//b", "/a" and "a/../b" are refused. What is too long ends in its digest.
    """
    kept = re.sub(r"[^\w\-.:/ ]", "_", text)
    steps = ["_" * len(step) if step in ("", ".", "..") else step for step in kept.split("/")]
    return _within("/".join(step or "_" for step in steps), LONGEST_NAME)


def model_name(text: str) -> str:
    """The name of a LoggedModel, which allows fewer signs."""
    return _within(re.sub(r"[/:.%\"']", "-", text), LONGEST_NAME)


def title(text: str) -> str:
    """The name of a run, which allows every sign."""
    return cut(text, LONGEST_NAME)


def note(lines: list[str]) -> str:
    """Paragraphs of markdown in a tag."""
    return cut("\n\n".join(lines), LONGEST_NOTE)


def value(found: Any) -> str:
    """The value of a param or tag in a line."""
    if isinstance(found, Mapping):
        found = ", ".join(f"{key} {part}" for key, part in found.items())
    text = found if isinstance(found, str) else json.dumps(found)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 20] + " … (see lock file)"


def cut(text: str, longest: int) -> str:
    """The text, its end left out where it is longer."""
    return text if len(text) <= longest else text[: longest - 2] + " …"


def flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"a": {"b": 1}}` → ("a.b", 1)."""
    for key, part in found.items():
        if isinstance(part, Mapping) and part:
            yield from flat(part, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", part


def _within(text: str, longest: int) -> str:
    """The text; a longer one ends in its digest, so that two that begin alike stay two."""
    return text if len(text) <= longest else f"{text[: longest - 13]}-{digest(text)[:12]}"
