"""Reads protocols, and tells two of them apart fact by fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from harness.base import Frozen, UsageError, digest, read_yaml, unknown

FOLDER = Path(__file__).parent
EFFECTS = "effects"
# The facts in the order of an image's way; two protocols that agree in all of a part are comparable in its metrics.
INPUT_PARTS = ("input", "resize", "values", "encoder", "numerics")
METRIC_PARTS = ("fid", "sfid", "kid", "mmd", "inception_score", "precision_recall", "density_coverage", "average")
PARTS = (*INPUT_PARTS, *METRIC_PARTS)
Facts = dict[str, Any]


class Protocol(Frozen):
    """One published pipeline. A part that is absent is one that the pipeline does not have.

    recipe   the harness's preprocessing that carries `input`, `resize` and `values` out
    folders  the protocol by which the same program takes a folder of images, where that is another one
    encoder  facts of the network; `use` and `parameters` name it for a benchmark
    average  of a protocol that averages others': `of` which metric, and the constant that each is divided by
    """

    name: str = ""
    version: Annotated[int, Field(ge=1)]
    title: str
    recipe: str | None = None
    folders: str | None = None
    input: Facts
    resize: Facts
    values: Facts
    encoder: Facts
    numerics: Facts = Field(default_factory=dict)
    fid: Facts = Field(default_factory=dict)
    sfid: Facts = Field(default_factory=dict)
    kid: Facts = Field(default_factory=dict)
    mmd: Facts = Field(default_factory=dict)
    inception_score: Facts = Field(default_factory=dict)
    precision_recall: Facts = Field(default_factory=dict)
    density_coverage: Facts = Field(default_factory=dict)
    average: Facts = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    sources: Annotated[list[str], Field(min_length=1)]

    def facts(self) -> dict[str, Any]:
        """Every fact by its dotted name, `resize.filter: bicubic`, in the order of an image's way."""
        return {
            f"{part}.{name}": value
            for part in PARTS
            for name, value in _flat(getattr(self, part))
            if name not in ("use",) and not name.startswith("parameters")
        }

    @property
    def constants(self) -> dict[str, float]:
        """Of an average: the protocol of each of its encoders, and the constant that its distance is divided by."""
        return {name: float(value) for name, value in self.average.get("constants", {}).items()}

    def digest(self, *, parts: tuple[str, ...] = PARTS) -> str:
        """SHA-256 of the facts of some parts, 64 hex digits: names, prose and sources do not count."""
        return digest({name: value for name, value in self.facts().items() if name.partition(".")[0] in parts})


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact in which two protocols differ; None where a protocol does not have the fact.

    `effect` is what such a difference was measured to do to a number, with its source, or "" where nobody published it.
    """

    fact: str
    first: Any
    second: Any
    effect: str


@cache
def names() -> tuple[str, ...]:
    """The protocols that the package ships, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != EFFECTS))


@cache
def load(name: str) -> Protocol:
    """The protocol of a name. Raises UsageError for an unknown one, naming those there are."""
    if name not in names():
        raise UsageError(unknown("protocol", name, names()))
    document = read_yaml(FOLDER / f"{name}.yaml")
    protocol = document.check(Protocol, {**document.value, "name": name})
    if problems := document.lines():
        raise UsageError(problems)
    assert protocol is not None
    return protocol


def differences(first: Protocol, second: Protocol) -> list[Difference]:
    """The facts in which two protocols differ, in the order of an image's way."""
    left, right = first.facts(), second.facts()
    for part in PARTS:  # what a pipeline does not have at all is one difference, not one for every fact of it
        if bool(getattr(first, part)) != bool(getattr(second, part)):
            for side in (left, right):
                had = [name for name in side if name.startswith(f"{part}.")]
                for name in had:
                    del side[name]
                if had:
                    side[part] = "has it"
    order = [*left, *(name for name in right if name not in left)]
    order.sort(key=lambda name: PARTS.index(name.partition(".")[0]))
    effects = _effects()
    return [
        Difference(name, left.get(name), right.get(name), effects.get(name, ""))
        for name in order
        if left.get(name) != right.get(name)
    ]


@cache
def _effects() -> Mapping[str, str]:
    document = read_yaml(FOLDER / f"{EFFECTS}.yaml")
    if problems := document.lines():
        raise UsageError(problems)
    return dict(document.value)


def _flat(facts: Facts, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(dict(value), f"{prefix}{name}.")
        else:
            yield prefix + name, value
