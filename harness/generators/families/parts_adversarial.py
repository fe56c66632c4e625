"""What the adversarial families share: a generator, a critic, how the two play, the gradient penalty."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm

from harness.generators.families.parts_family import batch

BETAS = (0.0, 0.9)  # of Adam, as in both papers
AVERAGE = 0.99  # decay of the running mean of the generator's weights


class ImageMaker(nn.Module):
    """Latents (n, d) and classes (n,) → images (n, C, H, W) in (-1, 1): Radford et al. 2016, cut down to two doublings.

    The class enters as a one-hot vector beside the latent.
    """

    def __init__(self, shape: Sequence[int], classes: int, *, latent: int, width: int) -> None:
        super().__init__()
        height, across, channels = shape
        self.latent, self.classes = latent, classes
        self.layers = nn.Sequential(
            nn.Linear(latent + classes, 2 * width * (height // 4) * (across // 4), bias=False),
            nn.Unflatten(1, (2 * width, height // 4, across // 4)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The images."""
        made: torch.Tensor = self.layers(torch.cat([z, one_hot(label, self.classes).to(z)], dim=1))
        return made


class Critic(nn.Module):
    """One score an image, higher for real ones, given its class: a projection critic, Miyato & Koyama 2018, eq. 3.

    Two strided convolutions without batch norm, which would mix the images whose gradients a penalty bounds one by one.
    """

    def __init__(self, shape: Sequence[int], classes: int, *, width: int, spectral: bool) -> None:
        super().__init__()
        height, across, channels = shape
        flat = 2 * width * (height // 4) * (across // 4)
        bounded: Callable[..., nn.Module] = spectral_norm if spectral else lambda layer: layer
        self.features = nn.Sequential(
            bounded(nn.Conv2d(channels, width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            bounded(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            bounded(nn.Linear(flat, 4 * width)),
            nn.LeakyReLU(0.2),
        )
        self.score = bounded(nn.Linear(4 * width, 1))
        self.of_class = bounded(nn.Embedding(classes, 4 * width))

    def forward(self, images: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Scores (n,)."""
        seen = self.features(images)
        score: torch.Tensor = self.score(seen)[:, 0] + (self.of_class(label) * seen).sum(1)
        return score


def gradient_penalty(
    score: Callable[[torch.Tensor], torch.Tensor], real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """Mean of (‖∇ score‖ - 1)² at points between real and fake images: Gulrajani et al. 2017, eq. 3, without λ.

    `share` (n,) in [0, 1] says how far each point is on its way from fake to real.
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    between = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
    penalty: torch.Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


@dataclass(frozen=True)
class Play:
    """How the two networks play: turns of the generator, its step size, the critic's steps for each, images a step."""

    iterations: int
    learning_rate: float
    critic_steps: int
    batch: int


CriticLoss = Callable[[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def played(
    maker: ImageMaker, critic: nn.Module, real: Sequence[torch.Tensor], critic_loss: CriticLoss, play: Play
) -> ImageMaker:
    """A copy of the generator with the running mean of its weights (Yazıcı et al. 2019), after the two have played.

    `real` is images in [-1, 1] and their classes. The critic minimises `critic_loss(critic, real, fake, label)` with
    steps twice as long as the generator's (Heusel et al. 2017), the generator minus the critic's score of its images.
    """
    images, classes = real
    averaged = copy.deepcopy(maker)
    maker_step = torch.optim.Adam(maker.parameters(), lr=play.learning_rate, betas=BETAS, fused=True)
    critic_step = torch.optim.Adam(critic.parameters(), lr=2 * play.learning_rate, betas=BETAS, fused=True)
    for turn in range(1, play.iterations * play.critic_steps + 1):
        shown, label = batch(images, classes, size=play.batch)
        with torch.no_grad():
            fake = maker(torch.randn(len(label), maker.latent), label)
        loss = critic_loss(critic, shown, fake, label)
        critic_step.zero_grad()
        torch.autograd.backward(loss)
        critic_step.step()
        if turn % play.critic_steps:
            continue
        loss = -critic(maker(torch.randn(len(label), maker.latent), label), label).mean()
        maker_step.zero_grad()
        torch.autograd.backward(loss)
        maker_step.step()
        share = max(1 - AVERAGE, 9 / (10 + turn // play.critic_steps))  # forget the initial weights soon
        with torch.no_grad():
            for mean, weight in zip(averaged.parameters(), maker.parameters(), strict=True):
                mean.lerp_(weight, share)
    some = torch.split(classes[torch.randint(len(classes), (2048,))], 256)
    settle_batch_norm(averaged, [(torch.randn(len(label), maker.latent), label) for label in some])
    return averaged


def settle_batch_norm(maker: ImageMaker, draws: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Set the means and variances that batch norm samples with to those of some draws, all weighted alike.

    Averaged weights need statistics of their own; and with them no image depends on its neighbours.
    """
    norms = [layer for layer in maker.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the draws
    maker.train()
    with torch.no_grad():
        for z, label in draws:
            maker(z, label)
    maker.eval()
