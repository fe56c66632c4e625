"""Parameters of a component, checked against what is known of it without importing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.base import Component, Document, Location, did_you_mean


def checked(
    document: Document, component: Component, parameters: Mapping[str, Any], location: Location, also: Sequence[str]
) -> dict[str, Any] | None:
    """The parameters as JSON, with a built-in component's defaults; None, with the problems noted, for wrong ones."""
    if component.parameters is not None:
        model = document.check(component.parameters, dict(parameters), location, also=also)
        return None if model is None else model.model_dump(mode="json")
    sound = True
    if component.takes is not None:
        for key in parameters:
            if key not in component.takes:
                known = [*also, *component.takes]
                takes = ", ".join(component.takes) or "none"
                text = f"unknown key{did_you_mean(key, known)} {component.target} takes: {takes}"
                document.complain((*location, key), text, key=True)
                sound = False
    for key in component.needs:
        if key not in parameters:
            document.complain((*location, key), f"this key is missing: {component.target} has no default for it")
            sound = False
    return dict(parameters) if sound else None
