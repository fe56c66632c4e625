"""Encoders with a name of their own: a network, the images it is given, and the layer that its authors read.

`presets.yaml` are the facts, `{preset: NAME}` under `encoders:` of a benchmark takes one, docs/encoders.md shows all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from harness.base import Document, Frozen, UsageError, read_yaml, unknown
from harness.images import Preprocessing, declared

TABLE = Path(__file__).with_name("presets.yaml")


class Preset(Frozen):
    """One encoder, as an entry of a benchmark's `encoders:` would declare it, and what that comes to.

    side    pixels of the square images that the network gets
    dim     features an image
    layer   where in the network they are read
    file    what the user gives as `file`; None where the encoder's file is registered or nothing is needed
    source  where size, normalisation and layer are from
    """

    use: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    preprocessing: Any
    side: Annotated[int, Field(ge=1)]
    dim: Annotated[int, Field(ge=1)]
    layer: str
    file: str | None = None
    source: str


class _Table(Frozen):
    presets: dict[str, Preset]


@dataclass(frozen=True, slots=True)
class _Shipped:
    presets: Mapping[str, Preset]
    recipes: Mapping[str, Preprocessing]


@cache
def _shipped() -> _Shipped:
    document = read_yaml(TABLE)
    table = document.check(_Table, {"presets": document.value})
    known = table.presets if table is not None else {}
    found = {name: declared(document, one.preprocessing, (name, "preprocessing")) for name, one in known.items()}
    if problems := document.lines():
        raise UsageError(problems)
    return _Shipped(known, {name: recipe for name, recipe in found.items() if recipe is not None})


def names() -> tuple[str, ...]:
    """The presets that the package ships, in the order of the table: a family at a time."""
    return tuple(_shipped().presets)


def load(name: str) -> Preset:
    """The preset of a name. Raises UsageError for an unknown one, naming those there are."""
    if name not in names():
        raise UsageError(unknown("preset", name, names()))
    return _shipped().presets[name]


def recipe(name: str) -> Preprocessing:
    """What the images of a preset go through. Raises UsageError for an unknown preset."""
    load(name)
    return _shipped().recipes[name]


def entry(name: str) -> str:
    """The line under `encoders:` of a benchmark that takes a preset, with the keys that the user has to fill in."""
    preset = load(name)
    own = ""
    if preset.file is not None:
        own = ", file: PATH" if preset.use == "timm" else ", file: PATH, sha256: DIGEST"
    return f"{name}: {{preset: {name}{own}}}"


def taken(document: Document, name: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of an encoder with what its preset says filled in; None, with the problem noted, where that fails."""
    location = ("encoders", name, "preset")
    asked = body["preset"]
    if not isinstance(asked, str) or asked not in names():
        document.complain(location, unknown("preset", str(asked), names()))
        return None
    preset = load(asked)
    said = [key for key in ("use", "protocol", "preprocessing", *preset.parameters) if key in body]
    for key in said:
        document.complain(("encoders", name, key), f"preset {asked} sets this; leave it out", key=True)
    if said:
        return None
    given = {key: value for key, value in body.items() if key != "preset"}
    return {"use": preset.use, "preprocessing": preset.preprocessing, **preset.parameters, **given}


def rows() -> Iterator[str]:
    """The table of docs/encoders.md, line by line."""
    yield "| preset | features | image | layer | weights | line under `encoders:` |"
    yield "| --- | ---: | --- | --- | --- | --- |"
    for name in names():
        one = load(name)
        yield (f"| {name} | {one.dim} | {recipe(name).label} | {one.layer} | {weights(name)} | `{entry(name)}` |")


def weights(name: str) -> str:
    """Where the weights of a preset come from, in words."""
    from harness.benchmark.registry import TABLE as COMPONENTS

    preset = load(name)
    component = next(one for one in COMPONENTS if one.kind == "encoders" and one.name == preset.use)
    if component.random:
        return "drawn from `seed`"
    if preset.file is not None:
        return preset.file
    defaults = {
        key: field.default for key, field in (component.parameters.model_fields if component.parameters else {}).items()
    }
    return f"{component.weight_file({**defaults, **preset.parameters})} (`harness weights fetch`)"


def listed() -> Iterator[str]:
    """A line for each preset: its name, features, image size and layer."""
    for name in names():
        one = load(name)
        yield f"{name:<24} {one.dim:>5} features  {one.side:>3}×{one.side:<3}  {one.layer}"


def described(name: str) -> str:
    """Everything about one preset, a fact a line, and the entry that takes it into a benchmark."""
    one = load(name)
    facts = {
        "encoder": one.use,
        **{f"  {key}": value for key, value in one.parameters.items()},
        "features": one.dim,
        "image": f"{one.side}×{one.side}",
        "preprocessing": recipe(name).words,
        "layer": one.layer,
        "weights": weights(name).replace("`", ""),
        "source": one.source,
    }
    lines = [f"{key:<18} {str(value).lower() if isinstance(value, bool) else value}" for key, value in facts.items()]
    return "\n".join([*lines, f"\nencoders:\n  {entry(name)}"])
