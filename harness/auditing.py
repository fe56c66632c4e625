"""What a benchmark's `audit` may vary, as it is declared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from harness import protocols, recipes
from harness.declaration import Frozen
from harness.explain import found
from harness.suggest import unknown


def _resize_words(words: str) -> str:
    parts = words.split()
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("antialiased", "aliased")):
        raise ValueError(
            f"{found(words)}; `library filter` is needed, with `antialiased` or `aliased` where it matters"
        )
    try:
        recipes.Resize.model_validate({
            "library": parts[0], "filter": parts[1], "size": 8,
            **({"antialias": parts[2] == "antialiased"} if len(parts) == 3 else {}),
        })  # fmt: skip
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
        raise ValueError(f"found [{span[0]:g}, {span[1]:g}]; [low, high] with low < high is needed")
    return span


Span = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_span)]
ProtocolName = Annotated[str, AfterValidator(_protocol_name)]
ResizeWords = Annotated[str, AfterValidator(_resize_words)]
RecipeName = Annotated[str, AfterValidator(_recipe_name)]
# Intervals without an influence function come from quarters of both sets, which need two images each.
ImageCount = Annotated[int, Field(ge=8)]


class Audit(Frozen):
    """Which other ways to score the same images `harness audit` compares with the pinned one, each changing one thing.

    resize       "library filter", with "antialiased" or "aliased" where the library leaves a choice
    crop         the centre square before the resize (`first`), after it (`last`), or no crop (`squash`)
    range        [low, high]: what 0 and 255 become; an encoder's own range is what it was trained with
    pipelines    recipes by name, of which the way from file to pixels is taken; size and values stay as pinned
    recipes      recipes by name, taken whole: size and values too
    batch_sizes  how many images are encoded together
    n_fake       only the first of the generated images
    protocols    published protocols by name, taken whole with their encoders; `protocol_weights: random` where their
                 weight files are not here, for scores that say nothing about quality
    """

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
    protocols: tuple[ProtocolName, ...] = Field(default=(), strict=False)
    protocol_weights: Literal["trained", "random"] = "trained"
