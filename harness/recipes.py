"""Preprocessing as data: what happens to an image before an encoder sees it, and recipes that have a name.

`harness.preprocessing` carries a recipe out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from harness.declaration import Document, Frozen
from harness.explain import Location, found
from harness.suggest import unknown

Length = Annotated[int, Strict(), Field(ge=1, le=65535)]
# Pillow's filters widen with the reduction, which is antialiasing, always; only its nearest does not.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "torch": ("nearest", "bilinear", "bicubic", "area"),
    "tf1": ("bilinear",),  # TensorFlow 1's ResizeBilinear, which never antialiases
}
# Per-channel mean and standard deviation of images in [0, 1], as the networks' authors normalise.
NORMALISATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's models, DINOv2
    "openai-clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),  # openai/CLIP
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


def _both_sides(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    raise ValueError(f"{found(value)}; a whole number or [height, width] is needed")


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError(f"found [{span[0]:g}, {span[1]:g}]; [low, high] with low < high is needed")
    return span


class Resize(Frozen):
    """Which library resizes with which filter, to (height, width)."""

    library: Literal["pillow", "torch", "tf1"]
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"]
    antialias: bool
    size: Annotated[tuple[Length, Length], BeforeValidator(_both_sides)]

    @model_validator(mode="before")
    @classmethod
    def _default_antialias(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "antialias" not in value:
            pillow = value.get("library") == "pillow" and value.get("filter") != "nearest"
            return {**value, "antialias": pillow}  # what either library does when it is not told
        return value

    @model_validator(mode="after")
    def _possible(self) -> Resize:
        if self.filter not in FILTERS[self.library]:
            raise ValueError(f"{self.library} has no filter {self.filter}; it has {', '.join(FILTERS[self.library])}")
        if self.library == "pillow" and self.antialias != (self.filter != "nearest"):
            always = "never antialiases" if self.filter == "nearest" else "always antialiases; torch can do without"
            raise ValueError(f"pillow's {self.filter} {always}: antialias must be {str(not self.antialias).lower()}")
        if self.library == "tf1" and self.antialias:
            raise ValueError("tf1's bilinear never antialiases: antialias must be false")
        if self.library == "torch" and self.antialias and self.filter not in ("bilinear", "bicubic"):
            raise ValueError(f"torch antialiases bilinear and bicubic only, not {self.filter}: antialias must be false")
        return self


class Preprocessing(Frozen):
    """A recipe, in the order in which it is carried out.

    channels  grey (ITU-R 601 luma) or rgb (grey is repeated)
    jpeg      quality of a JPEG round trip at the original size, or none
    quantise  round the resized image to uint8, or leave it as floats
    range     what 0 and 255 become
    normalise then less the mean and over the standard deviation of each channel: imagenet, openai-clip or half
    """

    channels: Literal["grey", "rgb"] = "rgb"
    jpeg: Annotated[int, Field(ge=1, le=100)] | None = None
    resize: Resize | None = None
    quantise: Literal["uint8", "none"] = "uint8"
    range: Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)] = (0.0, 255.0)
    normalise: Literal["imagenet", "openai-clip", "half"] | None = None

    @model_validator(mode="after")
    def _normalisable(self) -> Preprocessing:
        if self.normalise is not None and (self.channels != "rgb" or self.range != (0.0, 1.0)):
            raise ValueError(f"{self.normalise} is of rgb images in [0, 1]; say channels: rgb, range: [0, 1]")
        return self

    @property
    def label(self) -> str:
        """The recipe's name, or its steps where it has none; two recipes never share a label."""
        for name, recipe in RECIPES.items():
            if self == recipe:
                return name
        steps: list[str] = [self.channels]
        if self.jpeg is not None:
            steps.append(f"jpeg{self.jpeg}")
        if self.resize is not None:
            resize = self.resize
            aliased = resize.library == "torch" and not resize.antialias
            named = f"{resize.library}-{resize.filter}{'-aliased' if aliased else ''}"
            steps.append(f"{named}-{resize.size[0]}x{resize.size[1]}")
        steps.append("uint8" if self.quantise == "uint8" else "float")
        steps.append("..".join(repr(bound).removesuffix(".0") for bound in self.range))
        if self.normalise is not None:
            steps.append(self.normalise)
        return "_".join(steps)

    @property
    def words(self) -> str:
        """The steps as a person reads them."""
        steps: list[str] = [self.channels]
        if self.jpeg is not None:
            steps.append(f"JPEG {self.jpeg}")
        if self.resize is not None:
            how = "antialiased" if self.resize.antialias else "not antialiased"
            size = "×".join(map(str, self.resize.size))
            steps.append(f"{self.resize.library} {self.resize.filter} ({how}) to {size}")
        steps.append("rounded to uint8" if self.quantise == "uint8" else "not rounded")
        steps.append(f"range [{self.range[0]:g}, {self.range[1]:g}]")
        if self.normalise is not None:
            steps.append(f"normalised as {self.normalise}")
        return ", ".join(steps)


RECIPES: Mapping[str, Preprocessing] = {
    "none": Preprocessing(),
    # Parmar, Zhang & Zhu 2022: Pillow bicubic, not rounded to uint8 afterwards.
    "clean": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(299, 299)), quantise="none"
    ),
    # pytorch-fid: F.interpolate(mode="bilinear", align_corners=False) without antialiasing, then 2x - 1.
    "pytorch-fid": Preprocessing(
        resize=Resize(library="torch", filter="bilinear", antialias=False, size=(299, 299)),
        quantise="none", range=(-1.0, 1.0),
    ),
    # TTUR's graph, torch-fidelity, torchmetrics before 1.8: TensorFlow 1's bilinear, then (x - 128) / 128.
    "ttur": Preprocessing(
        resize=Resize(library="tf1", filter="bilinear", antialias=False, size=(299, 299)),
        quantise="none", range=(-1.0, 0.9921875),
    ),
    # torchmetrics since 1.8: antialiased by default.
    "torchmetrics-1.8": Preprocessing(
        resize=Resize(library="torch", filter="bilinear", antialias=True, size=(299, 299)),
        quantise="none", range=(-1.0, 0.9921875),
    ),
    # clean-fid's mode clean in the range that the network of the weight file in PyTorch takes.
    "clean-inception": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(299, 299)),
        quantise="none", range=(-1.0, 0.9921875),
    ),
    # dgm-eval: torchvision's Resize((224, 224), bicubic) on PIL images, ToTensor, ImageNet's mean and deviation.
    "dgm-eval-dinov2": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(224, 224)),
        quantise="uint8", range=(0.0, 1.0), normalise="imagenet",
    ),
    # EDM2's calculate_metrics.py: torch bicubic, antialiased.
    "edm2-dinov2": Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=True, size=(224, 224)),
        quantise="none", range=(0.0, 1.0), normalise="imagenet",
    ),
    # clean-fid's CLIP-FID: its resizer at 224, then OpenAI's mean and deviation.
    "clip-fid": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(224, 224)),
        quantise="none", range=(0.0, 1.0), normalise="openai-clip",
    ),
    # cmmd-pytorch: bicubic without antialiasing (its issue 4); the original in JAX antialiases.
    "cmmd": Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=False, size=(336, 336)),
        quantise="none", range=(0.0, 1.0), normalise="openai-clip",
    ),
}  # fmt: skip


def declared(document: Document, value: Any, location: Location) -> Preprocessing | None:
    """The recipe that a YAML value declares: a name, a mapping of steps, or `{use: name, …}` with steps changed.

    None, with the problems noted, where it declares none.
    """
    steps: dict[str, Any] = {}
    if isinstance(value, str):
        value = {"use": value}
    if isinstance(value, Mapping) and "use" in value:
        use = value["use"]
        if not isinstance(use, str) or use not in RECIPES:
            is_text = isinstance(use, str)
            text = unknown("recipe", use, RECIPES) if is_text else f"{found(use)}; the name of a recipe is needed"
            document.complain((*location, "use") if document.has(*location, "use") else location, text)
            return None
        steps = RECIPES[use].model_dump()
        value = {key: step for key, step in value.items() if key != "use"}
    if not isinstance(value, Mapping):
        document.complain(location, f"{found(value)}; the name of a recipe or a mapping of steps is needed")
        return None
    changed = dict(value)
    if isinstance(changed.get("resize"), Mapping) and isinstance(steps.get("resize"), Mapping):
        # The named recipe's antialias belongs to its own filter.
        other = {"library", "filter"} & set(changed["resize"])
        kept = {key: step for key, step in steps["resize"].items() if not (other and key == "antialias")}
        changed["resize"] = {**kept, **changed["resize"]}
    return document.check(Preprocessing, {**steps, **changed}, location, also=("use",))
