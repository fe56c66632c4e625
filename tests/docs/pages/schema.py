"""Keys of a JSON Schema as rows of a table: the same words as editors show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.docs.pages.markdown import cell, code, table

Schema = Mapping[str, Any]
NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
MOST = 12  # choices in a cell; more are named where they are listed
HEAD = ("key", "value", "default", "meaning")


def keys(schema: Schema, definitions: Schema, *, left: tuple[str, ...] = ()) -> Iterator[str]:
    """A table of the keys of an object: value, default, meaning; required ones say so."""
    required = schema.get("required", ())
    rows = []
    for key, of in schema.get("properties", {}).items():
        if of is False or key in left:
            continue
        default = json.dumps(of["default"], ensure_ascii=False) if "default" in of else ""
        needed = "*required*" if key in required else code(default)
        rows.append((f"`{key}`", cell(kind(of, definitions)), needed, cell(of.get("description", ""))))
    return table(HEAD, rows)


def kind(of: Schema, definitions: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in of:
        return "a mapping, see below"
    if "const" in of:
        return f"`{of['const']}`"
    if "enum" in of:
        shown = ["null" if one is None else str(one) for one in of["enum"]]
        more = f" and {len(shown) - MOST} more" if len(shown) > MOST else ""
        return ", ".join(f"`{one}`" for one in shown[:MOST]) + more
    if "anyOf" in of:
        found = [kind(one, definitions) for one in of["anyOf"]]
        return " or ".join(dict.fromkeys(found))
    types = of.get("type", "anything")
    if isinstance(types, list):
        return " or ".join(NAMES.get(one, one) for one in types)
    if types == "array":
        return _list(of, definitions)
    if types == "object":
        return "a mapping"
    return NAMES.get(types, types) + _bounds(of)


def _list(of: Schema, definitions: Schema) -> str:
    if "prefixItems" in of:
        return "[" + ", ".join(kind(one, definitions) for one in of["prefixItems"]) + "]"
    items = of.get("items")
    return "a list" if not items else f"a list of: {kind(items, definitions)}"


def _bounds(of: Schema) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = [f"{sign} {of[key]:g}" for key, sign in words.items() if key in of and abs(of[key]) < 2**31]
    return f" {', '.join(told)}" if told else ""
