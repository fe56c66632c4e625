"""Carries a preprocessing recipe out: channels → JPEG → resize, crop → quantise → range → normalise.

Each image by itself.

The conventions, each pinned by a test:

channels   grey is Pillow's "L", ITU-R 601 luma in its integer arithmetic (equal channels keep their value); rgb repeats
           grey three times.
jpeg       Pillow's encoder at the quality given, 4:2:0 chroma, baseline, not optimised, and back.
resize     `pillow`, quantise uint8: `Image.resize` on the 8-bit image, which rounds between its two passes, as whoever
           resizes a PIL image does. `pillow`, quantise none: each channel as 32-bit float (mode F), clipped to
           [0, 255], not rounded: clean-fid's resizer, bit for bit.
           `torch`: `F.interpolate(align_corners=False)` on 32-bit floats in [0, 255], clipped to that range unless
           the recipe says no; quantise uint8 then rounds half to even.
           `tf1`: TensorFlow 1's ResizeBilinear, see `resizers.py`.
           An image that has the size already is left as it is, to the last bit.
crop       of the centre, before the resize or after it; what is smaller than the crop is refused, not padded.
range      low + x · (high − low) / 255, and
normalise  (x − mean) / sd of that, both in 64-bit, rounded once to 32-bit floats.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import reduce
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base import UsageError, digest
from harness.images.preprocessing import resizers

if TYPE_CHECKING:
    from harness.images.preprocessing.recipes import Preprocessing
    from harness.images.preprocessing.steps import Size

# To be raised when the same recipe comes to mean other pixels.
VERSION = 1
JPEG_SUBSAMPLING = "4:2:0"


def apply(recipe: Preprocessing, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """The images as an encoder gets them: (n, h, w, c), c = 1 (grey) or 3 (rgb).

    uint8 where the recipe quantises, its range is [0, 255] and it does not normalise, else float32. `images` are uint8
    (n, H, W, C), C = 1 or 3, or a list of (H, W, C) of sizes of their own; an image's result does not depend on the
    others. Raises UsageError where the recipe leaves images of a list at different sizes, and where one is smaller
    than the crop.
    """
    if not isinstance(images, np.ndarray):
        _check_one_size(recipe, images)
        shape = (*_enough(recipe), 3) if not images else images[0].shape
    elif images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"`images` must be uint8 (n, H, W, C), C = 1 or 3, not {images.dtype} {images.shape}")
    else:
        shape = images.shape[1:]
    step, scale = _steps(recipe), _scale(recipe)
    if step is None and scale is None and isinstance(images, np.ndarray):
        return _channels(recipe, images)

    def seen(image: np.ndarray) -> np.ndarray:
        pixels = _channels(recipe, image[None])[0]
        pixels = pixels if step is None else step(pixels)
        return pixels if scale is None else scale(pixels)

    # One image at a time: no library sees a batch, and no copy of all is made on the way.
    if not len(images):
        return seen(np.zeros(shape, dtype=np.uint8))[None][:0]
    first = seen(images[0])
    made = np.empty((len(images), *first.shape), first.dtype)
    made[0] = first
    for i in range(1, len(images)):
        made[i] = seen(images[i])
    return made


def _scale(recipe: Preprocessing) -> Callable[[np.ndarray], np.ndarray] | None:
    """What puts pixels in [0, 255] into the range and normalises them, as float32; None for uint8 as they are."""
    low, high = map(float, recipe.range)
    if recipe.quantise == "uint8" and (low, high) == (0.0, 255.0) and recipe.normalise is None:
        return None

    def scaled(pixels: np.ndarray) -> np.ndarray:
        values = pixels.astype(np.float64)
        values *= high - low
        values /= 255
        values += low
        if recipe.normalise is not None:
            values -= np.array(recipe.normalise.mean)
            values /= np.array(recipe.normalise.sd)
        return values.astype(np.float32)

    if recipe.quantise != "uint8":
        return scaled
    channels = 1 if recipe.channels == "grey" else 3
    table = scaled(np.repeat(np.arange(256)[:, None], channels, axis=1))  # all that 8 bits can become
    if (table == table[:, :1]).all():
        return lambda pixels: table[:, 0][pixels]
    return lambda pixels: np.stack([table[:, c][pixels[..., c]] for c in range(channels)], axis=-1)


def recipe_digest(recipe: Preprocessing) -> str:
    """SHA-256 of the recipe, 64 hex digits: equal for two spellings of the same steps, and only for those."""
    parts: dict[str, Any] = {
        "version": VERSION,
        "channels": recipe.channels,
        "jpeg": recipe.jpeg,
        "resize": None,
        "quantise": recipe.quantise,
        "range": [float(end) for end in recipe.range],
    }
    resize, crop, normalise = recipe.resize, recipe.crop, recipe.normalise
    if resize is not None:
        size: list[Any] = ["edge", resize.edge] if resize.size is None else [int(side) for side in resize.size]
        parts["resize"] = [resize.library, resize.filter, bool(resize.antialias), *size]
        # Steps that came later are named only where they are taken, so that older recipes keep their digest.
        parts["resize"] += [*([] if resize.clip else ["unclipped"]), *(["halved"] if resize.halve else [])]
    if crop is not None:
        size = ["square"] if crop.size is None else [int(side) for side in crop.size]
        parts["crop"] = ["before" if recipe.crops_first else "after", crop.rounding, *size]
    if normalise is not None:
        channels = 1 if recipe.channels == "grey" else 3
        parts["normalise"] = [
            [float(value) for value in values] * (channels // len(values)) for values in (normalise.mean, normalise.sd)
        ]
    return digest(parts)


def libraries(recipe: Preprocessing) -> dict[str, str]:
    """Name and version of every library whose release can change the recipe's pixels; grey and range need none."""
    found = {}
    if recipe.jpeg is not None or (recipe.resize is not None and recipe.resize.library == "pillow"):
        found["pillow"] = version("pillow")
    if recipe.jpeg is not None:
        from PIL import features

        # Pillow carries its own JPEG library; without turbo it is named by its interface version.
        turbo = features.version_feature("libjpeg_turbo")
        found["libjpeg-turbo" if turbo else "libjpeg"] = turbo or features.version_codec("jpg") or "unknown"
    if recipe.resize is not None and recipe.resize.library == "torch":
        found["torch"] = version("torch")
    return found


def grey(images: np.ndarray) -> np.ndarray:
    """One channel: ITU-R 601 luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, as Pillow's convert("L")."""
    if images.shape[3] == 1:
        return images
    luma = np.full(images.shape[:3], 0x8000, dtype=np.uint32)
    for channel, weight in enumerate((19595, 38470, 7471)):
        luma += images[..., channel].astype(np.uint32) * np.uint32(weight)
    return (luma >> 16).astype(np.uint8)[..., None]


def rgb(images: np.ndarray) -> np.ndarray:
    """Three channels: grey repeated."""
    return images if images.shape[3] == 3 else np.repeat(images, 3, axis=3)


def _channels(recipe: Preprocessing, images: np.ndarray) -> np.ndarray:
    return grey(images) if recipe.channels == "grey" else rgb(images)


def _steps(recipe: Preprocessing) -> Callable[[np.ndarray], np.ndarray] | None:
    """What turns one image (H, W, c) into (h, w, c) in [0, 255]; None where nothing does."""
    steps: list[Callable[[np.ndarray], np.ndarray]] = []
    if recipe.resize is not None:
        steps.append(resizers.resizer(recipe.resize, quantise=recipe.quantise == "uint8"))
    if recipe.crop is not None:
        steps.insert(0 if recipe.crops_first else len(steps), resizers.cropper(recipe.crop))
    quality = recipe.jpeg
    if quality is not None:
        steps.insert(0, lambda image: _jpeg(image, quality))
    return (lambda image: reduce(lambda pixels, step: step(pixels), steps, image)) if steps else None


def _check_one_size(recipe: Preprocessing, images: Sequence[np.ndarray]) -> None:
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
            raise ValueError(f"each image must be uint8 (H, W, C), C = 1 or 3, not {image.dtype} {image.shape}")
    sizes = sorted({recipe.output_size(image.shape[:2]) or image.shape[:2] for image in images})
    if len(sizes) > 1:
        listed = ", ".join(f"{height}×{width}" for height, width in sizes[:3]) + (", …" if len(sizes) > 3 else "")
        raise UsageError(
            f"preprocessing {recipe.label} leaves images at {len(sizes)} sizes ({listed}); one size is needed: add "
            "`resize: {size: …}`, or a crop, to the preprocessing"
        )


def _enough(recipe: Preprocessing) -> Size:
    """(height, width) with as many pixels as any crop of the recipe needs."""
    fixed = recipe.output_size()
    if fixed is None:
        raise UsageError(f"no images, and preprocessing {recipe.label} has no fixed size; give at least one image")
    side = max(*fixed, *(recipe.crop.size if recipe.crop and recipe.crop.size else ()))
    return side, side


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    packed = io.BytesIO()
    resizers.picture(image).save(
        packed, "JPEG", quality=quality, subsampling=JPEG_SUBSAMPLING, optimize=False, progressive=False
    )
    with Image.open(packed, formats=["JPEG"]) as picture:
        return np.array(picture).reshape(image.shape)
