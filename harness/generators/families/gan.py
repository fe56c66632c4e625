"""A generative adversarial network in the manner of DCGAN, kept stable by spectral norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import drawn, one_thread
from harness.generators.families.parts_network import LatentNetwork

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn


class GANParameters(Parameters):
    """Parameters of `gan`."""

    latent: Count = 32
    width: Count = 24
    conditional: bool = True
    iterations: Count = 900
    learning_rate: Positive = 5e-4


FACTS = Component(
    "generators",
    "gan",
    f"{__name__}:GAN",
    "DCGAN with spectral norm and hinge loss, class-conditional",
    GANParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)


class GAN(LatentNetwork):
    """Goodfellow et al. 2014 with the networks of Radford et al. 2016 (DCGAN), spectral norm and a hinge loss.

    The critic D minimises E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))), the generator G minimises -E D(G(z)): Miyato et
    al. 2018, eqs. 16 and 17, one step of each in turn. Their spectral norm holds every layer of D to Lipschitz
    constant 1. Both networks are given the class. A sample is G of a standard normal z.

    Simplified: two doublings of the sides instead of four. There is no likelihood.
    """

    def __init__(
        self,
        *,
        latent: int = 32,
        width: int = 24,
        conditional: bool = True,
        iterations: int = 900,
        learning_rate: float = 5e-4,
    ) -> None:
        self.latent, self.width, self.conditional = latent, width, conditional
        self.iterations, self.learning_rate = iterations, learning_rate

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C), sides multiples of 4."""
        from harness.generators.families.parts_adversarial import Critic, Play, trained

        pixels, classes = self._meet(images, labels)
        play = Play(self.iterations, self.learning_rate, critic_steps=1, batch=64)
        with drawn(seed):
            maker = self._build(self._shape, len(self._shares))
            critic = Critic(self._shape, len(self._shares), width=self.width, spectral=True)
            averaged = trained(maker, critic, (pixels * 2 - 1, classes), hinge_loss, play)
        self._keep(averaged)

    def _images(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = (self._network(z, label) + 1) / 2
        return images

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        from harness.generators.families.parts_adversarial import ImageMaker

        return ImageMaker(shape, classes, latent=self.latent, width=self.width)


def hinge_loss(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """What the critic minimises: Miyato et al. 2018, eq. 16 with the sign turned."""
    from torch.nn.functional import relu

    return relu(1 - critic(real, label)).mean() + relu(1 + critic(fake, label)).mean()
