"""Latent diffusion: an autoencoder makes images small, a diffusion model draws small ones, the decoder shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.diffusion import velocity_loss
from harness.generators.families.parts_family import Draws, Family, batch, blocks, trained

if TYPE_CHECKING:
    import torch
    from torch import nn


class LatentDiffusionParameters(Parameters):
    """Parameters of `latent_diffusion`: six of the networks and their training, then of sampling alone.

    latent          channels of a latent, which is a quarter as high and wide as the image
    autoencoding    iterations of the autoencoder
    iterations      of the diffusion model
    label_dropout   share of the latents that are shown without their class in training
    eta, guidance   as in `diffusion`, sampler `ddim`
    """

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 48
    latent: Count = 4
    autoencoding: Count = 500
    iterations: Count = 1000
    learning_rate: Positive = 4e-3
    label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    steps: Count = 50
    guidance: Annotated[float, Field(ge=0)] = 1.0
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0


FACTS = Component(
    "generators",
    "latent_diffusion",
    f"{__name__}:LatentDiffusion",
    "diffusion in the latents of an autoencoder, with classes",
    LatentDiffusionParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
    sampling=("steps", "guidance", "eta"),
)

DIVERGENCE = 1e-3  # weight of the prior, for latents of moderate size beside a mean cross-entropy


class LatentDiffusion(Family):
    """Rombach et al. 2022: a variational autoencoder with next to no prior, then the diffusion model of `diffusion`.

    The autoencoder's loss is the cross-entropy of grey levels, whose gradient does not vanish where its tanh saturates
    (squared error left three of five seeds at a black image), and 1e-3 of the divergence from a standard normal;
    theirs is an absolute error with LPIPS and a critic, which need more than a toy has. Latents are divided by their
    sd, as theirs, and sampled by DDIM. One evaluation is one of the small diffusion model; the decoder adds a single
    one of its own.

    A toy, see `diffusion`; at 28 × 28 latents are 7 × 7, and the cost of a step is hardly less than in pixels.
    """

    sides: ClassVar[int] = 4

    def __init__(
        self,
        *,
        width: int = 48,
        latent: int = 4,
        autoencoding: int = 500,
        iterations: int = 1000,
        learning_rate: float = 4e-3,
        label_dropout: float = 0.1,
        steps: int = 50,
        guidance: float = 1.0,
        eta: float = 0.0,
    ) -> None:
        self.width = width
        self.latent = latent
        self.autoencoding = autoencoding
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.label_dropout = label_dropout
        self.steps = steps
        self.guidance = guidance
        self.eta = eta
        self.evaluations = steps * (1 if guidance in (0, 1) else 2)

    def _made(self) -> nn.Module:
        from torch import nn

        from harness.generators.families.parts_unet import Autoencoder, UNet

        height, width, _ = self._shape
        small = (height // 4, width // 4, self.latent)
        return nn.ModuleDict(
            {
                "autoencoder": Autoencoder(self._shape, width=self.width, latent=self.latent),
                "denoiser": UNet(small, width=self.width, classes=self._classes),
            }
        )

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        autoencoder, denoiser = self._network["autoencoder"], self._network["denoiser"]

        def rebuilding() -> torch.Tensor:
            real, _ = batch(pixels, labels)
            mean, log_variance = autoencoder.encode(real)
            rebuilt = autoencoder.logits(mean + (log_variance / 2).exp() * torch.randn_like(mean))
            divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
            value: torch.Tensor = missed(rebuilt, real) + DIVERGENCE * divergence
            return value

        trained(autoencoder, rebuilding, iterations=self.autoencoding, learning_rate=self.learning_rate)
        with torch.no_grad():
            latents = torch.cat([autoencoder.encode(pixels[rows])[0] for rows in blocks(len(pixels))])
            autoencoder.scale.fill_(latents.std())
        loss = velocity_loss(denoiser, latents / autoencoder.scale, labels, dropout=self.label_dropout)
        trained(denoiser, loss, iterations=self.iterations, learning_rate=self.learning_rate)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from functools import partial

        from harness.generators.families import parts_samplers as samplers

        autoencoder, denoiser = self._network["autoencoder"], self._network["denoiser"]
        if self.guidance != 1:
            self._of_classes("guidance")

        def denoise(noisy: torch.Tensor, angle: float) -> torch.Tensor:
            return samplers.guided(
                lambda shown: samplers.clean_of(denoiser, noisy, angle, shown),
                draws.labels,
                self._classes,
                self.guidance,
            )

        height, width, _ = self._shape
        normal = partial(draws.normal, self.latent, height // 4, width // 4)
        rule = partial(samplers.ddim_step, eta=self.eta)
        latents = samplers.stepwise(denoise, normal(), samplers.angles(self.steps), normal, rule)
        images: torch.Tensor = autoencoder.decode(latents * autoencoder.scale)
        return images


def missed(logits: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Cross-entropy a pixel of images in [-1, 1] under log-odds of white: its gradient is the error itself."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    value: torch.Tensor = binary_cross_entropy_with_logits(logits, (real + 1) / 2)
    return value
