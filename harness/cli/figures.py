"""`--json FILE`: what a study found, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any


def write_figures(file: Path | None, found: Any) -> None:
    """Write a result to the file, if one was asked for: its own `to_json`, else its fields.

    A number that is none (a p-value of no test) becomes null; paths become text.
    """
    from harness.base import write_json

    if file is not None:
        write_json(file, plain(found))


def plain(value: Any) -> Any:
    """The value in the types of JSON."""
    if hasattr(value, "to_json") and not isinstance(value, type):
        told = value.to_json()
        return plain(told) if not isinstance(told, str) else told
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
