"""A Wasserstein GAN whose critic is held to slope 1 by a penalty on its gradient."""

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


class WGANGP(LatentNetwork):
    """Arjovsky et al. 2017 as Gulrajani et al. 2017 train it, with the networks of `gan` but no spectral norm.

    The critic D minimises E D(G(z)) - E D(x) + λ E (‖∇D(x̂)‖ - 1)², with x̂ anywhere between a real and a generated image
    (Gulrajani et al., eq. 3): minus D's loss then estimates the Wasserstein-1 distance. The generator minimises
    -E D(G(z)), once every `critic_steps` steps of D. Both networks are given the class.

    Simplified: two critic steps where they take five, for time. There is no likelihood.
    """

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

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C), sides multiples of 4."""
        from harness.generators.families.parts_adversarial import Critic, Play, trained

        pixels, classes = self._meet(images, labels)
        play = Play(self.iterations, self.learning_rate, critic_steps=self.critic_steps, batch=32)
        with drawn(seed):
            maker = self._build(self._shape, len(self._shares))
            critic = Critic(self._shape, len(self._shares), width=self.width, spectral=False)
            averaged = trained(maker, critic, (pixels * 2 - 1, classes), self._critic_loss, play)
        self._keep(averaged)

    def _critic_loss(
        self, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, label: torch.Tensor
    ) -> torch.Tensor:
        import torch

        from harness.generators.families.parts_adversarial import gradient_penalty

        share = torch.rand(len(real))
        penalty = gradient_penalty(lambda between: critic(between, label), real, fake, share)
        loss: torch.Tensor = critic(fake, label).mean() - critic(real, label).mean() + self.penalty * penalty
        return loss

    def _images(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = (self._network(z, label) + 1) / 2
        return images

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        from harness.generators.families.parts_adversarial import ImageMaker

        return ImageMaker(shape, classes, latent=self.latent, width=self.width)
