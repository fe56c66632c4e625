"""What a message says: what was found, what is allowed, what may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

Location = tuple[str | int, ...]
MOST_QUOTED, MOST_COLUMNS = 80, 40  # letters of a value, and columns, that a message repeats


def quoted(value: object) -> str:
    """A value that a file holds, for a message about it: as Python spells it, on one line, cut where it is long."""
    spelled = repr(value)
    return spelled if len(spelled) <= MOST_QUOTED else f"{spelled[:MOST_QUOTED]}…"


def quoted_names(names: Iterable[object]) -> list[str]:
    """Names of a table's columns for a message about it: on one line each, and not all of very many."""
    plain = [str(name) for name in names][:MOST_COLUMNS]
    return [name if name.isprintable() and len(name) <= MOST_QUOTED else quoted(name) for name in plain]


_NEEDED = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping of keys",
    "model_type": "expected a mapping of keys",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "need at least {min_length}",
    "too_long": "at most {max_length} is allowed",
    "string_too_short": "expected text",
}


def explain(error: Mapping[str, Any], model: type[BaseModel], inside: Location, also: Sequence[str]) -> str:
    """What was found, what is allowed: a pydantic error at a location inside a model's value, as one line of words."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        if inside and isinstance(inside[-1], int):
            return "an entry is missing here" + _described(model, inside[:-1])
        return "this key is missing" + _described(model, inside)
    if kind == "extra_forbidden":
        known = [*(also if len(inside) == 1 else ()), *_fields(model, inside[:-1])]
        return f"unknown key{did_you_mean(str(inside[-1]), known)} Allowed: {', '.join(known) or 'none'}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        near = did_you_mean(value, allowed.split(", ")) if isinstance(value, str) else "."
        return f"{found(value)}{near} Allowed: {allowed}"
    if kind == "string_pattern_mismatch":
        return f"{found(value)}; what is needed{_described(model, inside)}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("too_short", "too_long") and isinstance(value, Sequence):
        entries = f"found {len(value)} entries" if value else found(value)
        return f"{entries}; {_NEEDED[kind].format(**context)}"
    if kind in _NEEDED:
        return f"{found(value)}; {_NEEDED[kind].format(**context)}"
    return f"{found(value)}; {error['msg']}"


def _described(model: type[BaseModel], inside: Location) -> str:
    described = _fields(model, inside[:-1]).get(str(inside[-1]))
    text = getattr(described, "description", None)
    return f": {text}" if text else ""


def _fields(model: type[BaseModel], inside: Location) -> dict[str, Any]:
    """The fields of the model that lies at a location inside another."""
    at: Any = model
    for part in inside:
        options = [option for option in _options(at) if option is not type(None)]
        at = options[0] if options else None
        if isinstance(at, type) and issubclass(at, BaseModel) and str(part) in at.model_fields:
            at = at.model_fields[str(part)].annotation
        elif get_origin(at) in (dict, list, tuple):
            at = next((arg for arg in reversed(get_args(at)) if arg is not Ellipsis), None)
    models = [option for option in _options(at) if isinstance(option, type) and issubclass(option, BaseModel)]
    return dict(models[0].model_fields) if models else {}


def _options(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [option for part in get_args(annotation) for option in _options(part)]
    return [annotation]


def found(value: Any) -> str:
    """A value as an error message calls it."""
    if value is None:
        return "found nothing"
    if isinstance(value, bool):
        return f"found {str(value).lower()}"
    if isinstance(value, str):
        return f"found the text '{value if len(value) <= 60 else value[:57] + '…'}'"
    if isinstance(value, Mapping):
        return "found a mapping" if value else "found an empty mapping"
    if isinstance(value, Sequence):
        return "found a list" if value else "found an empty list"
    return f"found {value}"


def unknown(what: str, word: str, known: Iterable[str], *, place: str = "") -> str:
    """`no encoder 'pixel' in this benchmark; did you mean 'pixels'? Known: digits_convnet, pixels`."""
    names = list(known)
    where = f" in {place}" if place else ""
    return f"no {what} '{word}'{where}{did_you_mean(word, names)} Known: {', '.join(names) or 'none'}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'pixels'?` for the nearest known name, `.` where none is near."""
    spelling = {name.lower(): name for name in known}
    begun = [name for name in spelling if len(word) >= 3 and name.startswith(word.lower())]
    near = difflib.get_close_matches(word.lower(), spelling, n=1, cutoff=0.6) or begun
    return f"; did you mean '{spelling[near[0]]}'?" if near else "."


def listed(names: Sequence[str], most: int, *, between: str = ", ", last: str = " and ") -> str:
    """`a, b, c and 4 more`: the first `most` names, and how many were left out."""
    more = f"{last}{len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def named(names: Iterable[str], most: int = 5, *, between: str = ", ") -> str:
    """`a, b and c` in a sentence, which names at most `most`: `a, b, c, d, e and 195 more`."""
    every = list(names)
    if len(every) > most:
        return listed(every, most, between=between)
    *before, last = every or [""]
    return f"{between.join(before)} and {last}" if before else last


def counted(n: int, noun: str) -> str:
    """`1 claim`, `2 claims`."""
    return f"{n} {noun}{'s'[: n != 1]}"
