"""The variants of an audit: each changes one thing of how images were scored, or takes a published pipeline whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.base import UsageError
from harness.benchmark import Audit, Benchmark, EncoderEntry, entries, unknown_to, with_parameters
from harness.images import RECIPES, Crop, Preprocessing

# The knobs under which the values stay in the pinned encoder's unit, so that a change of them can be read.
PIPELINE, PROTOCOL = "pipeline", "protocol"
# The parameters of an encoder that change how it computes, not what.
ARITHMETIC = {"dtype"}


@dataclass(frozen=True)
class Variant:
    """One other way to score the same images: the knob that it turns, its setting, and what results.

    One of these is set: another `recipe`; another `encoder` with its own recipe; features in batches of `batch_size`;
    only the first `n_fake` generated images. Or none, and `refused` says why the encoder cannot be varied so.
    `other_unit` where the encoder yields other features than the pinned one.
    """

    knob: str
    setting: str
    recipe: Preprocessing | None = None
    encoder: EncoderEntry | None = None
    batch_size: int | None = None
    n_fake: int | None = None
    other_unit: bool = False
    refused: str | None = None

    @property
    def name(self) -> str:
        """Knob and setting."""
        return f"{self.knob}: {self.setting}"

    @property
    def same_unit(self) -> bool:
        """Whether values are distances in the features of the pinned encoder still."""
        return not self.other_unit

    def benchmark(self, pinned: Benchmark, encoder: str) -> Benchmark:
        """The benchmark of this variant, with the one encoder under the name that the pinned one has."""
        entry = pinned.encoders[encoder]
        if self.encoder is not None:
            entry = self.encoder.model_copy(update={"name": encoder})
        elif self.recipe is not None:
            entry = entry.model_copy(update={"preprocessing": self.recipe})
        by = pinned.rank_by.model_copy(update={"encoder": encoder})
        return pinned.model_copy(update={"encoders": {encoder: entry}, "rank_by": by, "numerics": None})


def variants(benchmark: Benchmark, encoder: str) -> Iterator[Variant]:
    """The declared variants for an encoder; those that are the pinned way itself are left out.

    Raises UsageError for a resize to be varied where the pinned recipe has none, or more images than there are.
    """
    declared = benchmark.audit or Audit()
    yield from _recipes(benchmark.recipe(encoder), declared, encoder)
    for size in declared.batch_sizes:
        if size != benchmark.batch_size:
            yield Variant("batch size", str(size), batch_size=size)
    for n in declared.n_fake:
        if n >= benchmark.n_fake:
            raise UsageError(f"audit.n_fake: found {n}; must be less than the benchmark's {benchmark.n_fake}")
        yield Variant("n_fake", str(n), n_fake=n)
    own = benchmark.encoders[encoder]
    for change in declared.encoder:
        setting = ", ".join(f"{name} {value}" for name, value in change.items())
        if strange := unknown_to(own, change):
            yield Variant("encoder", setting, refused=f"{own.use} has no parameter {', '.join(strange)}")
        elif (varied := with_parameters(own, change)).parameters != own.parameters:
            yield Variant("encoder", setting, encoder=varied, other_unit=not set(change) <= ARITHMETIC)
    for name in declared.protocols:
        made = entries.of_protocol(name, random=declared.protocol_weights == "random")
        same = (made.use, made.preprocessing) == (own.use, benchmark.recipe(encoder))
        if not same or dict(made.parameters) != dict(own.parameters):
            yield Variant(PROTOCOL, name, encoder=made, other_unit=True)


def _recipes(pinned: Preprocessing, declared: Audit, encoder: str) -> Iterator[Variant]:
    def changed(knob: str, setting: str, **steps: Any) -> Iterator[Variant]:
        recipe = Preprocessing.model_validate({**dict(pinned), **steps})
        if recipe != pinned:
            yield Variant(knob, setting, recipe)

    for resize in declared.resize:
        if pinned.resize is None:
            raise UsageError(f"audit.resize: the recipe of {encoder} does not resize, so there is no resize to vary")
        library, filter_, *rest = resize.split()
        setting: dict[str, Any] = {"library": library, "filter": filter_, "size": pinned.resize.size}
        if pinned.resize.edge is not None:
            setting |= {"size": None, "edge": pinned.resize.edge}
        if rest:
            setting["antialias"] = rest == ["antialiased"]
        yield from changed("resize", resize, resize=type(pinned.resize).model_validate(setting))
    for quality in declared.jpeg:
        yield from changed("jpeg", "none" if quality is None else str(quality), jpeg=quality)
    for rule in declared.quantise:
        yield from changed("quantise", rule, quantise=rule)
    for channels in declared.channels:
        yield from changed("channels", channels, channels=channels)
    for order in declared.crop:
        if pinned.resize is None:
            raise UsageError(f"audit.crop: the recipe of {encoder} does not resize, so crop order has no effect")
        yield from changed("crop", order, **_order(pinned, order))
    for low, high in declared.range:
        yield from changed("range", f"{low:g} to {high:g}", range=(low, high))
    for name in declared.pipelines:
        yield from changed(PIPELINE, name, **_pixels(RECIPES[name], pinned))
    for name in declared.recipes:
        yield from changed("recipe", name, **dict(RECIPES[name]))


def _order(pinned: Preprocessing, order: str) -> dict[str, Any]:
    """Crop the centre square and then resize (`first`), resize the shorter side and then crop (`last`), or squash."""
    assert pinned.resize is not None
    size = _size(pinned)
    resize = {**dict(pinned.resize), "size": None if order == "last" else size, "edge": None, "halve": False}
    if order == "last":
        resize["edge"] = min(size)
    crops = {"first": Crop(size=None, order="crop-then-resize"), "last": Crop(size=size), "squash": None}
    return {"resize": type(pinned.resize).model_validate(resize), "crop": crops[order]}


def _size(pinned: Preprocessing) -> tuple[int, int]:
    size = pinned.output_size()
    if size is None:
        raise UsageError("audit: the pinned recipe does not fix one size, so there is nothing to compare")
    return size


def _pixels(published: Preprocessing, pinned: Preprocessing) -> dict[str, Any]:
    """A published way from file to pixels, to the size and the values that the pinned encoder takes."""
    steps: dict[str, Any] = {"jpeg": published.jpeg, "quantise": published.quantise}
    if pinned.resize is None or published.resize is None:
        return steps
    size, resize = _size(pinned), dict(published.resize)
    crop = published.crop
    if published.resize.edge is not None:
        steps["resize"] = type(published.resize).model_validate({**resize, "edge": min(size)})
        steps["crop"] = None if crop is None else crop.model_copy(update={"size": size})
    else:
        steps["resize"] = type(published.resize).model_validate({**resize, "size": size})
        steps["crop"] = crop
    return steps
