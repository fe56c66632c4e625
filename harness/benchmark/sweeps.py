"""`sweep: {generators: {ddpm: {steps: [1, 2, 5], sampler: [ddpm, ddim]}}}`: one entry written out as many.

A swept entry stands for its cells, each an entry like any other under a readable name, `ddpm-ddim-5`. The values on the
axes stay with the cells, so that curves can be drawn over them. `n_fake: [50, 100]` adds the metric that ranks at
smaller sizes, on the first images of each set.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from harness.base import Document, Frozen, FrozenDict, FrozenMapping, Location, found, unknown
from harness.benchmark.audit import ImageCount
from harness.benchmark.entries import Swept

KEY = "sweep"
OWN = ("use", "trained", "groups")  # keys of an entry that are no parameters
Scalar = str | int | float | bool | None


def _no_size_twice(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(sizes)) < len(sizes):
        raise ValueError(f"found {list(sizes)}; a size is named twice")
    return sizes


class Sweep(Frozen):
    """One entry written out as many, and smaller sizes of the sets.

    generators  by entry, lists of values of its parameters: every combination is a cell
    """

    generators: FrozenMapping[Any] = Field(default_factory=FrozenDict)
    n_fake: Annotated[
        tuple[ImageCount, ...],
        Field(strict=False, description="sizes below the benchmark's n_fake"),
        AfterValidator(_no_size_twice),
    ] = ()


def expanded(document: Document) -> dict[str, Swept]:
    """Write the swept generators of the file out in the document; what each such entry came from, by its name."""
    declared = document.value.get(KEY)
    generators = document.value.get("generators")
    if not isinstance(declared, Mapping) or not isinstance(generators, Mapping):
        return {}  # the model of the whole says what is wrong
    swept = declared.get("generators", {})
    if not isinstance(swept, Mapping):
        document.complain((KEY, "generators"), f"{found(swept)}; expected a mapping of generators' names")
        return {}
    cells: dict[str, dict[str, Swept]] = {}
    for name, axes in swept.items():
        if name not in generators:
            text = unknown("generator", name, generators, place="this benchmark")
            document.complain((KEY, "generators", name), text, key=True)
        elif _sound(document, name, axes, generators[name]):
            cells[name] = _cells(document, name, axes)
    entries: dict[str, Any] = {}
    made: dict[str, Swept] = {}
    for name, body in generators.items():
        for cell, of in cells.get(name, {name: None}).items():
            if of and (cell in entries or (cell in generators and cell != name)):
                text = f"its cell '{cell}' has the name of another generator; rename one of the two"
                document.complain((KEY, "generators", name), text, key=True)
            if of is None:
                entries[cell] = body
                continue
            entries[cell] = {"use": name, **body, **of.axes} if isinstance(body, Mapping) else {"use": name, **of.axes}
            made[cell] = of
            _place(document, cell, of, declared["generators"][name])
    document.value["generators"] = entries
    return made


def once(document: Document, known: int) -> None:
    """Of the problems noted after the first `known`, one of each place: the cells of an entry share its mistakes."""
    seen: set[tuple[int, int]] = set()
    kept = []
    for problem in document.problems[known:]:
        if problem[:2] not in seen:
            kept.append(problem)
            seen.add(problem[:2])
    document.problems[known:] = kept


def _sound(document: Document, name: str, axes: Any, body: Any) -> bool:
    """Whether the axes of an entry are; what is wrong with them is noted."""
    location: Location = (KEY, "generators", name)
    if not isinstance(axes, Mapping) or not axes:
        document.complain(location, f"{found(axes)}; expected parameters, each with a list of values")
        return False
    if body is not None and not isinstance(body, Mapping):
        return False  # the reader of entries says so
    before = len(document.problems)
    for axis, values in axes.items():
        here = (*location, axis)
        if axis in OWN:
            document.complain(here, "is not a parameter; write two entries instead", key=True)
        elif isinstance(body, Mapping) and axis in body:
            document.complain(here, f"generators.{name} also sets {axis}; remove it there", key=True)
        elif not isinstance(values, list) or not values:
            document.complain(here, f"{found(values)}; expected a list of values")
        else:
            for i, value in enumerate(values):
                if not isinstance(value, Scalar):
                    document.complain((*here, i), f"{found(value)}; expected a number, text, true, false or null")
                elif any(value == other and type(value) is type(other) for other in values[:i]):
                    document.complain((*here, i), f"{found(value)} twice; remove one")
    return len(document.problems) == before


def _cells(document: Document, name: str, axes: Mapping[str, list[Any]]) -> dict[str, Swept]:
    """The cells of an entry by name, the last axis fastest."""
    made: dict[str, Swept] = {}
    for values in itertools.product(*axes.values()):
        at = dict(zip(axes, values, strict=True))
        cell = _name(name, at, axes)
        if cell in made:
            document.complain((KEY, "generators", name), f"two cells would both be called {cell}", key=True)
        made[cell] = Swept(entry=name, axes=at)
    return made


def _name(entry: str, at: Mapping[str, Any], axes: Mapping[str, list[Any]]) -> str:
    """`ddpm-ddim-5`: words first, then numbers, with the axis said where several have numbers."""
    numbers = [axis for axis in at if not all(isinstance(value, str) for value in axes[axis])]
    words = [_spelt(at[axis]) for axis in at if axis not in numbers]
    told = [_spelt(at[axis]) if len(numbers) == 1 else f"{axis}{_spelt(at[axis])}" for axis in numbers]
    return "-".join([entry, *words, *told])


def _spelt(value: Any) -> str:
    """A value with the characters that names have: dpm++ as dpmpp, as samplers are called elsewhere too."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", str(value).replace("+", "p"))


def _place(document: Document, cell: str, of: Swept, axes: Mapping[str, list[Any]]) -> None:
    """Problems of a cell are shown where its entry or its value on an axis stands."""
    entry: Location = ("generators", of.entry)
    for location, place in list(document.places.items()):
        if location[:2] == entry:
            document.places.setdefault(("generators", cell, *location[2:]), place)
    for location, place in list(document.key_places.items()):
        if location[:2] == entry:
            document.key_places.setdefault(("generators", cell, *location[2:]), place)
    document.places.setdefault(("generators", cell, "use"), document.key_places[entry])
    for axis, value in of.axes.items():
        i = next(n for n, one in enumerate(axes[axis]) if one == value and type(one) is type(value))
        here = (KEY, "generators", of.entry, axis)
        document.places["generators", cell, axis] = document.places[(*here, i)]
        document.key_places["generators", cell, axis] = document.key_places[here]


def check(document: Document, sweep: Sweep | None, n_fake: Any) -> None:
    """Note sizes that are not below the benchmark's own."""
    for i, size in enumerate(sweep.n_fake if sweep else ()):
        if isinstance(n_fake, int) and size >= n_fake:
            text = f"found {size}; less than n_fake, {n_fake}, is needed: the sets themselves have that size"
            document.complain((KEY, "n_fake", i), text)
