"""A convolutional variational autoencoder, with the weight β of its prior, and a bound on the likelihood of images."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.families.parts_family import Draws, Family, batch, blocks, scaled, trained

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from harness.generators.trained import Likelihood


class ConvVAEParameters(Parameters):
    """Parameters of `conv_vae`."""

    latent: Count = 16
    width: Count = 16
    beta: Positive = 5.0
    conditional: bool = True
    iterations: Count = 1200
    learning_rate: Positive = 4e-3


FACTS = Component(
    "generators",
    "conv_vae",
    f"{__name__}:ConvVAE",
    "convolutional (β-)VAE, class-conditional",
    ConvVAEParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)

DRAWS = 16  # of the latent for each image whose likelihood is bounded


class ConvVAE(Family):
    """Kingma & Welling 2014; β as in Higgins et al. 2017; the class is given to both networks (Sohn et al. 2015).

    Maximised is E_q[log p(x | z, y)] - β KL(q(z | x, y) ‖ p(z)), their eq. 3 with β = 1. A pixel is a logistic around
    the decoder's mean, rounded to the 256 levels, with one scale that is learned for all pixels (Rybkin et al. 2021:
    a fixed one would be a β in disguise). A sample shows the decoder's mean of a z from the prior, without the noise
    of single pixels, as most papers do. The default β = 5 costs some likelihood, but puts the prior's draws where
    the decoder has learned: with β = 1 many samples on MNIST are no digits.

    Simplified: two convolutions each way; the class enters as a one-hot vector.
    """

    sides: ClassVar[int] = 4

    def __init__(
        self,
        *,
        latent: int = 16,
        width: int = 16,
        beta: float = 5.0,
        conditional: bool = True,
        iterations: int = 1200,
        learning_rate: float = 4e-3,
    ) -> None:
        self.latent, self.width, self.beta, self.conditional = latent, width, beta, conditional
        self.iterations, self.learning_rate = iterations, learning_rate

    def _made(self) -> nn.Module:
        from harness.generators.families.conv_vae_network import Autoencoder

        return Autoencoder(self._shape, self._classes, latent=self.latent, width=self.width)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        network = self._network

        def loss() -> torch.Tensor:
            real, label = batch(pixels, labels)
            mean, log_variance = network.encode(real, label)
            z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
            error = -network.log_likelihood(real, z, label)
            # KL of two Gaussians in closed form: Kingma & Welling, appendix B.
            divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
            value: torch.Tensor = (error + self.beta * divergence).mean()
            return value

        trained(network, loss, iterations=self.iterations, learning_rate=self.learning_rate)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        mean: torch.Tensor = self._network.mean(draws.normal(self.latent), draws.labels)
        return mean

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """An upper bound of bits per dimension of uint8 images, given their class where the model is conditional."""
        import torch

        from harness.generators.families.parts_pixels import as_bits_per_dim
        from harness.generators.trained import Likelihood

        classes, found = self._numbers(labels, len(images)), []
        noise = torch.randn(DRAWS, self.latent, generator=torch.Generator().manual_seed(0))
        for rows in blocks(len(images)):
            x, label = scaled(images[rows]), classes[rows]
            mean, log_variance = self._network.encode(x, label)
            draws = noise[:, None].expand(DRAWS, len(x), self.latent)
            log_likelihood = functools.partial(self._network.log_likelihood, label=label)
            bound = importance_bound(x, mean, log_variance, log_likelihood, draws)
            found.append(as_bits_per_dim(bound, math.prod(self._shape)))
        words = f"importance-weighted bound of {DRAWS} draws; levels have a discretised logistic's probability"
        return Likelihood(torch.cat(found).numpy(), "bound", words)


def importance_bound(
    x: torch.Tensor,
    mean: torch.Tensor,
    log_variance: torch.Tensor,
    log_likelihood: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    noise: torch.Tensor,
) -> torch.Tensor:
    """A lower bound, in expectation, of log p(x) of each row: Burda et al. 2016, eq. 8, from draws of q(z | x).

    q is Gaussian with `mean` and `log_variance` (n, d) and the prior standard Gaussian; `noise` (draws, n, d) is
    standard normal; `log_likelihood(x, z)` is log p(x | z) (n,). With one draw this is the evidence lower bound.
    """
    import torch

    weights = []
    for one in noise:
        z = mean + (log_variance / 2).exp() * one
        # The normal constants of prior and q are the same and cancel.
        log_prior, log_q = -z.square().sum(1) / 2, -(one.square() + log_variance).sum(1) / 2
        weights.append(log_likelihood(x, z) + log_prior - log_q)
    return torch.stack(weights).logsumexp(0) - math.log(len(noise))
