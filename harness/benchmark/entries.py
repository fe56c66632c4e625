"""What an entry of a declaration, `name: {use: …, **parameters}`, amounts to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from harness.base import (
    RANDOM,
    Component,
    Frozen,
    FrozenMapping,
    Quiet,
    UsageError,
)
from harness.benchmark import protocols, registry
from harness.benchmark.protocols.catalogue import Protocol
from harness.images import Preprocessing, recipes
from harness.metrics import MetricFacts


class Entry(Frozen):
    """`name: {use: …, **parameters}`: a component under the name that this benchmark gives it."""

    name: str = Field(description="name in this benchmark")
    use: str = Field(description="built-in name, entry point, or your own module:thing")
    parameters: FrozenMapping[Any] = Field(description="parameters of the component")
    component: Component = Field(exclude=True, repr=False)


class Swept(Frozen):
    """What a cell of a sweep came from: the entry's name, and the cell's value on each axis, in their order."""

    entry: str = Field(description="the swept entry")
    axes: FrozenMapping[Any] = Field(description="value on each axis")


class GeneratorEntry(Entry):
    """`trained`: fitted once per training seed. `pool`: how many images it has, None where it can make any number.

    `groups`: how the labels that it gives its images are read, as `clusters`, as `strata`, or not at all, `none`; None
    takes its own word (`harness.generators.labels`). `swept`: the sweep that it is a cell of.
    """

    trained: bool = Field(False, description="fitted once per training seed")
    groups: Literal["clusters", "strata", "none"] | None = Field(
        None, description="how labels of its images are used: one draw each (clusters), fixed counts (strata), or none"
    )
    pool: int | None = Field(default=None, exclude=True, description="number of images it has, if limited")
    swept: Swept | None = Field(None, description="the sweep that it is a cell of")

    @property
    def grouping(self) -> Literal["clusters", "strata"] | None:
        """What a built-in generator says about its labels; None where it gives none, and for one of the user's own."""
        if self.component.origin != "built-in":
            return None
        if self.component.class_folders:  # labels by folder are read only where the key asks for them
            return "clusters" if self.groups in ("clusters", "strata") else None
        if self.parameters.get("prompts") is not None:
            return "clusters"
        balanced = self.parameters.get("labels") == "balanced" and (self.parameters.get("classes") or 1) > 1
        return "strata" if balanced else None

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked_for(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        return {key: value for key, value in told.items() if key not in ("groups", "swept") or value is not None}


class EncoderEntry(Entry):
    """`preprocessing` takes the place of the benchmark's recipe for this encoder.

    `protocol` is the published pipeline that the encoder and its recipe were taken from, as `name version digest`.
    """

    preprocessing: Preprocessing | None = Field(None, description="replaces the benchmark's preprocessing")
    protocol: str | None = Field(None, description="published protocol: name, version, digest")


def _no_name_twice(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"found {list(names)}; an encoder is named twice")
    return names


class MetricEntry(Entry, Quiet):
    """`better`: which values are; `component` is its row of the table of metrics.

    `encoders`: those under which it is computed; None for all of the benchmark.
    """

    quiet = ("encoders",)
    component: MetricFacts = Field(exclude=True, repr=False)
    encoders: Annotated[tuple[str, ...], Field(strict=False, min_length=1), AfterValidator(_no_name_twice)] | None = (
        Field(None, description="only under these encoders; all of the benchmark by default")
    )
    better: Literal["lower", "higher"] = Field(description="which values of your metric are better: lower or higher")

    @property
    def label(self) -> str:
        """The head of its column: the name that the benchmark gives it, or the metric's own spelling of that."""
        return self.component.label if self.name == self.component.name else self.name


def of_protocol(name: str, *, random: bool = False) -> EncoderEntry:
    """The encoder of a published protocol with its recipe, as `{protocol: name}` in a benchmark declares it.

    `random` takes weights that were drawn, not trained. Raises UsageError for a protocol that is unknown, that no
    encoder of this version carries out, or whose encoder knows no random weights.
    """
    protocol = protocols.load(name)
    if "use" not in protocol.encoder or protocol.recipe is None:
        raise UsageError(not_here(protocol))
    component = registry.find("encoders", protocol.encoder["use"], Path.cwd())
    assert component.parameters is not None
    given = {**protocol.encoder.get("parameters", {}), **({"weights": RANDOM} if random else {})}
    if random and "weights" not in component.parameters.model_fields:
        raise UsageError(f"the encoder of protocol {name}, {component.name}, has no random weights")
    return EncoderEntry(
        name=name,
        use=component.name,
        component=component,
        parameters=component.parameters.model_validate(given).model_dump(mode="json"),
        preprocessing=recipes.RECIPES[protocol.recipe],
        protocol=stated(protocol),
    )


def stated(protocol: Protocol) -> str:
    """A protocol as `name version digest`."""
    return f"{protocol.name} {protocol.version} {protocol.digest()}"


def not_here(protocol: Protocol) -> str:
    """Why no encoder of this version carries a protocol out, as a sentence that begins with its name."""
    if protocol.constants:
        return (
            f"{protocol.name} is not a single encoder: it averages {', '.join(protocol.constants)}; in a benchmark "
            f"`encoders: {{all: {{protocol: {protocol.name}}}}}` uses all of them"
        )
    own = ", ".join(protocols.conventions(protocol))
    instead = f"`metrics: {{NAME: {{protocol: {protocol.name}}}}}` computes its {own} under an encoder of your choice"
    if not protocol.resize:
        return f"{protocol.name} cannot be run: it fixes metrics, not how images are resized; {instead}"
    return f"{protocol.name} cannot be run: its encoder ({protocol.encoder['network']}) is not in this version"
