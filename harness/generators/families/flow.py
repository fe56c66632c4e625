"""A normalising flow: an invertible network of affine couplings between images and noise, with an exact density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import drawn, one_thread
from harness.generators.families.parts_network import LatentNetwork, minibatches

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


class NormalisingFlow(LatentNetwork):
    """RealNVP (Dinh et al. 2017): affine couplings in turn, here fully connected and given the class.

    Maximised is the exact log-density of dequantised pixels: log p(x) = log p(f(x)) + log |det ∂f/∂x| (Dinh et
    al., eq. 3). Pixels first pass a logit (their section 4.1). A sample is f⁻¹ of noise, scaled by `temperature`:
    below 1, samples are likelier and less diverse than the model's, as in the figures of Glow (Kingma & Dhariwal 2018).

    The noise is Student t with 4 degrees of freedom (Alexanderson & Henter 2020): a pixel that is lit for the first
    time in a held-out image costs some bits, where under a normal it would cost thousands.

    Simplified: no convolutions and no levels. Instead the couplings work on principal components, where a Gaussian for
    each class is the start; convolutional couplings need far longer to learn that pixels far apart belong together.
    """

    halvings: ClassVar[int] = 0

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

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C)."""
        import torch

        pixels, classes = self._meet(images, labels)
        with drawn(seed):
            network = self._build(self._shape, len(self._shares))
            start, _ = logit((pixels * 255 + torch.rand(pixels.shape)) / 256)
            network.rotate.fit(start)
            network.scale.fit(network.rotate(start), classes)
            optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, fused=True)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=self.iterations)
            for rows in minibatches(len(pixels), size=BATCH, iterations=self.iterations):
                levels = (pixels[rows] * 255 + torch.rand(pixels[rows].shape)) / 256  # dequantised anew each time
                stretched, log_determinant = logit(levels)
                loss = -(network.log_density(stretched, classes[rows]) + log_determinant).mean() / levels[0].numel()
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
        self._keep(network)

    def _keep(self, network: nn.Module) -> None:
        super()._keep(network)
        self.latent = math.prod(self._shape)  # as many numbers as the image has

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 images, given their class where the model is conditional."""
        import torch

        from harness.generators.families.parts_pixels import as_bits_per_dim, dequantised
        from harness.generators.trained import Likelihood

        classes, found = self._classes_of(images, labels), []
        for levels, label in zip(torch.split(dequantised(images), 64), torch.split(classes, 64), strict=True):
            stretched, log_determinant = logit(levels)
            log_density = self._network.log_density(stretched, label) + log_determinant
            # A level is 1/256 wide: its probability is about the density over 256.
            found.append(as_bits_per_dim(log_density, self.latent) + 8)
        words = "exact density of uniformly dequantised levels, one draw of the noise an image"
        return Likelihood(torch.cat(found).numpy(), "exact", words)

    def _images(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        import torch

        from harness.generators.families.flow_network import student

        height, across, channels = self._shape
        inside = torch.sigmoid(self._network.inverse(student(z * self.temperature), label))
        levels = ((inside - MARGIN) / (1 - 2 * MARGIN)).reshape(-1, channels, height, across)
        return (levels * 256).floor().clamp(0, 255) / 255  # the level in whose interval the pixel lies

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        from harness.generators.families.flow_network import Flow

        return Flow(math.prod(shape), classes, steps=self.steps, width=self.width)


def logit(levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logit (n, d) of pixels in (0, 1) drawn in by MARGIN, and log |det| of it (n,): Dinh et al. 2017, 4.1."""
    import torch

    inside = MARGIN + (1 - 2 * MARGIN) * levels
    slope = math.log(1 - 2 * MARGIN) - inside.log() - torch.log1p(-inside)
    return (inside.log() - torch.log1p(-inside)).flatten(1), slope.flatten(1).sum(1)
