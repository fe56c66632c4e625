"""A variational autoencoder of small images, trained from scratch within seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn


class VAEParameters(Parameters):
    """Parameters of `vae`."""

    latent: Count = 16
    hidden: Count = 128
    epochs: Count = 120
    learning_rate: Positive = 1e-2


FACTS = Component(
    "generators",
    "vae",
    f"{__name__}:VAE",
    "variational autoencoder, trained from scratch",
    VAEParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)

BATCH = 64
NOISE_SD = 0.25  # of a pixel given its latent; at the usual 1 the prior outweighs the digits and all look alike


class VAE:
    """Kingma & Welling 2014 with two-layer networks and Gaussian pixels; a sample is the decoder's mean, without noise.

    The training seed draws the initial weights, the order of the images and the latent noise. All is float64: in
    float32, training would turn the last bits of another processor or thread count into other images.
    """

    def __init__(self, *, latent: int = 16, hidden: int = 128, epochs: int = 120, learning_rate: float = 1e-2) -> None:
        self.latent = latent
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C); labels are not used."""
        import torch

        self._shape = images.shape[1:]
        pixels = torch.from_numpy(images.reshape(len(images), -1)).double() / 255
        generator = torch.Generator().manual_seed(seed)
        encoder = _two_layers(pixels.shape[1], self.hidden, 2 * self.latent, generator)
        decoder = _two_layers(self.latent, self.hidden, pixels.shape[1], generator)
        steps = self.epochs * math.ceil(len(pixels) / BATCH)
        optimiser = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(self.epochs):
            for rows in torch.split(torch.randperm(len(pixels), generator=generator), BATCH):
                real = pixels[rows]
                mean, log_variance = encoder(real).chunk(2, dim=1)
                noise = torch.randn(mean.shape, generator=generator, dtype=torch.float64)
                rebuilt = torch.sigmoid(decoder(mean + (log_variance / 2).exp() * noise))
                # The negative evidence lower bound, up to constants (their eq. 10, Gaussian likelihood of NOISE_SD).
                error = (rebuilt - real).square().sum(1) / (2 * NOISE_SD**2)
                divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
                loss = (error + divergence).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        self._decoder = decoder.requires_grad_(False)

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Decoded draws from the prior, uint8 (n, H, W, C)."""
        import numpy as np
        import torch

        latents = np.empty((len(seeds), self.latent))
        for row, seed in enumerate(seeds):
            latents[row] = image_rng(seed).standard_normal(self.latent)
        decoded = torch.sigmoid(self._decoder(torch.from_numpy(latents))).numpy()
        return quantised(decoded).reshape(-1, *self._shape)


def _two_layers(inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    import torch
    from torch import nn

    sizes = [(inputs, hidden), (hidden, hidden), (hidden, outputs)]
    layers = [nn.Linear(*size, dtype=torch.float64) for size in sizes]
    with torch.no_grad():
        for layer in layers:
            layer.weight.normal_(0.0, (1 / layer.in_features) ** 0.5, generator=generator)
            layer.bias.zero_()
    return nn.Sequential(layers[0], nn.SiLU(), layers[1], nn.SiLU(), layers[2])
