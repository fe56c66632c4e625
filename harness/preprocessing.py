"""Carries a preprocessing recipe out: channels → JPEG → resize → quantise → range, each image by itself.

The conventions, each pinned by a test:

channels   grey is Pillow's "L", ITU-R 601 luma in its integer arithmetic (equal channels keep their value); rgb repeats
           grey three times.
jpeg       Pillow's encoder at the quality given, 4:2:0 chroma, baseline, not optimised, and back.
resize     `pillow`, quantise uint8: `Image.resize` on the 8-bit image, which rounds between its two passes, as whoever
           resizes a PIL image does. `pillow`, quantise none: each channel as 32-bit float (mode F), clipped to
           [0, 255], not rounded: clean-fid's resizer, bit for bit.
           `torch`: `F.interpolate(align_corners=False)` on 32-bit floats in [0, 255], clipped to that range; quantise
           uint8 then rounds half to even.
           An image that has the size already is left as it is, to the last bit.
           `tf1`: TensorFlow 1's ResizeBilinear, corners not aligned, no half-pixel centres: output pixel i reads input
           i · in / out and its right neighbour, in 32-bit floats.
range      low + x · (high − low) / 255 in 64-bit, then each channel's normalisation, rounded once to 32-bit floats.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UsageError
from harness.keys import digest
from harness.recipes import NORMALISATIONS

if TYPE_CHECKING:
    from harness.recipes import Preprocessing, Resize

# To be raised when the same recipe comes to mean other pixels.
VERSION = 1
JPEG_SUBSAMPLING = "4:2:0"


def apply(recipe: Preprocessing, images: np.ndarray) -> np.ndarray:
    """The images as an encoder gets them: (n, h, w, c), c = 1 (grey) or 3 (rgb).

    uint8 where the recipe quantises and its range is [0, 255], else float32 in the range. `images` are uint8
    (n, H, W, C), C = 1 or 3; an image's result does not depend on the others.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"`images` must be uint8 (n, H, W, C), C = 1 or 3, not {images.dtype} {images.shape}")
    images = grey(images) if recipe.channels == "grey" else rgb(images)
    quality = recipe.jpeg
    if quality is not None:
        images = _each(lambda image: _jpeg(image, quality), images)
    quantise = recipe.quantise == "uint8"
    if recipe.resize is not None and (recipe.resize.size[0], recipe.resize.size[1]) != images.shape[1:3]:
        images = _each(_resizer(recipe.resize, quantise=quantise), images)
    low, high = map(float, recipe.range)
    if quantise and (low, high) == (0.0, 255.0):
        return images
    scaled = images.astype(np.float64) * (high - low) / 255 + low
    if recipe.normalise is not None:
        mean, sd = (np.array(part) for part in NORMALISATIONS[recipe.normalise])
        scaled = (scaled - mean) / sd
    return scaled.astype(np.float32)


def recipe_digest(recipe: Preprocessing) -> str:
    """SHA-256 of the recipe, 64 hex digits: equal for two spellings of the same steps, and only for those."""
    resize = recipe.resize
    return digest(
        {
            "version": VERSION,
            "channels": recipe.channels,
            "jpeg": recipe.jpeg,
            "resize": None
            if resize is None
            else [resize.library, resize.filter, bool(resize.antialias), int(resize.size[0]), int(resize.size[1])],
            "quantise": recipe.quantise,
            "range": [float(end) for end in recipe.range],
            # Only where it is asked for, so that recipes from before it existed keep their digests.
            **({} if recipe.normalise is None else {"normalise": list(NORMALISATIONS[recipe.normalise])}),
        }
    )


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


def _each(step: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """One image at a time, so that no library sees a batch; an empty set keeps its shape up to the first image's."""
    if not len(images):
        return step(np.zeros(images.shape[1:], dtype=images.dtype))[None][:0]
    return np.stack([step(image) for image in images])


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    packed = io.BytesIO()
    _picture(image).save(
        packed, "JPEG", quality=quality, subsampling=JPEG_SUBSAMPLING, optimize=False, progressive=False
    )
    with Image.open(packed, formats=["JPEG"]) as picture:
        return np.array(picture).reshape(image.shape)


def _resizer(resize: Resize, *, quantise: bool) -> Callable[[np.ndarray], np.ndarray]:
    if resize.library == "pillow":
        return _pillow(resize, quantise=quantise)
    if resize.library == "torch":
        return _torch(resize, quantise=quantise)
    if resize.library == "tf1":
        return _tf1(resize, quantise=quantise)
    raise UsageError(f"resize library {resize.library!r} is not known; allowed: pillow, torch, tf1")


def _tf1(resize: Resize, *, quantise: bool) -> Callable[[np.ndarray], np.ndarray]:
    def taps(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = np.arange(wanted, dtype=np.float32) * np.float32(length / wanted)
        left = at.astype(np.int64)
        return left, np.minimum(left + 1, length - 1), at - left.astype(np.float32)

    def resized(image: np.ndarray) -> np.ndarray:
        pixels = image.astype(np.float32)
        top, bottom, down = taps(image.shape[0], resize.size[0])
        left, right, across = taps(image.shape[1], resize.size[1])
        across = across[None, :, None]
        upper = pixels[top][:, left] + (pixels[top][:, right] - pixels[top][:, left]) * across
        lower = pixels[bottom][:, left] + (pixels[bottom][:, right] - pixels[bottom][:, left]) * across
        mixed: np.ndarray = upper + (lower - upper) * down[:, None, None]
        return np.rint(mixed).astype(np.uint8) if quantise else mixed

    return resized


def _pillow(resize: Resize, *, quantise: bool) -> Callable[[np.ndarray], np.ndarray]:
    from PIL import Image

    height, width = resize.size
    resample = Image.Resampling[resize.filter.upper()]
    if resize.antialias != (resize.filter != "nearest"):
        raise UsageError(f"pillow's {resize.filter} has no choice of antialias: it must be {not resize.antialias}")

    def in_8_bits(image: np.ndarray) -> np.ndarray:
        return np.array(_picture(image).resize((width, height), resample)).reshape(height, width, image.shape[2])

    def in_floats(image: np.ndarray) -> np.ndarray:
        channels = [
            np.asarray(Image.fromarray(channel).resize((width, height), resample))
            for channel in np.moveaxis(image, -1, 0).astype(np.float32)
        ]
        return np.stack(channels, axis=-1).clip(0, 255)

    return in_8_bits if quantise else in_floats


def _torch(resize: Resize, *, quantise: bool) -> Callable[[np.ndarray], np.ndarray]:
    import torch
    from torch.nn.functional import interpolate

    smooth = resize.filter in ("bilinear", "bicubic")
    if resize.antialias and not smooth:
        raise UsageError(f"torch antialiases bilinear and bicubic only, not {resize.filter}: antialias must be false")
    options: dict[str, Any] = {"align_corners": False, "antialias": resize.antialias} if smooth else {}

    def resized(image: np.ndarray) -> np.ndarray:
        channels_first = np.ascontiguousarray(np.moveaxis(image, -1, 0)[None], dtype=np.float32)
        with torch.no_grad():
            pixels = interpolate(
                torch.from_numpy(channels_first), size=tuple(resize.size), mode=resize.filter, **options
            )
        # Bicubic overshoots at edges.
        clipped: np.ndarray = np.moveaxis(pixels.numpy()[0], 0, -1).clip(0, 255)
        return np.rint(clipped).astype(np.uint8) if quantise else clipped

    return resized


def _picture(image: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
