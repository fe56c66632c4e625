"""Images to features. An encoder is any object with the three members of `Encoder`; one file each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class Encoder(Protocol):
    """Turns each image into a row of `dim` numbers, whatever the other images of the batch are.

    identity  all that decides the features, as JSON: architecture, layer, weights' SHA-256; it keys the cache
    dim       length of a row
    random    optional, True for weights that were never trained; leaderboards then say so
    to        optional, `to(device)` moves it to the device that the user asked for; without it, it stays on the CPU
    """

    @property
    def identity(self) -> Mapping[str, Any]:
        """What makes this encoder this one, in JSON types only."""
        ...

    @property
    def dim(self) -> int:
        """Features per image."""
        ...

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, dim) of images (n, H, W, C).

        The images are what the benchmark's preprocessing yields: uint8 where it quantises to the range [0, 255], else
        float32 in its range.
        """
        ...
