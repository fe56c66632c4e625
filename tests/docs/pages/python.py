"""What a script may use: the names of the doors `harness` and `harness.metrics`, for mkdocstrings to write out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import harness
from harness import adapters, metrics


def page() -> str:
    """docs/reference/python.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Python\n"
    yield "All that a script may use; every other module is private. Names are imported on first use.\n"
    yield "## harness\n"
    for name in harness.__all__:
        if not inspect.ismodule(getattr(harness, name)):
            yield from _entry(f"harness.{name}")
    yield "## harness.adapters\n"
    yield " ".join((adapters.__doc__ or "").split()) + "\n"
    for name, thing in vars(adapters).items():
        if not name.startswith("_") and getattr(thing, "__module__", "") == adapters.__name__:
            yield from _entry(f"{adapters.__name__}.{name}")
    yield "## harness.metrics\n"
    yield " ".join((metrics.__doc__ or "").split()) + "\n"
    for name in metrics.__all__:
        thing = getattr(metrics, name)
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__doc__ and not hasattr(harness, name):
            yield from _entry(f"harness.metrics.{name}")


def _entry(name: str) -> Iterator[str]:
    yield f"::: {name}"
    yield "    options: {heading_level: 3}\n"
