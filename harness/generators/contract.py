"""Generators: whatever turns seeds into images. One file each; the smallest is a plain function `sample(seeds)`.

Image i depends on `seeds[i]` and on nothing else: not on its neighbours, their number or their order. That is what lets
a run be split over workers, stopped and taken up again without changing a pixel. In practice: one random generator per
image (`image_rng`), and arithmetic whose rounding to uint8 does not see the batch (float64 is enough). Training in
float64 too gives the same images on another processor or number of threads, where float32 gives others.
Networks in files compute as they were exported, most in float32: there the batch size is part of the images' key, and a
pixel may differ by one level in another (`harness.generators.latents`).

    def sample(seeds):
        return np.stack([draw(image_rng(seed)) for seed in seeds])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class Generator(Protocol):
    """Makes one image per seed."""

    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images uint8 (n, H, W, C), C = 1 or 3; seeds are in [0, 2**63)."""
        ...


@runtime_checkable
class TrainedGenerator(Generator, Protocol):
    """A generator that learns first: `fit` is called once per training seed, before any `sample`."""

    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Learn from uint8 (n, H, W, C); the same seed on the same images gives the same generator."""
        ...


@runtime_checkable
class Pool(TrainedGenerator, Protocol):
    """A finite set of images, such as a folder or a real split: `sample` takes indices where others take seeds.

    The indices of one sampling seed are drawn without replacement, and no two sampling seeds share one.
    """

    @property
    def size(self) -> int:
        """How many images there are: indices are in [0, size)."""
        ...


@runtime_checkable
class PlacedGenerator(Generator, Protocol):
    """A generator that also looks at where in its set an image stands, to show every class equally often."""

    def sample_at(self, seeds: Sequence[int], places: Sequence[int]) -> np.ndarray:
        """As `sample`; image i depends on `seeds[i]` and `places[i]`, its index in the whole set."""
        ...


def image_rng(seed: int) -> np.random.Generator:
    """The random generator of one image."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(seed))


def quantised(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as uint8: clipped, scaled to 255, rounded to the nearest level. Raises ValueError for NaN."""
    import numpy as np

    if np.isnan(images).any():
        raise ValueError("`images` hold NaN")
    levels: np.ndarray = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return levels
