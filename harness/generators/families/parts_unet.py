"""The network of the families of diffusion kind: a small U-Net that knows the time and the class of what it sees."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

FREQUENCIES = 8  # of the sines and cosines that tell the time
GRID = 7  # positions a side that are enough: pixels of larger images are taken together, which saves most of the work


class UNet(nn.Module):
    """An image-shaped answer (n, C, H, W) to noisy images, their times (n,) in [0, 1] and their classes (n,).

    Ronneberger et al. 2015 as Ho et al. 2020 use it, cut down: one level below the first, no attention, 2 × 2 or 4 × 4
    pixels of larger images taken together as channels of one position. Class `classes` stands for "none", which
    classifier-free guidance needs. The answer is a shift and a multiple of each value that was given, both by the
    network: where noise is low, values count to the last level, and few channels carry them badly.
    """

    def __init__(self, shape: Sequence[int], *, width: int, classes: int) -> None:
        super().__init__()
        height, across, channels = shape
        sides = (height, across)
        self.patch = max(
            side for side in (1, 2, 4) if all(n % side == 0 and n // side >= GRID for n in sides) or side == 1
        )
        self.classes = classes
        packed = channels * self.patch**2
        self.time = nn.Linear(2 * FREQUENCIES, 4 * width)
        self.label = nn.Embedding(classes + 1, 4 * width)
        self.enter = nn.Conv2d(packed, width, 3, padding=1)
        self.first = Block(width, width, 4 * width)
        self.shrink = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(Block(2 * width, 2 * width, 4 * width) for _ in range(2))
        self.grow = nn.Conv2d(2 * width, width, 1)
        self.last = Block(2 * width, width, 4 * width)
        self.leave = nn.Conv2d(width, 2 * packed, 3, padding=1)
        self.register_buffer("residual", torch.ones(()))  # sd of its errors where noise is least, for likelihoods
        draw_weights(self)
        for layer in (self.leave, *(block.second for block in self.modules() if isinstance(block, Block))):
            nn.init.zeros_(layer.weight)
        self.to(memory_format=torch.channels_last)

    def forward(self, noisy: torch.Tensor, time: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """The answer, of the shape of `noisy`."""
        told = nn.functional.silu(self.time(waves(time)) + self.label(label))
        packed = nn.functional.pixel_unshuffle(noisy, self.patch).contiguous(memory_format=torch.channels_last)
        fine = self.first(self.enter(packed), told)
        coarse = self.shrink(fine)
        for block in self.middle:
            coarse = block(coarse, told)
        back = nn.functional.interpolate(self.grow(coarse), size=fine.shape[2:], mode="nearest")
        rows = self.last(torch.cat([back, fine], dim=1), told)
        shift, scale = self.leave(nn.functional.silu(rows)).chunk(2, dim=1)
        answer: torch.Tensor = nn.functional.pixel_shuffle(shift + scale * packed, self.patch)
        return answer


class Classifier(nn.Module):
    """Scores (n, classes) of noisy images at their times (n,) in [0, 1]."""

    def __init__(self, shape: Sequence[int], *, width: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(shape[2], width // 2, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.time = nn.Linear(2 * FREQUENCIES, width)
        self.leave = nn.Linear(width, classes)
        draw_weights(self)

    def forward(self, noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Scores; softmax makes them probabilities."""
        rows = self.body(noisy) * (1 + self.time(waves(time))[:, :, None, None])
        scores: torch.Tensor = self.leave(nn.functional.silu(rows).mean((2, 3)))
        return scores

    def gradient(self, noisy: torch.Tensor, time: float, labels: torch.Tensor) -> torch.Tensor:
        """Of the labels' log-probabilities, each in its own image."""
        with torch.enable_grad():
            rows = noisy.detach().requires_grad_(True)
            scores = self(rows, torch.full((len(rows),), time)).log_softmax(1)
            (found,) = torch.autograd.grad(scores.gather(1, labels[:, None]).sum(), rows)
        return found


class Autoencoder(nn.Module):
    """Images (n, C, H, W) to latents a quarter as high and wide and back; sides are multiples of 4."""

    def __init__(self, shape: Sequence[int], *, width: int, latent: int) -> None:
        super().__init__()
        channels = shape[2]
        told = torch.zeros(1, 1)
        self.register_buffer("told", told, persistent=False)
        self.register_buffer("scale", torch.ones(()))  # sd of the latents of training
        self.into = nn.Conv2d(16 * channels, width, 3, padding=1)
        self.encoding = Block(width, width, 1)
        self.to_latent = nn.Conv2d(width, 2 * latent, 1)
        self.from_latent = nn.Conv2d(latent, 2 * width, 3, padding=1)
        self.decoding = nn.ModuleList(Block(2 * width, 2 * width, 1) for _ in range(2))
        self.out = nn.Conv2d(2 * width, 16 * channels, 3, padding=1)
        draw_weights(self)
        self.to(memory_format=torch.channels_last)

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of their latents."""
        packed = nn.functional.pixel_unshuffle(images, 4).contiguous(memory_format=torch.channels_last)
        mean, log_variance = self.to_latent(self.encoding(self.into(packed), self.told)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images in [-1, 1]."""
        return (self.logits(latents) / 2).tanh()

    def logits(self, latents: torch.Tensor) -> torch.Tensor:
        """Log-odds of white against black, pixel by pixel."""
        rows = self.from_latent(latents)
        for block in self.decoding:
            rows = block(rows, self.told)
        return nn.functional.pixel_shuffle(self.out(nn.functional.silu(rows)), 4)


class Block(nn.Module):
    """Two convolutions beside a way round them; what is told of time and class scales and shifts the second's input."""

    def __init__(self, entering: int, leaving: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, entering)
        self.one = nn.Conv2d(entering, leaving, 3, padding=1)
        self.told = nn.Linear(told, 2 * leaving)
        self.norm_two = nn.GroupNorm(8, leaving, affine=False)
        self.second = nn.Conv2d(leaving, leaving, 3, padding=1)
        self.round = nn.Conv2d(entering, leaving, 1) if entering != leaving else nn.Identity()

    def forward(self, rows: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """Rows of `leaving` channels."""
        inner = self.norm_two(self.one(nn.functional.silu(self.norm(rows))))
        scale, shift = self.told(told)[:, :, None, None].chunk(2, dim=1)
        answer: torch.Tensor = self.round(rows) + self.second(nn.functional.silu(inner * (1 + scale) + shift))
        return answer


def waves(time: torch.Tensor) -> torch.Tensor:
    """Sines and cosines (n, 2 FREQUENCIES) of times (n,) in [0, 1]."""
    angles = time[:, None] * math.pi / 2 * 2.0 ** torch.arange(FREQUENCIES, dtype=time.dtype)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def draw_weights(network: nn.Module) -> None:
    """Weights of variance 1 / fan-in and no biases, from the global random state."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                fan = layer.weight[0].numel()
                layer.weight.normal_(0.0, fan**-0.5)
                if layer.bias is not None:
                    layer.bias.zero_()
            elif isinstance(layer, nn.Embedding):
                layer.weight.normal_()
