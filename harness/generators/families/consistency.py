"""A consistency model: one look at noise gives an image, learnt from a diffusion model; more looks make it better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.diffusion import velocity_loss
from harness.generators.families.parts_family import Draws, Family, batch, trained

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    Network = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


class ConsistencyParameters(Parameters):
    """Parameters of `consistency`: of the network and both trainings, then of sampling alone.

    iterations     of the diffusion model that teaches, the same as `diffusion` of these
    distillation   of the consistency model, which begins with its teacher's weights
    intervals      parts of the way from noise to image at whose ends the model is to agree with itself
    steps          looks: 1, 2 or 4 are usual
    """

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 48
    iterations: Count = 800
    learning_rate: Positive = 4e-3
    distillation: Count = 400
    intervals: Annotated[int, Field(ge=2)] = 12
    steps: Count = 2


FACTS = Component(
    "generators",
    "consistency",
    f"{__name__}:Consistency",
    "consistency model, distilled from a diffusion model",
    ConsistencyParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
    sampling=("steps",),
)

TARGET = 0.95  # decay of the running mean of the weights that the model is to agree with
LEAST = 0.01  # angle, as in `parts_samplers`, at which the model gives its input back


class Consistency(Family):
    """Song et al. 2023, consistency distillation, from the model that `diffusion` is.

    f(x, a) is the image, at angle LEAST, that the probability-flow ODE leads to from x at angle a; all points of one of
    its ways have one f. With v the network's answer, f(x, a) = cos(a - LEAST) x - sin(a - LEAST) v(x, a), so that
    f(x, LEAST) = x (the boundary condition; this form is that of Lu & Song 2024), and the teacher's v is a first guess:
    one step of DDIM. In training, f at one end of an interval is drawn to f at the other end, where a step of the
    teacher leads; that f is of the weights' running mean, without which the toy learnt noise. The loss is pseudo-Huber
    (Song & Dhariwal 2024), not LPIPS, which needs a network of photographs.

    A toy, see `diffusion`, whose training is part of this one's: no `likelihood`, no guidance.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        iterations: int = 800,
        learning_rate: float = 4e-3,
        distillation: int = 400,
        intervals: int = 12,
        steps: int = 2,
    ) -> None:
        self.width = width
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.distillation = distillation
        self.intervals = intervals
        self.steps = steps
        self.evaluations = steps

    def _made(self) -> nn.Module:
        from harness.generators.families.parts_unet import UNet

        return UNet(self._shape, width=self.width, classes=self._classes)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        teacher, model, target_model = self._made(), self._network, self._made()
        loss = velocity_loss(teacher, pixels, labels, dropout=0.0)
        trained(teacher, loss, iterations=self.iterations, learning_rate=self.learning_rate)
        for student in (model, target_model):
            student.load_state_dict(teacher.state_dict())
        target_model.requires_grad_(False)
        averaged: list[Any] = list(target_model.parameters())
        weights: list[Any] = list(model.parameters())
        ends = torch.linspace(LEAST, math.pi / 2, self.intervals + 1)

        def disagreement() -> torch.Tensor:
            clean, shown = batch(pixels, labels)
            place = torch.randint(self.intervals, (len(clean),))
            near, far = ends[place], ends[place + 1]
            noise = torch.randn_like(clean)
            noisy = _column(far.cos()) * clean + _column(far.sin()) * noise
            with torch.no_grad():
                torch._foreach_lerp_(averaged, weights, 1 - TARGET)
                target = jump(target_model, stepped(teacher, noisy, far, near, shown), near, shown)
            apart = (jump(model, noisy, far, shown) - target).square().flatten(1).sum(1)
            margin = 0.03 * math.sqrt(clean[0].numel())  # Song & Dhariwal 2024's, for pixels of sd 1/2
            value: torch.Tensor = ((apart + margin**2).sqrt() - margin).mean()
            return value

        trained(model, disagreement, iterations=self.distillation, learning_rate=self.learning_rate / 10)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        import torch

        model = self._network
        image = torch.zeros(())
        for step in range(self.steps):
            angle = torch.full((len(draws.labels),), math.pi / 2 * (1 - step / self.steps))
            noisy = _column(angle.cos()) * image + _column(angle.sin()) * draws.normal()
            image = jump(model, noisy, angle, draws.labels)
        return image


def _column(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, 1, 1, 1)


def jump(model: Network, noisy: torch.Tensor, angle: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The image f(x, a) that the model sees in noisy ones at their angles (n,); at LEAST they are the images."""
    import torch

    return stepped(model, noisy, angle, torch.full_like(angle, LEAST), labels)


def stepped(
    model: Network, noisy: torch.Tensor, now: torch.Tensor, then: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """One step of DDIM between angles (n,), which in angles is a rotation: cos(now - then) x - sin(now - then) v."""
    turn = now - then
    return _column(turn.cos()) * noisy - _column(turn.sin()) * model(noisy, now / (math.pi / 2), labels)
