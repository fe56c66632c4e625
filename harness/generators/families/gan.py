"""A generative adversarial network in the manner of DCGAN, kept stable by spectral norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.parts_family import Draws, Family

if TYPE_CHECKING:
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


class GAN(Family):
    """Goodfellow et al. 2014 with the networks of Radford et al. 2016 (DCGAN), spectral norm and a hinge loss.

    The critic D minimises E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))), the generator G minimises -E D(G(z)): Miyato et
    al. 2018, eqs. 16 and 17, one step of each in turn. Their spectral norm holds every layer of D to Lipschitz
    constant 1. Both networks are given the class. A sample is G of a standard normal z.

    Simplified: two doublings of the sides instead of four. There is no likelihood.
    """

    sides: ClassVar[int] = 4

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

    def _made(self) -> nn.Module:
        from harness.generators.families.parts_adversarial import ImageMaker

        return ImageMaker(self._shape, self._classes, latent=self.latent, width=self.width)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        from harness.generators.families.parts_adversarial import Critic, Play, played

        critic = Critic(self._shape, self._classes, width=self.width, spectral=True)
        play = Play(self.iterations, self.learning_rate, critic_steps=1, batch=64)
        self._network = played(self._network, critic, (pixels, labels), hinge_loss, play)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        images: torch.Tensor = self._network(draws.normal(self.latent), draws.labels)
        return images


def hinge_loss(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """What the critic minimises: Miyato et al. 2018, eq. 16 with the sign turned."""
    from torch.nn.functional import relu

    return relu(1 - critic(real, label)).mean() + relu(1 + critic(fake, label)).mean()
