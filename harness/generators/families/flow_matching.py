"""Flow matching: a network learns the straight way from noise to an image, and an ODE walks it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.families.parts_family import Draws, Family, batch, blocks, spread, trained
from harness.generators.trained import Likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch
    from torch import nn

Solver = Literal["euler", "heun"]


class FlowMatchingParameters(Parameters):
    """Parameters of `flow_matching`: four of the network and its training, then of sampling and likelihood alone.

    label_dropout   share of the images that are shown without their class in training
    steps           of the ODE; the network is asked once in each with `euler`, twice with `heun`
    guidance        1 is none, 0 forgets the class, more exaggerates it
    probes          of the likelihood's divergence, random; 0 takes the exact trace, which is dear
    """

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 48
    iterations: Count = 1000
    learning_rate: Positive = 4e-3
    label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    steps: Count = 25
    sampler: Solver = "heun"
    guidance: Annotated[float, Field(ge=0)] = 1.0
    probes: Annotated[int, Field(ge=0)] = 1


FACTS = Component(
    "generators",
    "flow_matching",
    f"{__name__}:FlowMatching",
    "flow matching on straight paths, with classes",
    FlowMatchingParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
    sampling=("steps", "sampler", "guidance", "probes"),
)

END = 0.01  # noise that is left at time 1, their sigma_min
MOVES = 12  # Runge-Kutta steps of the likelihood


class FlowMatching(Family):
    """Lipman et al. 2023 with conditional optimal-transport paths, a small U-Net and classes.

    An image x1 and noise x0 are joined by x(t) = t x1 + (1 - (1 - s) t) x0, their eq. 22 with s = END, and the network
    learns the velocity x1 - (1 - s) x0 of that way from x(t) and t alone, their eq. 23: on average over all ways
    through x(t), the velocity of an ODE that carries noise to images. Classes are dropped in training for guidance.

    A toy, see `diffusion`, of the same network and cost; times are drawn evenly.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        iterations: int = 1000,
        learning_rate: float = 4e-3,
        label_dropout: float = 0.1,
        steps: int = 25,
        sampler: Solver = "heun",
        guidance: float = 1.0,
        probes: int = 1,
    ) -> None:
        self.width = width
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.label_dropout = label_dropout
        self.steps = steps
        self.sampler = sampler
        self.guidance = guidance
        self.probes = probes
        self.evaluations = steps * (2 if sampler == "heun" else 1) * (1 if guidance in (0, 1) else 2)

    def _made(self) -> nn.Module:
        from harness.generators.families.parts_unet import UNet

        return UNet(self._shape, width=self.width, classes=self._classes)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        def loss() -> torch.Tensor:
            clean, shown = batch(pixels, labels, none=self._classes, dropout=self.label_dropout)
            between, time, slope = on_the_way(clean)
            value: torch.Tensor = (self._network(between, time, shown) - slope).square().mean()
            return value

        trained(self._network, loss, iterations=self.iterations, learning_rate=self.learning_rate)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from harness.generators.families.parts_samplers import guided

        if self.guidance != 1:
            self._of_classes("guidance")

        def flow(rows: torch.Tensor, time: float) -> torch.Tensor:
            return guided(lambda shown: self._velocity(rows, time, shown), draws.labels, self._classes, self.guidance)

        return walked(flow, draws.normal(), self.steps, self.sampler)

    def _velocity(self, rows: torch.Tensor, time: float, labels: torch.Tensor) -> torch.Tensor:
        import torch

        answer: torch.Tensor = self._network(rows, torch.full((len(rows),), time), labels)
        return answer

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 (n, H, W, C) given their labels, or as without class; guidance is left out.

        The ODE is followed back from time 1, in even steps of the log of the noise that is left.
        """
        import numpy as np
        import torch

        from harness.generators.families import parts_densities as densities

        shown = self._numbers(labels, len(images), none=self._classes)

        def back(between: torch.Tensor, u: float) -> torch.Tensor:
            left = math.exp(u)  # noise: 1 - (1 - END) t
            return -left / (1 - END) * self._velocity(between, (1 - left) / (1 - END), shown[rows])

        path = [math.log(END) * (1 - step / MOVES) for step in range(MOVES + 1)]
        bits = [np.empty(0)]
        with torch.no_grad():
            for rows in blocks(len(images)):
                held_out = densities.HeldOut(images[rows], range(len(images))[rows])
                found = densities.ode_log_density(back, held_out.dequantised(), path, held_out.probes(self.probes))
                bits.append(held_out.bits_per_dim(found, density=True))
        trace = f"{self.probes} random probes" if self.probes else "exact trace"
        words = f"the flow's ODE, {MOVES} Runge-Kutta steps, {trace}, uniform dequantisation"
        return Likelihood(np.concatenate(bits), "ode", words)


def on_the_way(clean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points between noise and images, their times (n,) in [0, 1], and the velocities there."""
    import torch

    time = spread(len(clean))
    moment = time.to(clean.dtype).reshape(-1, *[1] * (clean.ndim - 1))
    noise = torch.randn_like(clean)
    return moment * clean + (1 - (1 - END) * moment) * noise, time, clean - (1 - END) * noise


def walked(
    flow: Callable[[torch.Tensor, float], torch.Tensor], rows: torch.Tensor, steps: int, sampler: Solver
) -> torch.Tensor:
    """Rows carried by dx/dt = flow(x, t) from time 0 to 1 in equal steps, of order 1 or 2."""
    for step in range(steps):
        now, then = step / steps, (step + 1) / steps
        slope = flow(rows, now)
        if sampler == "heun":
            slope = (slope + flow(rows + slope / steps, then)) / 2
        rows = rows + slope / steps
    return rows
