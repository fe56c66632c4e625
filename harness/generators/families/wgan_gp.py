"""A Wasserstein GAN whose critic is held to slope 1 by a penalty on its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.parts_family import Draws, Family

if TYPE_CHECKING:
    import torch
    from torch import nn


class WGANParameters(Parameters):
    """Parameters of `wgan_gp`."""

    latent: Count = 32
    width: Count = 24
    conditional: bool = True
    iterations: Count = 600
    learning_rate: Positive = 5e-4
    critic_steps: Count = 2
    penalty: Positive = 10.0


FACTS = Component(
    "generators",
    "wgan_gp",
    f"{__name__}:WGANGP",
    "Wasserstein GAN with gradient penalty, class-conditional",
    WGANParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)


class WGANGP(Family):
    """Arjovsky et al. 2017 as Gulrajani et al. 2017 train it, with the networks of `gan` but no spectral norm.

    The critic D minimises E D(G(z)) - E D(x) + λ E (‖∇D(x̂)‖ - 1)², with x̂ anywhere between a real and a generated image
    (Gulrajani et al., eq. 3): minus D's loss then estimates the Wasserstein-1 distance. The generator minimises
    -E D(G(z)), once every `critic_steps` steps of D. Both networks are given the class.

    Simplified: two critic steps where they take five, for time. There is no likelihood.
    """

    sides: ClassVar[int] = 4

    def __init__(
        self,
        *,
        latent: int = 32,
        width: int = 24,
        conditional: bool = True,
        iterations: int = 600,
        learning_rate: float = 5e-4,
        critic_steps: int = 2,
        penalty: float = 10.0,
    ) -> None:
        self.latent, self.width, self.conditional = latent, width, conditional
        self.iterations, self.learning_rate = iterations, learning_rate
        self.critic_steps, self.penalty = critic_steps, penalty

    def _made(self) -> nn.Module:
        from harness.generators.families.parts_adversarial import ImageMaker

        return ImageMaker(self._shape, self._classes, latent=self.latent, width=self.width)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        from harness.generators.families.parts_adversarial import Critic, Play, played

        critic = Critic(self._shape, self._classes, width=self.width, spectral=False)
        play = Play(self.iterations, self.learning_rate, critic_steps=self.critic_steps, batch=32)
        self._network = played(self._network, critic, (pixels, labels), self._critic_loss, play)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        images: torch.Tensor = self._network(draws.normal(self.latent), draws.labels)
        return images

    def _critic_loss(
        self, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, label: torch.Tensor
    ) -> torch.Tensor:
        import torch

        from harness.generators.families.parts_adversarial import gradient_penalty

        share = torch.rand(len(real))
        penalty = gradient_penalty(lambda between: critic(between, label), real, fake, share)
        loss: torch.Tensor = critic(fake, label).mean() - critic(real, label).mean() + self.penalty * penalty
        return loss
