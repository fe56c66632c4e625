"""A normalising flow: an invertible network of affine couplings between images and noise, with an exact density."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.families.parts_family import Draws, Family, batch, blocks, trained

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from harness.generators.trained import Likelihood


class FlowParameters(Parameters):
    """Parameters of `flow`."""

    steps: Count = 8
    width: Count = 192
    temperature: Positive = 0.7
    conditional: bool = True
    iterations: Count = 800
    learning_rate: Positive = 1e-3


FACTS = Component(
    "generators",
    "flow",
    f"{__name__}:NormalisingFlow",
    "normalising flow of affine couplings (RealNVP), class-conditional",
    FlowParameters,
    libraries=TORCH,
    trained=True,
    sampling=("temperature",),
    one_size=True,
)

BATCH = 128
MARGIN = 0.05  # how far from 0 and 1 pixels are kept before the logit, where it is infinite


class NormalisingFlow(Family):
    """RealNVP (Dinh et al. 2017): affine couplings in turn, here fully connected and given the class.

    Maximised is the exact log-density of dequantised pixels: log p(x) = log p(f(x)) + log |det ∂f/∂x| (Dinh et
    al., eq. 3). Pixels first pass a logit (their section 4.1). A sample is f⁻¹ of noise, scaled by `temperature`:
    below 1, samples are likelier and less diverse than the model's, as in the figures of Glow (Kingma & Dhariwal 2018).

    The noise is Student t with 4 degrees of freedom (Alexanderson & Henter 2020): a pixel that is lit for the first
    time in a held-out image costs some bits, where under a normal it would cost thousands.

    Simplified: no convolutions and no levels. Instead the couplings work on principal components, where a Gaussian for
    each class is the start; convolutional couplings need far longer to learn that pixels far apart belong together.
    """

    def __init__(
        self,
        *,
        steps: int = 8,
        width: int = 192,
        temperature: float = 0.7,
        conditional: bool = True,
        iterations: int = 800,
        learning_rate: float = 1e-3,
    ) -> None:
        self.steps, self.width, self.temperature, self.conditional = steps, width, temperature, conditional
        self.iterations, self.learning_rate = iterations, learning_rate

    def _made(self) -> nn.Module:
        from harness.generators.families.flow_network import Flow

        return Flow(math.prod(self._shape), self._classes, steps=self.steps, width=self.width)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        network, size = self._network, math.prod(self._shape)

        def dequantised(shown: torch.Tensor) -> torch.Tensor:
            return ((shown + 1) * 127.5 + torch.rand(shown.shape)) / 256  # anew each time

        start, _ = logit(dequantised(pixels))
        network.rotate.fit(start)
        network.scale.fit(network.rotate(start), labels)

        def loss() -> torch.Tensor:
            shown, label = batch(pixels, labels, size=BATCH)
            stretched, log_determinant = logit(dequantised(shown))
            value: torch.Tensor = -(network.log_density(stretched, label) + log_determinant).mean() / size
            return value

        trained(network, loss, iterations=self.iterations, learning_rate=self.learning_rate, clip=1.0)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from harness.generators.families.flow_network import student

        noise = student(draws.normal().double() * self.temperature).float()
        inside = self._network.inverse(noise.flatten(1), draws.labels).sigmoid()
        levels = ((inside - MARGIN) / (1 - 2 * MARGIN)).reshape(noise.shape)
        images: torch.Tensor = (levels * 256).floor().clamp(0, 255) / 127.5 - 1  # levels in whose interval pixels lie
        return images

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 images, given their class where the model is conditional.

        By the density of levels k anywhere in [k, k + 1) / 256, by a fixed seed for each image: its mean is a lower
        bound of the levels' log-probability (Theis et al. 2016).
        """
        import numpy as np
        import torch

        from harness.base import derive_seed
        from harness.generators.contract import image_rng
        from harness.generators.families.parts_pixels import as_bits_per_dim
        from harness.generators.trained import Likelihood

        classes, found = self._numbers(labels, len(images)), []
        noise = [image_rng(derive_seed("dequantised", row)).random(self._shape) for row in range(len(images))]
        for rows in blocks(len(images)):
            levels = torch.from_numpy((images[rows] + np.stack(noise[rows])) / 256).permute(0, 3, 1, 2)
            stretched, log_determinant = logit(levels)
            log_density = self._network.log_density(stretched.float(), classes[rows]) + log_determinant
            # A level is 1/256 wide: its probability is about the density over 256.
            found.append(as_bits_per_dim(log_density, math.prod(self._shape)) + 8)
        words = "exact density of uniformly dequantised levels, one draw of the noise an image"
        return Likelihood(torch.cat(found).numpy(), "exact", words)


def logit(levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logit (n, d) of pixels in (0, 1) drawn in by MARGIN, and log |det| of it (n,): Dinh et al. 2017, 4.1."""
    import torch

    inside = MARGIN + (1 - 2 * MARGIN) * levels
    slope = math.log(1 - 2 * MARGIN) - inside.log() - torch.log1p(-inside)
    return (inside.log() - torch.log1p(-inside)).flatten(1), slope.flatten(1).sum(1)
