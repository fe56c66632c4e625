"""JSON Schema (2020-12) of what a model reads: its keys, their types and defaults, and what each means.

A key's meaning is the `description` of its field, or else its line in the model's docstring, `key   what it means`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# In a docstring: `key, other   what they mean`, two spaces at least before the words.
LINE = re.compile(r"(?P<keys>[a-z_0-9]+(?:, [a-z_0-9]+)*) {2,}(?P<words>\S.*)")
Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Pydantic's, for models that hold objects which no file gives."""

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Anything: such a field is not read from a file."""
        return {}


def spelled(schema: Schema) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def schema_of(model: type, definitions: Schema) -> Schema:
    """The schema of a model or dataclass; those inside it go into `definitions`, which `#/$defs` is to hold."""
    made: Schema = TypeAdapter(model).json_schema(schema_generator=_Generator)
    inner = made.pop("$defs", {})
    models = {one.__name__: one for one in _models(model)}
    if made.get("$ref"):  # it holds itself
        made = inner.pop(model.__name__)
    for name, of in inner.items():
        definitions.setdefault(name, _untitled(_explained(of, models[name]) if name in models else of))
    whole: Schema = _untitled(_explained(made, model))
    return whole


def meanings(model: type) -> dict[str, str]:
    """What the keys of a model mean, as far as its docstring or that of a class that it extends says it."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one.__module__.startswith("harness."):
            found |= _lines(one.__doc__ or "")
    return found


def summary(model: type) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    keys: list[str] = []
    for line in text.splitlines()[1:]:
        told = LINE.fullmatch(line.strip())
        if told and not line.startswith("     "):
            keys = told["keys"].split(", ")
            found |= dict.fromkeys(keys, told["words"].strip())
        elif keys and line.startswith("     ") and line.strip():
            found |= {key: f"{found[key]} {line.strip()}" for key in keys}
        else:
            keys = []
    return found


def _explained(schema: Schema, model: type) -> Schema:
    known = meanings(model)
    for key, of in schema.get("properties", {}).items():
        if key in known:
            of.setdefault("description", known[key])
    schema["description"] = summary(model)
    return schema


def _untitled(value: Any) -> Any:
    """Without the titles that pydantic makes of names, and descriptions of parts that say nothing to a user."""
    if isinstance(value, Mapping):
        return {key: _untitled(of) for key, of in value.items() if key != "title" or not isinstance(of, str)}
    return [_untitled(of) for of in value] if isinstance(value, list) else value


def _models(model: Any) -> list[type]:
    """A model and the models inside it."""
    found: list[type] = []
    waiting: list[Any] = [model]
    while waiting:
        at = waiting.pop()
        if isinstance(at, type) and at not in found and (issubclass(at, BaseModel) or hasattr(at, "__annotations__")):
            found.append(at)
            waiting += _annotations(at)
        waiting += get_args(at)
    return found


def _annotations(model: type) -> list[Any]:
    if issubclass(model, BaseModel):
        return [field.annotation for field in model.model_fields.values()]
    if not hasattr(model, "__dataclass_fields__"):
        return []
    from typing import get_type_hints

    return list(get_type_hints(model).values())
