"""What a benchmark's `audit` may vary: as it is declared, and as encoders with other parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from harness.base import Document, Frozen, FrozenMapping, Location, Quiet, did_you_mean, found, unknown
from harness.benchmark import parameters, protocols
from harness.benchmark.entries import EncoderEntry
from harness.images import recipes


def _resize_words(words: str) -> str:
    parts = words.split()
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("antialiased", "aliased")):
        raise ValueError(f"{found(words)}; expected `library filter`, with `antialiased` or `aliased` if ambiguous")
    try:
        recipes.Resize.model_validate(
            {
                "library": parts[0],
                "filter": parts[1],
                "size": 8,
                **({"antialias": parts[2] == "antialiased"} if len(parts) == 3 else {}),
            }
        )
    except ValidationError as problem:
        told = problem.errors(include_url=False)[0]
        raise ValueError(f"{found(words)}; {told.get('ctx', {}).get('error', told['msg'])!s}") from None
    return words


def _recipe_name(name: str) -> str:
    if name not in recipes.RECIPES:
        raise ValueError(unknown("recipe", name, recipes.RECIPES))
    return name


def _protocol_name(name: str) -> str:
    if name not in protocols.names():
        raise ValueError(unknown("protocol", name, protocols.names()))
    return name


def _span(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError(f"found [{span[0]:g}, {span[1]:g}]; expected [low, high] with low < high")
    return span


Span = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_span)]
ProtocolName = Annotated[str, AfterValidator(_protocol_name)]
ResizeWords = Annotated[str, AfterValidator(_resize_words)]
RecipeName = Annotated[str, AfterValidator(_recipe_name)]
# Intervals without an influence function come from quarters of both sets, which need two images each.
ImageCount = Annotated[int, Field(ge=8)]


class Audit(Frozen, Quiet):
    """Which other ways to score the same images `harness audit` compares with the pinned one, each changing one thing.

    resize       "library filter", with "antialiased" or "aliased" where the library leaves a choice
    jpeg         quality of a JPEG round trip, 1 to 100, or null for none
    quantise     round to uint8 after the resize, or not
    channels     grey or rgb
    crop         the centre square before the resize (`first`), after it (`last`), or no crop (`squash`)
    range        [low, high]: what 0 and 255 become; an encoder's own range is what it was trained with
    pipelines    recipes by name, of which the way from file to pixels is taken; size and values stay as pinned
    recipes      recipes by name, taken whole: size and values too
    batch_sizes  how many images are encoded together
    n_fake       only the first of the generated images
    encoder      parameters of the pinned encoder changed, as `{dtype: bfloat16}`; every encoder that has them is varied
    protocols    published protocols by name, taken whole with their encoders
    protocol_weights  random where their weight files are not here, for scores that say nothing about quality
    """

    quiet = ("encoder",)
    resize: tuple[ResizeWords, ...] = Field(default=(), strict=False)
    jpeg: tuple[Annotated[int, Field(ge=1, le=100)] | None, ...] = Field(default=(), strict=False)
    quantise: tuple[Literal["uint8", "none"], ...] = Field(default=(), strict=False)
    channels: tuple[Literal["grey", "rgb"], ...] = Field(default=(), strict=False)
    crop: tuple[Literal["first", "last", "squash"], ...] = Field(default=(), strict=False)
    range: tuple[Span, ...] = Field(default=(), strict=False)
    pipelines: tuple[RecipeName, ...] = Field(default=(), strict=False)
    recipes: tuple[RecipeName, ...] = Field(default=(), strict=False)
    batch_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(), strict=False)
    n_fake: tuple[ImageCount, ...] = Field(default=(), strict=False)
    encoder: tuple[Annotated[FrozenMapping[Any], Field(min_length=1)], ...] = Field(default=(), strict=False)
    protocols: tuple[ProtocolName, ...] = Field(default=(), strict=False)
    protocol_weights: Literal["trained", "random"] = "trained"


def unknown_to(entry: EncoderEntry, change: Mapping[str, Any]) -> list[str]:
    """The parameters of a change that an encoder does not have, as far as is known without importing it."""
    known = _known(entry)
    return [] if known is None else [name for name in change if name not in known]


def with_parameters(entry: EncoderEntry, change: Mapping[str, Any]) -> EncoderEntry:
    """An encoder with some of its parameters changed, which follows no published protocol any more."""
    given: dict[str, Any] = {**entry.parameters, **change}
    if (model := entry.component.parameters) is not None:
        given = model.model_validate(given).model_dump(mode="json")
    return entry.model_copy(update={"parameters": given, "protocol": None})


def changed(document: Document, parts: Mapping[str, Any]) -> Iterator[tuple[Location, EncoderEntry]]:
    """Every encoder as the audit's `encoder` changes it, with the place of the change; what is wrong is noted.

    `parts` as in `consistency`. A change has to suit one encoder at least, and each that has its parameters.
    """
    declared = parts.get("audit")
    changes = declared.get("encoder") if isinstance(declared, Mapping) else None
    if not changes or not document.sound("audit", "encoder"):
        return
    encoders: Mapping[str, EncoderEntry] = parts.get("encoders") or {}
    for i, change in enumerate(changes):
        place: Location = ("audit", "encoder", i)
        having = [entry for entry in encoders.values() if not unknown_to(entry, change)]
        if encoders and not having:
            _complain(document, place, change, encoders)
        for entry in having:
            if parameters.checked(document, entry.component, {**entry.parameters, **change}, place, ()) is not None:
                yield place, with_parameters(entry, change)


def _complain(
    document: Document, place: Location, change: Mapping[str, Any], encoders: Mapping[str, EncoderEntry]
) -> None:
    every = {name: sorted(_known(entry) or ()) for name, entry in encoders.items()}
    told = "; ".join(f"{name}: {', '.join(names) or 'none'}" for name, names in every.items())
    known = sorted({name for names in every.values() for name in names})
    strange = [name for name in change if name not in known]
    if not strange:
        text = f"no encoder of this benchmark has all of {', '.join(change)}; parameters are {told}"
        document.complain(place, text)
    for name in strange:
        text = f"no encoder of this benchmark has this parameter{did_you_mean(name, known)} Parameters are {told}"
        document.complain((*place, name), text, key=True)


def _known(entry: EncoderEntry) -> tuple[str, ...] | None:
    model = entry.component.parameters
    return entry.component.takes if model is None else tuple(model.model_fields)
