"""Preprocessing as data: what happens to an image before an encoder sees it, and recipes that have a name.

`applying.py` carries a recipe out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.base import Document, Frozen, Location, found, unknown
from harness.images.preprocessing.steps import NORMALISATIONS, Crop, Normalise, Resize, Size

__all__ = ["NORMALISATIONS", "RECIPES", "Crop", "Normalise", "Preprocessing", "Resize", "Size", "declared"]


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError(f"found [{span[0]:g}, {span[1]:g}]; expected [low, high] with low < high")
    return span


def _normalisation(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in NORMALISATIONS:
        raise ValueError(unknown("normalisation", value, NORMALISATIONS))
    return NORMALISATIONS[value]


def _crop(value: Any) -> Any:
    return value if value is None or isinstance(value, Mapping | Crop) else {"size": value}


# The steps of a recipe that are mappings of keys of their own.
STEPS: Mapping[str, type[Frozen]] = {"resize": Resize, "crop": Crop, "normalise": Normalise}


class Preprocessing(Frozen):
    """A recipe, in the order in which it is carried out; a crop can come before the resize.

    channels   grey (ITU-R 601 luma) or rgb (grey is repeated)
    jpeg       quality of a JPEG round trip at the original size, or none
    crop       of the centre: a side, [height, width], `square`, or a mapping of these and more
    quantise   round the resized image to uint8, or leave it as floats
    range      what 0 and 255 become
    normalise  mean and sd that are taken off and divided by, or the name of such
    """

    channels: Literal["grey", "rgb"] = "rgb"
    jpeg: Annotated[int, Field(ge=1, le=100)] | None = None
    resize: Resize | None = None
    crop: Annotated[Crop | None, BeforeValidator(_crop)] = None
    quantise: Literal["uint8", "none"] = "uint8"
    range: Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ascending)] = (0.0, 255.0)
    normalise: Annotated[Normalise | None, BeforeValidator(_normalisation)] = None

    @model_validator(mode="before")
    @classmethod
    def _named_for_unit_range(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("normalise"), str):
            span = value.get("range", (0, 255))
            if isinstance(span, list | tuple) and tuple(span) != (0, 1):
                ends = ", ".join(map(str, span))
                raise ValueError(f"normalise: {value['normalise']} is for range: [0, 1]; found [{ends}]")
        return value

    @model_validator(mode="after")
    def _fitting(self) -> Preprocessing:
        channels = 1 if self.channels == "grey" else 3
        for values in (self.normalise.mean, self.normalise.sd) if self.normalise else ():
            if len(values) not in (1, channels):
                need = "1" if channels == 1 else "1 or 3"
                raise ValueError(f"normalise has {len(values)} values; {need} for channels: {self.channels}")
        if self.crop and self.crop.size and self.resize and self.crop.order == "resize-then-crop":
            size = self.resize.size or (self.crop.size[0], self.crop.size[1])
            short = self.resize.edge is not None and min(self.crop.size) > self.resize.edge
            if short or self.crop.size[0] > size[0] or self.crop.size[1] > size[1]:
                resized = self.resize.edge or f"{size[0]}×{size[1]}"
                found_size = f"{self.crop.size[0]}×{self.crop.size[1]}"
                raise ValueError(f"crop to {found_size} is larger than the resized image ({resized}); make it smaller")
        self._refuse_what_cannot_act()
        return self

    def _refuse_what_cannot_act(self) -> None:
        """A step that leaves every image as it is was meant otherwise: a crop to squares after a squashing resize."""
        crop, resize = self.crop, self.resize
        if crop is None or resize is None:
            return
        if crop.order == "resize-then-crop":
            square = resize.size is not None and resize.size[0] == resize.size[1]
            if resize.size is not None and (crop.size == resize.size or (crop.size is None and square)):
                resized = f"{resize.size[0]}×{resize.size[1]}"
                raise ValueError(
                    f"crop has no effect: resize already squashes every image to {resized}; crop first "
                    f"(crop: {{size: square, order: crop-then-resize}}), or resize the shorter side "
                    f"(resize: {{edge: {min(resize.size)}, …}})"
                )
        elif crop.size is not None and resize.output_size(crop.size) == crop.size:
            cropped = f"{crop.size[0]}×{crop.size[1]}"
            raise ValueError(f"resize has no effect: crop already yields {cropped}; leave one out")

    def output_size(self, image: Size | None = None) -> Size | None:
        """(height, width) of what an image becomes; without one, of what every image becomes, None where they differ.

        An image that is smaller than the crop is refused later, by `applying.py`.
        """
        resize, crop = self.resize, self.crop
        if image is None and resize and resize.edge is not None and crop and crop.size is None:
            return resize.edge, resize.edge  # a square's shorter side is both
        steps = [resize, crop] if crop is None or crop.order == "resize-then-crop" else [crop, resize]
        for step in steps:
            image = image if step is None else step.output_size(image)
        return image

    @property
    def label(self) -> str:
        """The recipe's name, the first that fits, or its steps where it has none; two recipes never share a label."""
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
            more = f"{'' if resize.clip else '-unclipped'}{'-halved' if resize.halve else ''}"
            size = f"{resize.size[0]}x{resize.size[1]}" if resize.size else f"edge{resize.edge}"
            steps.append(f"{named}{more}-{size}")
        if self.crop is not None:
            size = f"{self.crop.size[0]}x{self.crop.size[1]}" if self.crop.size else "square"
            down = "-down" if self.crop.rounding == "down" else ""
            steps.insert(-1 if self.crops_first else len(steps), f"crop{down}-{size}")
        steps.append("uint8" if self.quantise == "uint8" else "float")
        steps.append("..".join(repr(bound).removesuffix(".0") for bound in self.range))
        if self.normalise is not None:
            names = [name for name, known in NORMALISATIONS.items() if known == self.normalise]
            mean, sd = (",".join(map(repr, values)) for values in (self.normalise.mean, self.normalise.sd))
            steps.append(names[0] if names else f"less{mean}-over{sd}")
        return "_".join(steps)

    @property
    def crops_first(self) -> bool:
        """Whether there is a crop that a resize follows."""
        return self.crop is not None and self.resize is not None and self.crop.order == "crop-then-resize"

    @property
    def words(self) -> str:
        """The steps as a person reads them."""
        steps: list[str] = [self.channels]
        if self.jpeg is not None:
            steps.append(f"JPEG {self.jpeg}")
        if self.resize is not None:
            resize = self.resize
            how = "antialiased" if resize.antialias else "not antialiased"
            more = f"{'' if resize.clip else ', not clipped'}{', halved by boxes first' if resize.halve else ''}"
            size = "×".join(map(str, resize.size)) if resize.size else f"shorter side {resize.edge}"
            steps.append(f"{resize.library} {resize.filter} ({how}{more}) to {size}")
        if self.crop is not None:
            size = "×".join(map(str, self.crop.size)) if self.crop.size else "the largest square"
            down = ", offset rounded down" if self.crop.rounding == "down" else ""
            steps.insert(-1 if self.crops_first else len(steps), f"centre crop to {size}{down}")
        steps.append("rounded to uint8" if self.quantise == "uint8" else "not rounded")
        steps.append(f"range [{self.range[0]:g}, {self.range[1]:g}]")
        if self.normalise is not None:
            names = [name for name, known in NORMALISATIONS.items() if known == self.normalise]
            both = (self.normalise.mean, self.normalise.sd)
            mean, sd = (", ".join(f"{value:g}" for value in values) for values in both)
            steps.append(f"normalised as {names[0]}" if names else f"less mean [{mean}], over sd [{sd}]")
        return ", ".join(steps)


# (x - 128) / 128: 255 becomes 127/128.
_TF = (-1.0, 0.9921875)
_TF1 = Preprocessing(
    resize=Resize(library="tf1", filter="bilinear", antialias=False, size=(299, 299)), quantise="none", range=_TF
)
_SHORTER_224 = Preprocessing(
    resize=Resize(library="pillow", filter="bilinear", antialias=True, edge=224),
    range=(0.0, 1.0),
    normalise=NORMALISATIONS["imagenet"],
)
_CLIP_224 = Preprocessing(
    resize=Resize(library="pillow", filter="bicubic", antialias=True, edge=224),
    crop=Crop(size=(224, 224)),
    range=(0.0, 1.0),
    normalise=NORMALISATIONS["openai-clip"],
)


def _torch_bicubic(side: int, normalise: str) -> Preprocessing:
    """Floats that overshoot and are not clipped."""
    return Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=True, size=(side, side), clip=False),
        quantise="none",
        range=(0.0, 1.0),
        normalise=NORMALISATIONS[normalise],
    )


RECIPES: Mapping[str, Preprocessing] = {
    "none": Preprocessing(),
    # Parmar, Zhang & Zhu 2022: Pillow bicubic, not rounded to uint8 afterwards.
    "clean": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(299, 299)), quantise="none"
    ),
    # pytorch-fid: F.interpolate(mode="bilinear", align_corners=False) without antialiasing, then 2x - 1.
    "pytorch-fid": Preprocessing(
        resize=Resize(library="torch", filter="bilinear", antialias=False, size=(299, 299)),
        quantise="none",
        range=(-1.0, 1.0),
    ),
    # bioinf-jku/TTUR, fid.py: images of any size into the 2015 graph, whose own ResizeBilinear and scaling follow.
    "ttur": _TF1,
    # torchmetrics since 1.8 (#3177), image/fid.py: antialias=True is the default.
    "torchmetrics-1.8": Preprocessing(
        resize=Resize(library="torch", filter="bilinear", antialias=True, size=(299, 299)), quantise="none", range=_TF
    ),
    # clean-fid's mode clean in the range that the network of the weight file in PyTorch takes.
    "clean-inception": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(299, 299)), quantise="none", range=_TF
    ),
    # layer6ai-labs/dgm-eval, models/dinov2.py: torchvision's Resize((224, 224), BICUBIC) of a PIL image, ToTensor.
    "dgm-eval-dinov2": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(224, 224)),
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["imagenet"],
    ),
    # models/swav.py and models/simclr.py there: Resize(224), whose default on PIL images is bilinear, and no crop, so
    # that only square images become 224×224.
    "dgm-eval-swav": _SHORTER_224,
    # models/mae.py with --clean_resize, the one way that runs: resizer.py, clean-fid's resizer at 224×224.
    "dgm-eval-mae": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(224, 224)),
        quantise="none",
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["imagenet"],
    ),
    # models/convnext.py: a shorter edge of 256, then a crop to the network's 224.
    "dgm-eval-convnext": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, edge=256),
        crop=Crop(size=(224, 224)),
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["imagenet"],
    ),
    # models/data2vec.py leaves it to the image processor of the published files: see the protocol's notes.
    "dgm-eval-data2vec": Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(224, 224)),
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["half"],
    ),
    # NVlabs/edm2, calculate_metrics.py, resize_mode "torch", its default: what overshoots is not clipped.
    "edm2-dinov2": Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=True, size=(224, 224), clip=False),
        quantise="none",
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["imagenet"],
    ),
    # clean-fid's CLIP-FID, fid.py and clip_features.py: OpenAI's own transform of Pillow images, not its clean resizer.
    "clip-fid": _CLIP_224,
    # The resize in embedding.py of sayakpaul/cmmd-pytorch: no antialiasing (its issue 4), no clipping.
    "cmmd": Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=False, size=(336, 336), clip=False),
        quantise="none",
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["openai-clip"],
    ),
    # The same step of the original, google-research's cmmd/embedding.py: jax.image.resize antialiases. Torch's
    # antialiased bicubic is the same filter (Keys, a = -1/2), its weights normalised at the border too.
    "cmmd-jax": Preprocessing(
        resize=Resize(library="torch", filter="bicubic", antialias=True, size=(336, 336), clip=False),
        quantise="none",
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["openai-clip"],
    ),
    # What either program does with a folder of images: io_util.py of both crops to the square and resizes with Pillow
    # to the network's 336 while reading, and the step above, where they differ, is left with nothing to do.
    "cmmd-folder": Preprocessing(
        crop=Crop(size=None, order="crop-then-resize", rounding="down"),
        resize=Resize(library="pillow", filter="bicubic", antialias=True, size=(336, 336)),
        range=(0.0, 1.0),
        normalise=NORMALISATIONS["openai-clip"],
    ),
    # FD-loss, arXiv:2604.28190: torch's own steps on [0, 1] floats, in the sizes of FDr6's six networks.
    "fdr6-inception": Preprocessing(
        resize=Resize(library="tf1", filter="bilinear", antialias=False, size=(299, 299)),
        quantise="none",
        range=(-1.0, 1.0),
    ),
    "fdr6-256": _torch_bicubic(256, "imagenet"),
    "fdr6-clip": _torch_bicubic(256, "openai-clip"),
    "fdr6-siglip": _torch_bicubic(224, "half"),
    # Other names of the same pixels; a label is the first name. torch-fidelity 0.4, feature_extractor_inceptionv3.py;
    # torchmetrics before 1.8, whose network is torch-fidelity's; clean-fid 0.1.35, features.py: no resize outside its
    # TorchScript network, which has TF1's inside.
    "torch-fidelity": _TF1,
    "torchmetrics-1.7": _TF1,
    "clean-legacy-tensorflow": _TF1,
    # layer6ai-labs/dgm-eval: models/simclr.py has the steps of swav.py, models/clip.py those of OpenAI's transform.
    "dgm-eval-simclr": _SHORTER_224,
    "dgm-eval-clip": _CLIP_224,
    "fdr6-224": _torch_bicubic(224, "imagenet"),
    # clean-fid 0.1.35: torch's bilinear, then x / 255 into pytorch-fid's network, which takes 2x - 1.
    "clean-legacy-pytorch": Preprocessing(
        resize=Resize(library="torch", filter="bilinear", antialias=False, size=(299, 299)),
        quantise="none",
        range=(-1.0, 1.0),
    ),
}


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
            text = unknown("recipe", use, RECIPES) if is_text else f"{found(use)}; expected the name of a recipe"
            document.complain((*location, "use") if document.has(*location, "use") else location, text)
            return None
        steps = RECIPES[use].model_dump()
        value = {key: step for key, step in value.items() if key != "use"}
    if not isinstance(value, Mapping):
        document.complain(location, f"{found(value)}; expected the name of a recipe or a mapping of steps")
        return None
    changed = dict(value)
    if isinstance(changed.get("resize"), Mapping) and isinstance(steps.get("resize"), Mapping):
        # The named recipe's antialias belongs to its own filter.
        other = {"library", "filter"} & set(changed["resize"])
        gone = {"antialias", "clip", "halve"} if other else set()
        gone |= {"size", "edge"} if {"size", "edge"} & set(changed["resize"]) else set()
        kept = {key: step for key, step in steps["resize"].items() if key not in gone}
        changed["resize"] = {**kept, **changed["resize"]}
    return document.check(Preprocessing, {**steps, **changed}, location, also=("use",))
