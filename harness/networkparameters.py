"""Parameters of generators that are networks in files: what they take and give, and how that becomes images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.explain import found
from harness.parametertypes import Count, Parameters, PathText


def _known_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is not None and given not in ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)):
        raise ValueError(f"found {list(given)}; [-1, 1], [0, 1] or [0, 255] is allowed")
    return given


def _latent(value: Any) -> Any:
    shape = list(value) if isinstance(value, list | tuple) else [value]
    if not 1 <= len(shape) <= 4 or any(type(side) is not int or side < 1 for side in shape):
        raise ValueError(f"{found(value)}; a whole number such as 128, or a shape such as [4, 32, 32], is needed")
    return value if isinstance(value, int) else tuple(shape)


OutputRange = Annotated[tuple[float, float] | None, Field(strict=False), AfterValidator(_known_range)]
# One message for both forms, where a union would tell of each by itself.
Latent = Annotated[Any, AfterValidator(_latent)]
ModuleThing = Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]


class NetworkGenerator(Parameters):
    """Parameters of a generator that is a network in a file: what it takes, what it gives, how that becomes uint8.

    latent        shape of one image's latent: 128 or [4, 32, 32]
    distribution  `normal`, standard; `uniform` on [-1, 1)
    truncation    multiplies the latent
    range         of the output: [-1, 1], [0, 1] or [0, 255]; values outside are clipped
    quantise      how it becomes uint8: `round`, `truncate`, `adm`, see `harness.generators.levels`; `network` where
                  the network gives uint8 itself
    classes       how many there are, where the network takes a label after the latent
    labels        `drawn` evenly from each image's seed, or `balanced`: cycled by the image's place in its set, which
                  intervals then count as strata
    label_form    `index` (int64) or `onehot` (float32)
    """

    paths = ("file",)
    file: PathText
    latent: Latent = Field(description="the shape of one image's latent, such as 128 or [4, 32, 32]")
    distribution: Literal["normal", "uniform"] = "normal"
    truncation: Annotated[float, Field(gt=0, le=1)] = 1.0
    range: OutputRange = None
    quantise: Literal["round", "truncate", "adm", "network"] = Field(
        description="how the output becomes uint8: round, truncate, adm, or network where it is uint8 already"
    )
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"
    label_form: Literal["index", "onehot"] = "index"

    @model_validator(mode="after")
    def _a_range_where_it_is_read(self) -> NetworkGenerator:
        if (self.range is None) != (self.quantise == "network"):
            raise ValueError("give `range`, [-1, 1], [0, 1] or [0, 255], except with `quantise: network`")
        if self.classes is None and {"labels", "label_form"} & self.model_fields_set:
            raise ValueError("`labels` and `label_form` are for networks with `classes`; add it or leave them out")
        return self


class TorchModule(NetworkGenerator):
    """Parameters of `torch_module`: the class that makes the network, its `arguments`, and its state dict in `file`."""

    modules = ("network",)
    network: ModuleThing = Field(description="the class that makes the network, as module:thing")
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class Diffusers(Parameters):
    """Parameters of `diffusers`: a pipeline's folder; null `steps` and `guidance` are the pipeline's own.

    With `prompts`, a text file with one in each line, image i shows one of them, and the images of one prompt count as
    one cluster: intervals speak about other prompts of the same kind too. Where these prompts are all that is asked
    about, `groups: none` in the entry takes images with drawn prompts as independent, and `groups: strata` counts
    balanced ones as strata.

    With `classes`, for pipelines that are called with `class_labels`, an image shows one of so many, numbered from 0.
    """

    paths = ("folder", "prompts")
    folder: PathText
    steps: Count | None = None
    guidance: Annotated[float, Field(ge=0)] | None = None
    quantise: Literal["round", "truncate", "adm"] = "round"
    prompts: PathText | None = None
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"

    @model_validator(mode="after")
    def _labels_of_something(self) -> Diffusers:
        if self.prompts is not None and self.classes is not None:
            raise ValueError("found both `prompts` and `classes`; a pipeline is called with one of them")
        if self.prompts is None and self.classes is None and "labels" in self.model_fields_set:
            raise ValueError("`labels` says how `prompts` or `classes` are given out; add one of them or leave it out")
        return self
