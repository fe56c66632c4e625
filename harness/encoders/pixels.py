"""Raw pixels as features: the encoder that knows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.base import Component, NoParameters

if TYPE_CHECKING:
    import numpy as np

FACTS = Component(
    "encoders",
    "pixels",
    f"{__name__}:Pixels",
    "the pixels themselves, flattened",
    NoParameters,
    libraries=("numpy",),
    dim="pixels",
    per_image="a feature is a value of the image itself",
)


class Pixels:
    """Every image flattened, row by row, channels last; the values stay in the range of the preprocessing.

    `dim` is 0 until the first call, then that of the latest images: one process encodes sets of several sizes, and that
    two of them cannot be compared is said, with both sizes, where they meet.
    """

    def __init__(self) -> None:
        self.dim = 0

    @property
    def identity(self) -> dict[str, Any]:
        """The layout; the image size is the preprocessing's to say."""
        return {"architecture": "pixels, flattened"}

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The pixels of (n, H, W, C) images as float32 (n, H · W · C)."""
        import numpy as np

        features = np.ascontiguousarray(images, dtype=np.float32).reshape(len(images), int(np.prod(images.shape[1:])))
        self.dim = features.shape[1]
        return features
