"""A noise-conditional score network: the way to likelier images at every noise level, walked by Langevin dynamics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.parts_family import Draws, Family, batch, spread, trained

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn


class NCSNParameters(Parameters):
    """Parameters of `ncsn`: three of the network and its training, then of sampling alone.

    levels      noise levels that sampling goes down, in even ratios
    steps       Langevin steps at each; the network is asked once in each step, and once more at the end
    step_size   variance of a step's noise, in units of the level's variance
    """

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 48
    iterations: Count = 1000
    learning_rate: Positive = 4e-3
    levels: Annotated[int, Field(ge=2)] = 25
    steps: Count = 4
    step_size: Annotated[float, Field(gt=0, lt=2)] = 0.8


FACTS = Component(
    "generators",
    "ncsn",
    f"{__name__}:NCSN",
    "score network with annealed Langevin dynamics, with classes",
    NCSNParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
    sampling=("levels", "steps", "step_size"),
)

LARGEST, SMALLEST = 6.0, 0.02  # sd of the noise on pixels in [-1, 1]
SPREAD = 0.6  # rough sd of pixels, by which inputs are scaled


class NCSN(Family):
    """Song & Ermon 2019: denoising score matching at many noise levels, sampled by annealed Langevin dynamics.

    Of an image with noise of sd s the score is -noise / s on average; the network learns the noise: their loss (eq. 5),
    with the weight s^2 (s^2 + SPREAD^2), by which all levels ask as much of the network (Karras et al. 2022); s^2,
    theirs, gave broken strokes within the toy's minute. Beyond the paper too, the network is told the level and the
    class, its input is scaled to sd 1, levels are drawn continuously in training so that sampling may take any, and a
    last step takes the expected image (Jolicoeur-Martineau et al. 2021), since Langevin's walk leaves the noise of the
    lowest level.

    A toy, see `diffusion`, of the same network and cost. The highest noise is a quarter of what Song & Ermon 2020
    advise, and with a hundred looks, where the paper takes a thousand, the walk ends early: it would draw a Gaussian
    with an sd a tenth too large.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        iterations: int = 1000,
        learning_rate: float = 4e-3,
        levels: int = 25,
        steps: int = 4,
        step_size: float = 0.8,
    ) -> None:
        self.width = width
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.levels = levels
        self.steps = steps
        self.step_size = step_size
        self.evaluations = levels * steps + 1

    def _made(self) -> nn.Module:
        from harness.generators.families.parts_unet import UNet

        return UNet(self._shape, width=self.width, classes=self._classes)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        def loss() -> torch.Tensor:
            clean, shown = batch(pixels, labels)
            sd = SMALLEST * (LARGEST / SMALLEST) ** spread(len(clean))
            noise = torch.randn_like(clean)
            wrong = self._noise(clean + sd.reshape(-1, 1, 1, 1) * noise, sd, shown) - noise
            weight = (sd.square() + SPREAD**2).reshape(-1, 1, 1, 1)
            return (weight * wrong.square()).mean()

        trained(self._network, loss, iterations=self.iterations, learning_rate=self.learning_rate)

    def _noise(self, noisy: torch.Tensor, sd: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The expected noise, in units of its sd (n,): minus the score, times the sd.

        What the network adds to is the best linear guess for pixels of sd SPREAD and no mean.
        """
        import torch

        scale = (sd.square() + SPREAD**2).rsqrt().reshape(-1, 1, 1, 1)
        time = torch.log(sd / SMALLEST) / math.log(LARGEST / SMALLEST)
        linear = noisy * sd.reshape(-1, 1, 1, 1) * scale.square()
        answer: torch.Tensor = linear + SPREAD * scale * self._network(noisy * scale, time, labels)
        return answer

    def _drawn(self, draws: Draws) -> torch.Tensor:
        import torch

        def noise(rows: torch.Tensor, sd: float) -> torch.Tensor:
            return self._noise(rows, torch.full((len(rows),), sd), draws.labels)

        return annealed(noise, draws.normal, levels=self.levels, steps=self.steps, step_size=self.step_size)


def annealed(
    noise: Callable[[torch.Tensor, float], torch.Tensor],
    normal: Callable[[], torch.Tensor],
    *,
    levels: int,
    steps: int,
    step_size: float,
) -> torch.Tensor:
    """Annealed Langevin dynamics, Song & Ermon 2019, algorithm 1, and a last denoising; `noise` is in units of its sd.

    Starts from noise of the largest sd alone.
    """
    rows = LARGEST * normal()
    for level in range(levels):
        sd = LARGEST * (SMALLEST / LARGEST) ** (level / (levels - 1))
        for _ in range(steps):
            # x + (a / 2) score + sqrt(a) normal with a = step_size sd^2.
            rows = rows - step_size / 2 * sd * noise(rows, sd) + math.sqrt(step_size) * sd * normal()
    return rows - SMALLEST * noise(rows, SMALLEST)
