"""What a benchmark can name: a line for each name of a kind, or all that is known of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.base import Component, UsageError, unknown
from harness.benchmark import datasets as pinned
from harness.benchmark import registry
from harness.images import Preprocessing, recipes
from harness.metrics import MetricFacts

ARROWS = {"lower": "↓", "higher": "↑", None: " "}


def listing(kind: str) -> dict[str, str]:
    """Names that a benchmark can use, each with a line of words: a kind of component, or `preprocessing`.

    Datasets are those of the nearest datasets.yaml, without one those that ship, then the ways in which one can be
    declared there. Parameters of metrics do not fit a line: see `described`.
    """
    if kind == "preprocessing":
        named = {name: recipe.words for name, recipe in recipes.RECIPES.items()}
        own = {"(of your own)": _keys(Preprocessing)}
        steps = {f"  {name}": _keys(step) for name, step in recipes.STEPS.items()}
        return named | own | steps
    checked = registry.kind_of(kind)
    words = _pinned() if checked == "datasets" else {}
    for component in registry.describe(checked):
        if isinstance(component, MetricFacts) and component.origin == "built-in":
            words[component.name] = f"{ARROWS[component.better]} {component.summary}"
        else:
            words.setdefault(component.name, _words(component))
    return words


def described(kind: str, name: str) -> list[tuple[str, str]]:
    """What is known of one name, as titles and texts; of a metric also what it cannot see.

    Raises UsageError for a name that is not known.
    """
    if kind == "preprocessing" or (kind == "datasets" and name in _pinned()):
        known = listing(kind)
        if name not in known:
            raise UsageError(
                unknown("preprocessing", name, [each for each in known if not each.startswith((" ", "("))])
            )
        return [("", known[name])]
    component = registry.find(kind, name, Path.cwd())
    rows = [("", component.summary)]
    if isinstance(component, MetricFacts):
        rows += _of_metric(component)
    for title, model in (("parameters", component.parameters), ("each split", component.split)):
        if model is not None and model.model_fields:
            rows.append((title, _keys(model)))
    if component.takes:
        rows.append(("parameters", ", ".join(component.takes)))
    if component.origin != "built-in":
        rows.append(("code", component.target))
    return [(title, words) for title, words in rows if words]


def _of_metric(row: MetricFacts) -> list[tuple[str, str]]:
    reads = "training, held-out real and fake images" if row.trains else ""
    layers = f"only features of the encoder layer {' or '.join(row.reads)}" if row.reads else ""
    return [
        ("meaning", row.meaning),
        ("cannot see", row.unseen),
        ("better", row.better or ""),
        ("measures", row.axis if row.origin == "built-in" else ""),
        ("reads", reads or layers),
        ("source", row.citation if row.origin == "built-in" else ""),
    ]


def _pinned() -> dict[str, str]:
    """Datasets of the nearest datasets.yaml, without one those that ship, with their splits and licence."""
    catalogue = pinned.load(pinned.nearest(Path.cwd()) or pinned.EMBEDDED)
    if lines := catalogue.document.lines():
        raise UsageError(lines)
    words = {}
    for name, data in catalogue.datasets.items():
        splits = ", ".join(f"{split} {pins.size:,}" for split, pins in data.splits.items())
        words[name] = f"{data.component.summary}; {splits}; {data.licence}"
    return words


def _words(component: Component) -> str:
    notes = f" ({_keys(component.parameters)})" if component.parameters and component.parameters.model_fields else ""
    split = f"; a split: {_keys(component.split)}" if component.split and component.split.model_fields else ""
    return component.summary + notes + split + ("" if component.origin == "built-in" else f" [{component.target}]")


def _keys(model: type[BaseModel]) -> str:
    """Every key of a part of a declaration, as YAML says it, with its default where it has one."""
    return ", ".join(
        name if field.is_required() else f"{name}={_plain(field.get_default(call_default_factory=True))}"
        for name, field in model.model_fields.items()
    )


def _plain(value: Any) -> str:
    """A default as YAML says it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, tuple) else str(value)
