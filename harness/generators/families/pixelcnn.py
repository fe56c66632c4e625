"""An autoregressive model: an image's pixels one by one, each given those before it; its likelihood is exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.families.parts_family import Draws, Family, batch, blocks, scaled, trained

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from harness.generators.trained import Likelihood


class PixelCNNParameters(Parameters):
    """Parameters of `pixelcnn`."""

    width: Count = 32
    layers: Count = 5
    components: Count = 4
    conditional: bool = True
    iterations: Count = 900
    learning_rate: Positive = 3e-3


FACTS = Component(
    "generators",
    "pixelcnn",
    f"{__name__}:PixelCNN",
    "autoregressive model of pixels (gated PixelCNN), class-conditional",
    PixelCNNParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)

BATCH = 16


class PixelCNN(Family):
    """The gated PixelCNN (van den Oord et al. 2016) with PixelCNN++'s discretised logistics (Salimans et al. 2017).

    p(x | y) = Π p(x_i | x_1 … x_{i-1}, y): each of the 256 levels of a pixel has its probability under a mixture of
    logistics (Salimans et al., eq. 2), so the likelihood is that of the uint8 image, exactly. Two stacks of gated
    convolutions look at what was read before (van den Oord et al., figure 2), and at a learned map of the class (their
    section 2.3). A sample draws pixel by pixel.

    Simplified: 2 × 2 pixels are read as one position of four numbers, each given the ones before it, as the colours of
    a pixel are; that sees twice as far with a quarter of the work, in another order of the pixels.
    """

    sides: ClassVar[int] = 2

    def __init__(
        self,
        *,
        width: int = 32,
        layers: int = 5,
        components: int = 4,
        conditional: bool = True,
        iterations: int = 900,
        learning_rate: float = 3e-3,
    ) -> None:
        self.width, self.layers, self.components, self.conditional = width, layers, components, conditional
        self.iterations, self.learning_rate = iterations, learning_rate

    @property
    def evaluations(self) -> int:  # type: ignore[override]
        """One for each number of the image, though layers remember what they computed before."""
        return math.prod(self._shape)

    def _made(self) -> nn.Module:
        from harness.generators.families.pixelcnn_network import GatedPixelCNN

        height, width, channels = self._shape
        return GatedPixelCNN(
            channels, self._classes, (height, width), width=self.width, layers=self.layers, components=self.components
        )

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        def loss() -> torch.Tensor:
            shown, label = batch(pixels, labels, size=BATCH)
            value: torch.Tensor = -self._network.log_probability(shown, label).mean() / shown[0].numel()
            return value

        trained(self._network, loss, iterations=self.iterations, learning_rate=self.learning_rate, clip=1.0)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from harness.generators.families.pixelcnn_network import level

        height, width, channels = self._shape
        numbers = draws.uniform(4 * channels, height // 2, width // 2, 2).clamp(min=1e-12)  # two for each level

        def draw(k: int, row: int, column: int, said: torch.Tensor) -> torch.Tensor:
            return level(said, numbers[:, k, row, column])

        images: torch.Tensor = self._network.generate(self._shape, draws.labels, draw)
        return images

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 images, given their class where the model is conditional."""
        import torch

        from harness.generators.families.parts_pixels import as_bits_per_dim
        from harness.generators.trained import Likelihood

        classes, found = self._numbers(labels, len(images)), []
        for rows in blocks(len(images)):
            log_probability = self._network.log_probability(scaled(images[rows]), classes[rows])
            found.append(as_bits_per_dim(log_probability, math.prod(self._shape)))
        return Likelihood(torch.cat(found).numpy(), "exact", "sum of every pixel's log-probability of its level 0..255")
