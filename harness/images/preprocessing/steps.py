"""The steps of preprocessing that have settings of their own: resize, crop, normalise, as data.

`resizers.py` carries the first two out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, model_validator

from harness.base import Frozen, found

Length = Annotated[int, Strict(), Field(ge=1, le=65535)]
# Pillow's filters widen with the reduction, which is antialiasing, always; only its nearest does not.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "torch": ("nearest", "bilinear", "bicubic", "area"),
    "tf1": ("bilinear",),
}
Size = tuple[int, int]


def _both_sides(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    raise ValueError(f"{found(value)}; expected a whole number or [height, width]")


def _optional(read: Callable[[Any], Any], none: str | None = None) -> Callable[[Any], Any]:
    return lambda value: None if value is None or (none is not None and value == none) else read(value)


def _one_or_each(values: tuple[float, ...]) -> tuple[float, ...]:
    """One value where all are the same, so that two spellings are one recipe."""
    if not values or not all(map(isfinite, values)):
        raise ValueError("expected finite numbers, one for all channels or one each")
    return values[:1] if len(set(values)) == 1 else values


def _positive(values: tuple[float, ...]) -> tuple[float, ...]:
    if min(values) <= 0:
        raise ValueError(f"found {min(values):g}; must be more than 0")
    return values


class Resize(Frozen):
    """Which library resizes with which filter, and to what: `size` or `edge`, one of them.

    size   (height, width)
    edge   the shorter side; the longer keeps the aspect ratio, rounded down as torchvision does
    clip   cut what overshoots [0, 255]; without, a bicubic filter's overshoot reaches the encoder
    halve  first halve with a box filter while the shorter side is at least twice `edge`, and round both sides to the
           nearest: guided-diffusion's `center_crop_arr`, which made the ImageNet data of ADM and its successors
    """

    library: Literal["pillow", "torch", "tf1"]
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"]
    antialias: bool
    size: Annotated[tuple[Length, Length] | None, BeforeValidator(_optional(_both_sides))] = None
    edge: Length | None = None
    clip: bool = True
    halve: bool = False

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
        if (self.size is None) == (self.edge is None):
            both = "found neither size nor edge" if self.size is None else "found both size and edge"
            raise ValueError(f"{both}; expected one of `size` (a whole number or [height, width]) and `edge`")
        if self.halve and (self.library != "pillow" or self.edge is None):
            raise ValueError("halve needs library pillow and `edge`; set it to false")
        if not self.clip and (self.library, self.filter) != ("torch", "bicubic"):
            raise ValueError("clip: false needs torch bicubic; no other filter overshoots")
        if self.library == "tf1" and self.antialias:
            raise ValueError("tf1 never antialiases: antialias must be false")
        if self.library == "pillow" and self.antialias != (self.filter != "nearest"):
            always = "never antialiases" if self.filter == "nearest" else "always antialiases; torch can do without"
            raise ValueError(f"pillow's {self.filter} {always}: antialias must be {str(not self.antialias).lower()}")
        if self.library == "torch" and self.antialias and self.filter not in ("bilinear", "bicubic"):
            raise ValueError(f"torch antialiases bilinear and bicubic only, not {self.filter}: antialias must be false")
        return self

    def output_size(self, image: Size | None) -> Size | None:
        """(height, width) of what an image becomes; None where that hangs on the image's size and none is given."""
        if self.size is not None:
            return self.size
        if self.edge is None or image is None:
            return None
        height, width = image
        if self.halve:
            height, width = halvings(image, self.edge)[-1]
            scale = self.edge / min(height, width)
            return round(height * scale), round(width * scale)
        longer = int(self.edge * max(height, width) / min(height, width))
        return (longer, self.edge) if width <= height else (self.edge, longer)


def halvings(image: Size, edge: int) -> list[Size]:
    """The sizes that an image passes, its own first, while its shorter side is at least twice `edge`."""
    sizes = [image]
    while min(sizes[-1]) >= 2 * edge:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


class Crop(Frozen):
    """A crop of the centre.

    size      (height, width); None, written `square`, is the largest square
    order     before the resize or after it
    rounding  of an offset that is no whole number: to the nearest even one (torchvision's), or down (`//`)
    """

    size: Annotated[tuple[Length, Length] | None, BeforeValidator(_optional(_both_sides, none="square"))]
    order: Literal["resize-then-crop", "crop-then-resize"] = "resize-then-crop"
    rounding: Literal["nearest", "down"] = "nearest"

    def output_size(self, image: Size | None) -> Size | None:
        """(height, width) of the crop of an image; None for the square of an image whose size is not given."""
        if self.size is not None or image is None:
            return self.size
        return min(image), min(image)


class Normalise(Frozen):
    """(x - mean) / sd after `range`, one value for every channel or one each, in the unit of `range`.

    `std`, torchvision's word, is read as `sd`.
    """

    mean: Annotated[tuple[float, ...], Field(strict=False), AfterValidator(_one_or_each)]
    sd: Annotated[tuple[float, ...], Field(strict=False), AfterValidator(_one_or_each), AfterValidator(_positive)]

    @model_validator(mode="before")
    @classmethod
    def _std_is_sd(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "std" in value:
            if "sd" in value:
                raise ValueError("found both sd and std, which are the same; keep one")
            return {("sd" if key == "std" else key): given for key, given in value.items()}
        return value

    @model_validator(mode="after")
    def _acts(self) -> Normalise:
        if self.mean == (0.0,) and self.sd == (1.0,):
            raise ValueError("mean 0 and sd 1 have no effect; leave normalise out")
        return self


NORMALISATIONS: Mapping[str, Normalise] = {
    # torchvision's reference weights, and DINOv2 after them.
    "imagenet": Normalise(mean=(0.485, 0.456, 0.406), sd=(0.229, 0.224, 0.225)),
    # openai/CLIP, clip/clip.py, _transform
    "openai-clip": Normalise(mean=(0.48145466, 0.4578275, 0.40821073), sd=(0.26862954, 0.26130258, 0.27577711)),
    "half": Normalise(mean=(0.5,), sd=(0.5,)),
}
