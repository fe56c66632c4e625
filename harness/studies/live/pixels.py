"""Whatever holds images in memory → uint8 (n, H, W, C), or one sentence why its pixels would be somebody's guess.

Nothing is imported for it: tensors, PIL images, DataLoaders and Hugging Face datasets are told by what they can do.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.generators import quantised
from harness.images import ImageSet, Mixed, decoded_image, joined

Layout = Literal["NHWC", "NCHW"]
CHANNELS = (1, 3)
COLUMNS = ("image", "images", "img", "pixel_values")  # by which mappings usually call their images
PART = 256  # images of an array that are converted at once


@dataclass
class Pixels:
    """How the images of one set are read; `name` is that of the set in messages.

    `range` is what floats run over, (0, 1) say; `layout` is needed where a shape reads both ways; `column` names the
    images where items are mappings with several things that could be.
    """

    name: str
    range: tuple[float, float] | None = None
    layout: Layout | None = None
    column: str | None = None
    _seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.layout not in (None, "NHWC", "NCHW"):
            raise UsageError(f"layout={self.layout!r}: use 'NHWC' or 'NCHW'")
        if self.range is not None:
            try:
                low, high = map(float, self.range)
            except (TypeError, ValueError):
                raise UsageError(f"range={self.range!r}: use two numbers, such as (0, 1) or (-1, 1)") from None
            if not low < high:
                raise UsageError(f"range={self.range!r}: the first number must be smaller than the second")
            self.range = low, high

    def parts(self, given: Any) -> Iterator[ImageSet]:
        """All images of a set, in their order and in parts: uint8 arrays (n, H, W, C), or a Mixed of several sizes.

        `given` is an array or a tensor of images, or an iterable of images, of samples (image, label), of batches
        (images, labels), or of mappings with a column of images. Raises UsageError for what is no image for sure.
        """
        if _is_array(given):
            for first in range(0, len(given), PART):
                yield self.batch(given[first : first + PART])
            return
        for item in self._items(given):
            yield self.batch(item, alone=True)

    def batch(self, given: Any, *, alone: bool = False) -> ImageSet:
        """The images of one batch: an array or a tensor, a list of images, (images, labels), or a mapping with images.

        `alone` says that an array (H, W, C) or (C, H, W) is one image. Raises UsageError as `parts`.
        """
        images = self._batch(given, alone)
        self._seen += len(images)
        return images

    def _items(self, given: Any) -> Iterator[Any]:
        if isinstance(given, str | bytes) or _is_picture(given):
            self._refuse(f"a single {type(given).__name__} is not a set of images")
        columns = getattr(given, "column_names", None)
        if isinstance(columns, list):  # a Hugging Face Dataset: other columns need not be decoded
            column = self._column(columns, getattr(given, "features", None))
            given = given.select_columns([column]) if hasattr(given, "select_columns") else given
        if isinstance(given, Iterable):
            yield from given
        elif hasattr(given, "__getitem__") and hasattr(given, "__len__"):  # a map-style dataset
            yield from (given[i] for i in range(len(given)))
        else:
            self._refuse(
                f"cannot read images from a {type(given).__name__}; give an array or a tensor, a list of PIL images, "
                "an iterable, a DataLoader, a Hugging Face Dataset, or a path"
            )

    def _batch(self, given: Any, alone: bool) -> ImageSet:
        if isinstance(given, Mapping):
            return self._batch(given[self._column(list(given), None, given)], alone)
        if _is_picture(given):
            return self._picture(given)[None]
        if isinstance(given, list | tuple):
            return self._listed(given)
        if not _is_array(given):
            self._refuse(
                f"found an object of type {type(given).__name__}; expected an image (array, tensor or PIL image)"
            )
        return self._array(_numpy(given), alone)

    def _listed(self, given: Sequence[Any]) -> ImageSet:
        """A list of images, or what a sample or a batch holds with its labels: the images come first there."""
        if not given:
            self._refuse("an empty list holds no image")
        first, others = given[0], given[1:]
        labels = [one for one in others if not _is_picture(one) and _dimensions(one) < 2]
        if labels and len(labels) == len(others):
            return self._batch(first, alone=True)
        if _dimensions(first) == 4 and others:
            self._refuse("a batch holds several image arrays; pass only one")
        images = [self._batch(one, alone=True) for one in given]
        return joined([part if isinstance(part, np.ndarray) else Mixed(part) for part in images])

    def _column(self, names: Sequence[str], features: Any, held: Mapping[str, Any] | None = None) -> str:
        """The column of images among `names`; `features` are a dataset's types, `held` the mapping."""
        if self.column is not None:
            if self.column not in names:
                self._refuse(f"has no column {self.column!r}; it has {', '.join(map(str, names))}")
            return self.column
        typed = [n for n in names if features and type(features.get(n)).__name__ in ("Image", "Array3D")]
        usual = [n for n in names if n in COLUMNS]
        shaped = [n for n, one in (held or {}).items() if _is_picture(one) or _dimensions(one) >= 3]
        for found in (typed, usual, shaped):
            if len(found) == 1:
                return str(found[0])
        self._refuse(f"cannot tell which column holds the images ({', '.join(map(str, names))}); set column='…'")

    def _picture(self, picture: Any) -> NDArray[np.uint8]:
        """A PIL image as the file that it would be saved to is read: what is refused there is refused here."""
        if picture.mode in ("L", "RGB"):
            array = np.array(picture)
            return array[..., None] if array.ndim == 2 else array
        packed = io.BytesIO()
        try:
            picture.save(packed, "PNG", compress_level=1)
            return decoded_image(packed.getvalue())
        except (OSError, ValueError) as problem:
            self._refuse(f"image {self._seen} is a PIL image of mode {picture.mode}, which {problem}; convert('RGB')")

    def _array(self, array: NDArray[Any], alone: bool) -> NDArray[np.uint8]:
        return self._uint8(self._nhwc(array, alone))

    def _nhwc(self, array: NDArray[Any], alone: bool) -> NDArray[Any]:
        """The array as (n, H, W, C)."""
        shape = array.shape
        if array.ndim == 2 and alone:
            return array[None, ..., None]
        if array.ndim == 3:
            channels = shape[0] in CHANNELS or shape[2] in CHANNELS
            if alone and (channels or self.layout is not None):
                return self._nhwc(array[None], alone)
            if not alone and not channels:
                return array[..., None]
            self._refuse(
                f"an array of shape {shape} may be one image or {shape[0]} grey ones; add an axis: [None] for one "
                "image, [..., None] for grey ones"
            )
        if array.ndim != 4:
            self._refuse(f"an array of shape {shape} is not a batch of images; expected (n, H, W, C) or (n, C, H, W)")
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
        if self.layout is None:
            if first and last:
                self._refuse(f"an array of shape {shape} is ambiguous; set layout='NHWC' or layout='NCHW'")
            if not first and not last:
                more = " (an alpha channel? Remove it)" if 4 in (shape[1], shape[3]) else ""
                self._refuse(f"an array of shape {shape} has no axis of 1 or 3 channels{more}")
            self.layout = "NCHW" if first else "NHWC"
        if not (first if self.layout == "NCHW" else last):
            self._refuse(f"an array of shape {shape} is not {self.layout} with 1 or 3 channels, as the others are")
        return array.transpose(0, 2, 3, 1) if self.layout == "NCHW" else array

    def _uint8(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Levels as they are, or floats in `range`: the nearest of 256 levels, what lies a little outside clipped."""
        if images.dtype == np.uint8:
            return np.array(images, order="C")  # a copy: loaders and networks use their buffers again
        if not np.issubdtype(images.dtype, np.floating):
            self._refuse(f"{images.dtype} images; levels 0 to 255 are uint8: convert them with .astype('uint8')")
        if not np.isfinite(images).all():
            bad = int(np.argmin(np.isfinite(images).reshape(len(images), -1).all(axis=1)))
            self._refuse(f"image {self._seen + bad} holds NaN or infinity")
        least, most = float(images.min()), float(images.max())
        if self.range is None:
            self._refuse(
                f"{images.dtype} images ({least:.3g} to {most:.3g}) without a range; set the values of "
                "black and white: range=(0, 1), (-1, 1) or (0, 255)"
            )
        low, high = self.range
        wide = high - low
        if least < low - wide / 2 or most > high + wide / 2:
            self._refuse(f"images run from {least:.3g} to {most:.3g}, far outside range=({low:g}, {high:g})")
        if wide > 100 and most <= low + 1 < high and least < most:
            self._refuse(f"images run from {least:.3g} to {most:.3g}, all but black in range=({low:g}, {high:g})")
        return quantised((images.astype(np.float64) - low) / wide)

    def _refuse(self, words: str) -> NoReturn:
        raise UsageError(f"{self.name}: {words}")


def _is_picture(given: Any) -> bool:
    return hasattr(given, "mode") and hasattr(given, "getbands")


def _is_array(given: Any) -> bool:
    """Whether it is an array or a tensor of any library; a PIL image says that it is one too."""
    return hasattr(given, "shape") and hasattr(given, "dtype") and not _is_picture(given)


def _dimensions(given: Any) -> int:
    return len(given.shape) if _is_array(given) else 0


def _numpy(given: Any) -> NDArray[Any]:
    """The array of a tensor, wherever it lies and whatever half precision it has."""
    if hasattr(given, "detach"):  # torch
        given = given.detach()
        if str(given.dtype) in ("torch.bfloat16", "torch.float16"):
            given = given.float()
        given = given.cpu().numpy()
    return np.asarray(given)
