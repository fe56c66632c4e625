"""Generators whose scores are known beforehand: real images, untouched or spoiled in one way each.

All are pools: `fit` receives the split that `split` names, and `sample` its indices. The training seed changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.base import ARRAYS, Classes, Component, Parameters, Positive, UsageError, derive_seed
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np


class HoldoutParameters(Parameters):
    """Parameters of `holdout`: the split whose images it shows."""

    split: str = "holdout"


class BlurParameters(HoldoutParameters):
    """Parameters of `blur`: standard deviation in pixels."""

    sigma: Positive = 0.5


class NoiseParameters(HoldoutParameters):
    """Parameters of `noise`: standard deviation in grey levels of 0..255."""

    sd: Positive = 255.0


class ModeDropParameters(HoldoutParameters):
    """Parameters of `mode_drop`: the classes it keeps."""

    keep: Classes


class MemoriseParameters(Parameters):
    """Parameters of `memorise`: the split whose images it copies."""

    split: str = "train"


def _control(name: str, thing: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    target = f"{__name__}:{thing}"
    return Component(
        "generators", name, target, f"control: {summary}", parameters, libraries=ARRAYS, control=True, **facts
    )


CONTROLS = (
    _control("holdout", "Holdout", HoldoutParameters, "held-out real images", pool="split"),
    _control("blur", "Blur", BlurParameters, "real images, blurred", pool="split", one_size=True),
    _control("noise", "Noise", NoiseParameters, "real images with Gaussian noise", pool="split", one_size=True),
    _control("mode_drop", "ModeDrop", ModeDropParameters, "real images of only some classes", pool="classes"),
    _control("memorise", "Memorise", MemoriseParameters, "copies of training images", pool="split"),
)


class Holdout:
    """Real images that nothing was trained on: the score no generator should beat by more than chance."""

    def __init__(self, *, split: str = "holdout") -> None:
        self.split = split

    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Take the images of the split as the pool."""
        self._images = images

    @property
    def size(self) -> int:
        """Images in the pool."""
        return len(self._images)

    def sample(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`, uint8 (n, H, W, C)."""
        images: np.ndarray = self._images[self._checked(indices)]
        return images

    def _checked(self, indices: Sequence[int]) -> np.ndarray:
        import numpy as np

        rows = np.asarray(indices, dtype=np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < self.size):
            raise IndexError(f"`indices` must be in [0, {self.size}), found {rows.min()} to {rows.max()}")
        return rows


class Memorise(Holdout):
    """Copies of the training images: FD cannot tell them from new ones; only a search for copies can."""

    def __init__(self, *, split: str = "train") -> None:
        super().__init__(split=split)


class Blur(Holdout):
    """Real images under a Gaussian blur of `sigma` pixels, edges repeated."""

    def __init__(self, *, split: str = "holdout", sigma: float = 0.5) -> None:
        super().__init__(split=split)
        self.sigma = sigma

    def sample(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`, blurred."""
        from scipy.ndimage import gaussian_filter

        images = super().sample(indices) / 255
        return quantised(gaussian_filter(images, (0, self.sigma, self.sigma, 0), mode="nearest"))


class Noise(Holdout):
    """Real images plus Gaussian noise of `sd` grey levels (of 255), clipped; image i always gets the same noise."""

    def __init__(self, *, split: str = "holdout", sd: float = 255.0) -> None:
        super().__init__(split=split)
        self.sd = sd

    def sample(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices` with their noise."""
        images = super().sample(indices) / 255
        for image, index in zip(images, indices, strict=True):
            image += self.sd / 255 * image_rng(derive_seed("noise", int(index))).standard_normal(image.shape)
        return quantised(images)


class ModeDrop(Holdout):
    """Real images of the classes `keep` alone: each is faithful, the set is not diverse."""

    def __init__(self, *, keep: Sequence[int], split: str = "holdout") -> None:
        super().__init__(split=split)
        self.keep = tuple(keep)

    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Take the images of the kept classes as the pool, in their order."""
        import numpy as np

        if labels is None:
            raise UsageError(f"mode_drop keeps classes, but split {self.split!r} has no labels; use a labelled dataset")
        present = np.unique(labels).tolist()
        if not self.keep or not set(self.keep) <= set(present):
            raise UsageError(f"mode_drop: keep is {list(self.keep)}, but the classes of {self.split!r} are {present}")
        self._images, self._rows = images, np.flatnonzero(np.isin(labels, self.keep))  # the images may lie on disk

    @property
    def size(self) -> int:
        """Images of the kept classes."""
        return len(self._rows)

    def sample(self, indices: Sequence[int]) -> np.ndarray:
        """The images of the kept classes at `indices`, uint8 (n, H, W, C)."""
        images: np.ndarray = self._images[self._rows[self._checked(indices)]]
        return images
