"""An autoregressive model: an image's pixels one by one, each given those before it; its likelihood is exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import drawn, one_thread
from harness.generators.contract import image_rng, quantised
from harness.generators.families.parts_network import OneNetwork, as_pixels, in_chunks, minibatches

if TYPE_CHECKING:
    import numpy as np
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


class PixelCNN(OneNetwork):
    """The gated PixelCNN (van den Oord et al. 2016) with PixelCNN++'s discretised logistics (Salimans et al. 2017).

    p(x | y) = Π p(x_i | x_1 … x_{i-1}, y): each of the 256 levels of a pixel has its probability under a mixture of
    logistics (Salimans et al., eq. 2), so the likelihood is that of the uint8 image, exactly. Two stacks of gated
    convolutions look at what was read before (van den Oord et al., figure 2), and at a learned map of the class (their
    section 2.3). A sample draws pixel by pixel.

    Simplified: 2 × 2 pixels are read as one position of four numbers, each given the ones before it, as the colours of
    a pixel are; that sees twice as far with a quarter of the work, in another order of the pixels.
    """

    halvings: ClassVar[int] = 1

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

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C) with even sides."""
        import torch

        pixels, classes = self._meet(images, labels)
        with drawn(seed):
            network = self._build(self._shape, len(self._shares))
            optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, fused=True)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=self.iterations)
            for rows in minibatches(len(pixels), size=BATCH, iterations=self.iterations):
                loss = -network.log_probability(pixels[rows], classes[rows]).mean() / pixels[0].numel()
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
        self._keep(network)

    def _keep(self, network: nn.Module) -> None:
        super()._keep(network)
        self.evaluations = math.prod(self._shape)  # one a pixel, though layers remember what they computed before

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images drawn pixel by pixel, uint8 (n, H, W, C)."""
        import numpy as np
        import torch

        from harness.generators.families.pixelcnn_network import level

        height, across, channels = self._shape
        places = (4 * channels, height // 2, across // 2)
        chunks = [np.empty((0, *self._shape))]
        for some in in_chunks(seeds):
            label = self._classes(some)
            uniform = np.stack([image_rng(seed).random(1 + 2 * math.prod(places))[1:] for seed in some])
            numbers = torch.from_numpy(uniform).reshape(len(some), *places, 2).clamp(min=1e-12)
            images = self._network.generate(
                self._shape, label, lambda k, row, column, said, u=numbers: level(said, u[:, k, row, column])
            )
            chunks.append(images.permute(0, 2, 3, 1).numpy())
        return quantised(np.concatenate(chunks))

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 images, given their class where the model is conditional."""
        import torch

        from harness.generators.families.parts_pixels import as_bits_per_dim
        from harness.generators.trained import Likelihood

        pixels, classes = as_pixels(images).double(), self._classes_of(images, labels)
        found = [
            as_bits_per_dim(self._network.log_probability(some, label), math.prod(self._shape))
            for some, label in zip(torch.split(pixels, 64), torch.split(classes, 64), strict=True)
        ]
        return Likelihood(torch.cat(found).numpy(), "exact", "sum of every pixel's log-probability of its level 0..255")

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        from harness.generators.families.pixelcnn_network import GatedPixelCNN

        return GatedPixelCNN(
            shape[2], classes, shape[:2], width=self.width, layers=self.layers, components=self.components
        )
