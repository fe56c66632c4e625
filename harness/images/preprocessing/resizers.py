"""Functions that resize or crop one image: uint8 (H, W, c) in, (h, w, c) out, c = 1 or 3.

`tf1` is TensorFlow 1's ResizeBilinear as graphs of that time carry it: align_corners=False without half-pixel centres
(output y reads from y · H/h, so pixels shift towards the top left), two neighbours a side however large the reduction,
all in 32-bit floats. Source: tensorflow/core/kernels/resize_bilinear_op.cc and image_resizer_state.h of TensorFlow 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base import UsageError

if TYPE_CHECKING:
    from harness.images.preprocessing.steps import Crop, Resize, Size

Step = Callable[[np.ndarray], np.ndarray]


def resizer(resize: Resize, *, quantise: bool) -> Step:
    """A function of one image; it gives uint8 where `quantise`, else float32 in [0, 255], beyond where not clipped.

    An image that has the size already comes back as it is, uint8. Raises UsageError for a library that is not known.
    """
    makers = {"pillow": _pillow, "torch": _torch, "tf1": _tf1}
    if resize.library not in makers:
        raise UsageError(f"unknown resize library {resize.library!r}; allowed: {', '.join(makers)}")
    to_size = makers[resize.library](resize, quantise)

    def resized(image: np.ndarray) -> np.ndarray:
        own = (image.shape[0], image.shape[1])
        size = resize.output_size(own) or own
        return image if size == own else to_size(image, size)

    return resized


def cropper(crop: Crop) -> Step:
    """A function that cuts the centre out of one image; it raises UsageError where the image is smaller."""

    def cropped(image: np.ndarray) -> np.ndarray:
        own = (image.shape[0], image.shape[1])
        size = crop.output_size(own) or own
        if size[0] > own[0] or size[1] > own[1]:
            raise UsageError(
                f"an image of {own[0]}×{own[1]} is smaller than the crop to {size[0]}×{size[1]}; "
                "resize first (`order: resize-then-crop`) or make the crop smaller"
            )
        # Python's round takes halves to the even number; torchvision's center_crop uses it.
        spare = [own[axis] - size[axis] for axis in (0, 1)]
        top, left = (gap // 2 if crop.rounding == "down" else round(gap / 2) for gap in spare)
        return image[top : top + size[0], left : left + size[1]]

    return cropped


def picture(image: np.ndarray) -> Any:
    """The image as Pillow's, of mode L or RGB."""
    from PIL import Image

    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))


def _pillow(resize: Resize, quantise: bool) -> Callable[[np.ndarray, Size], np.ndarray]:
    from PIL import Image

    from harness.images.preprocessing.steps import halvings

    resample = Image.Resampling[resize.filter.upper()]
    if resize.antialias != (resize.filter != "nearest"):
        raise UsageError(f"pillow's {resize.filter} always sets antialias: it must be {not resize.antialias}")

    def resized(image: Any, size: Size) -> Any:
        if resize.halve and resize.edge is not None:
            for height, width in halvings((image.height, image.width), resize.edge)[1:]:
                image = image.resize((width, height), Image.Resampling.BOX)
        return image.resize((size[1], size[0]), resample)

    def in_8_bits(image: np.ndarray, size: Size) -> np.ndarray:
        return np.array(resized(picture(image), size)).reshape(*size, image.shape[2])

    def in_floats(image: np.ndarray, size: Size) -> np.ndarray:
        values = np.empty((*size, image.shape[2]), np.float32)
        for c in range(image.shape[2]):
            values[..., c] = resized(Image.fromarray(image[..., c].astype(np.float32)), size)
        return values.clip(0, 255, out=values)

    return in_8_bits if quantise else in_floats


def _torch(resize: Resize, quantise: bool) -> Callable[[np.ndarray, Size], np.ndarray]:
    import torch
    from torch.nn.functional import interpolate

    smooth = resize.filter in ("bilinear", "bicubic")
    if resize.antialias and not smooth:
        raise UsageError(f"torch antialiases bilinear and bicubic only, not {resize.filter}: antialias must be false")
    options: dict[str, Any] = {"align_corners": False, "antialias": resize.antialias} if smooth else {}

    def resized(image: np.ndarray, size: Size) -> np.ndarray:
        channels_first = np.ascontiguousarray(np.moveaxis(image, -1, 0)[None], dtype=np.float32)
        with torch.no_grad():
            pixels = interpolate(torch.from_numpy(channels_first), size=size, mode=resize.filter, **options)
        values: np.ndarray = np.moveaxis(pixels.numpy()[0], 0, -1)
        # Bicubic overshoots at edges; 8 bits have no room for it.
        clipped = values.clip(0, 255) if resize.clip or quantise else values
        return np.rint(clipped).astype(np.uint8) if quantise else clipped

    return resized


def _tf1(resize: Resize, quantise: bool) -> Callable[[np.ndarray, Size], np.ndarray]:
    if resize.filter != "bilinear" or resize.antialias:
        raise UsageError(f"tf1 has bilinear without antialias only, not {resize.filter}: change library or filter")

    def neighbours(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each output position: the input before it, the one after, and how far it is between the two."""
        position = np.arange(n_out, dtype=np.float32) * np.float32(n_in / n_out)
        before = position.astype(np.int64)
        return before, np.minimum(before + 1, n_in - 1), position - before.astype(np.float32)

    def resized(image: np.ndarray, size: Size) -> np.ndarray:
        left, right, across = neighbours(image.shape[1], size[1])
        top, bottom, down = neighbours(image.shape[0], size[0])
        # Along a row first, then between rows, as TensorFlow does: the order shows in the last bit.
        used, places = np.unique(np.concatenate([top, bottom]), return_inverse=True)
        rows = image[used].astype(np.float32)
        along = rows[:, left]
        along += (rows[:, right] - along) * across[None, :, None]
        values: np.ndarray = along[places[: size[0]]]
        values += (along[places[size[0] :]] - values) * down[:, None, None]
        return np.rint(values).astype(np.uint8) if quantise else values

    return resized
