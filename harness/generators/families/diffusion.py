"""A diffusion model with classes and every way to sample it: DDPM, DDIM, DPM-Solver++, the ODE; guidance, any steps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.families.parts_family import CHUNK, Draws, Family, batch, blocks, spread, trained
from harness.generators.trained import Likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch
    from torch import nn

Sampler = Literal["ddpm", "ddim", "dpm++", "ode"]
Weight = Annotated[float, Field(ge=0)]


class DiffusionParameters(Parameters):
    """Parameters of `diffusion`: five of the network and its training, then of sampling and likelihood alone.

    label_dropout           share of the images that are shown without their class in training
    classifier              also train a classifier of noisy images, which `classifier_guidance` needs
    steps                   the network is asked once each, in the ODE's Heun steps twice but for the last
    guidance                1 is none, 0 forgets the class, more exaggerates it: clean = none + guidance (class - none)
    eta                     of `ddim`: fresh noise, from 0, none, to 1, as much as `ddpm`
    classifier_guidance     how often the classifier's gradient counts; 0 is none
    nll                     what `likelihood` computes: the variational `bound`, or by the `ode`
    probes                  of the ODE's divergence, random; 0 takes the exact trace, which is dear
    """

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 48
    iterations: Count = 1000
    learning_rate: Positive = 4e-3
    label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    classifier: bool = False
    steps: Count = 50
    sampler: Sampler = "ddim"
    guidance: Weight = 1.0
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0
    classifier_guidance: Weight = 0.0
    nll: Literal["bound", "ode"] = "bound"
    probes: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _what_is_asked_is_trained(self) -> DiffusionParameters:
        if self.classifier_guidance and not self.classifier:
            raise ValueError("`classifier_guidance` needs the classifier: add `classifier: true`")
        if self.eta and self.sampler != "ddim":
            raise ValueError(f"`eta` is for `sampler: ddim`; found `sampler: {self.sampler}`")
        if self.guidance != 1 and not self.label_dropout:
            raise ValueError("`guidance` needs unconditional training: raise `label_dropout`")
        return self


FACTS = Component(
    "generators",
    "diffusion",
    f"{__name__}:Diffusion",
    "diffusion model with classes: DDPM, DDIM, DPM-Solver++, ODE; guidance",
    DiffusionParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
    sampling=("steps", "sampler", "guidance", "eta", "classifier_guidance", "nll", "probes"),
)

STRATA = 24  # noise levels at which the bound looks at each image
MOVES = 20  # Runge-Kutta steps of the ODE's likelihood


class Diffusion(Family):
    """Ho et al. 2020 in continuous time with the cosine schedule (Nichol & Dhariwal 2021) and a small U-Net.

    The network predicts v = cos(a) noise - sin(a) clean (Salimans & Ho 2022) with the loss |v - v'|^2, angles a drawn
    evenly. Classes are dropped in training, so that the network also knows images without (Ho & Salimans 2022).
    Samplers: see `parts_samplers.py`; each image's class is drawn from its seed. Classifier guidance is Dhariwal &
    Nichol 2021.

    A toy: one minute of training on one core, a network of 0.6 million weights, one level of resolution, no attention.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        iterations: int = 1000,
        learning_rate: float = 4e-3,
        label_dropout: float = 0.1,
        classifier: bool = False,
        steps: int = 50,
        sampler: Sampler = "ddim",
        guidance: float = 1.0,
        eta: float = 0.0,
        classifier_guidance: float = 0.0,
        nll: Literal["bound", "ode"] = "bound",
        probes: int = 1,
    ) -> None:
        self.width = width
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.label_dropout = label_dropout
        self.classifier = classifier
        self.steps = steps
        self.sampler = sampler
        self.guidance = guidance
        self.eta = eta
        self.classifier_guidance = classifier_guidance
        self.nll = nll
        self.probes = probes
        asked = 2 * steps - 1 if sampler == "ode" else steps
        self.evaluations = asked * (1 if guidance in (0, 1) else 2)

    def _made(self) -> nn.ModuleDict:
        from torch import nn

        from harness.generators.families.parts_unet import Classifier, UNet

        made: dict[str, nn.Module] = {"denoiser": UNet(self._shape, width=self.width, classes=self._classes)}
        if self.classifier:
            made["classifier"] = Classifier(self._shape, width=self.width, classes=self._classes)
        return nn.ModuleDict(made)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import torch

        network = self._network["denoiser"]
        loss = velocity_loss(network, pixels, labels, dropout=self.label_dropout)
        trained(network, loss, iterations=self.iterations, learning_rate=self.learning_rate)
        keep_residual(network, pixels, labels)
        if "classifier" in self._network:
            critic = self._network["classifier"]

            def cross_entropy() -> torch.Tensor:
                clean, shown = batch(pixels, labels)
                noisy, angle, _ = noised(clean)
                return torch.nn.functional.cross_entropy(critic(noisy, angle / (math.pi / 2)), shown)

            trained(critic, cross_entropy, iterations=self.iterations // 2, learning_rate=self.learning_rate / 2)

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from harness.generators.families import parts_samplers as samplers

        def denoise(noisy: torch.Tensor, angle: float) -> torch.Tensor:
            return self._guided(noisy, angle, draws.labels).clamp(-1, 1)

        noise, path = draws.normal(), samplers.angles(self.steps)
        if self.sampler == "ddpm":
            return samplers.stepwise(denoise, noise, path, draws.normal, samplers.ddpm_step)
        if self.sampler == "ddim":
            rule = partial(samplers.ddim_step, eta=self.eta)
            return samplers.stepwise(denoise, noise, path, draws.normal, rule)
        solver = samplers.dpm_solver if self.sampler == "dpm++" else samplers.heun
        return solver(denoise, noise, path)

    def _guided(self, noisy: torch.Tensor, angle: float, labels: torch.Tensor) -> torch.Tensor:
        """The expected clean images, of their classes as far as guidance asks."""
        from harness.generators.families.parts_samplers import clean_of, guided

        network = self._network["denoiser"]
        if self.guidance != 1:
            self._of_classes("guidance")
        clean = guided(lambda shown: clean_of(network, noisy, angle, shown), labels, self._classes, self.guidance)
        if self.classifier_guidance:
            self._of_classes("classifier_guidance")
            # Of a score s the expected clean image is (noisy + sin^2 s) / cos.
            push = self._network["classifier"].gradient(noisy, angle / (math.pi / 2), labels)
            clean = clean + self.classifier_guidance * math.sin(angle) ** 2 / math.cos(angle) * push
        return clean

    @one_thread()
    def likelihood(self, images: np.ndarray, labels: np.ndarray | None) -> Likelihood:
        """Bits per dimension of uint8 (n, H, W, C) given their labels, or as without class; guidance is left out.

        The bound is Kingma et al. 2021's in continuous time, at STRATA noise levels an image, with Ho et al. 2020's
        decoder from the lowest; the ODE's is the density at the lowest noise.
        """
        import numpy as np
        import torch

        from harness.generators.families import parts_densities as densities

        network = self._network["denoiser"]
        shown = self._numbers(labels, len(images), none=self._classes)

        def flow(noisy: torch.Tensor, u: float) -> torch.Tensor:
            angle = math.atan(math.exp(u))  # even steps of the log noise-to-signal ratio u
            time = torch.full((len(noisy),), angle / (math.pi / 2))
            slope: torch.Tensor = math.sin(angle) * math.cos(angle) * network(noisy, time, shown[rows])
            return slope

        def velocity(noisy: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = network(noisy, angle / (math.pi / 2), shown[rows])
            return answer

        bits = [np.empty(0)]
        with torch.no_grad():
            for rows in blocks(len(images)):
                held_out = densities.HeldOut(images[rows], range(len(images))[rows])
                if self.nll == "bound":
                    sd = float(network.residual)
                    found = densities.variational_bound(velocity, held_out, strata=STRATA, sd=sd)
                else:
                    path = densities.log_ratios(MOVES)
                    found = densities.ode_log_density(flow, held_out.dequantised(), path, held_out.probes(self.probes))
                bits.append(held_out.bits_per_dim(found, density=self.nll == "ode"))
        trace = f"{self.probes} random probes" if self.probes else "exact trace"
        words = {
            "bound": f"variational bound in continuous time at {STRATA} random noise levels an image, discrete decoder",
            "ode": f"probability-flow ODE, {MOVES} Runge-Kutta steps, {trace}, uniform dequantisation",
        }
        return Likelihood(np.concatenate(bits), self.nll, words[self.nll])


def noised(clean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images with noise, their angles (n,), and the velocity that a network is to predict from both."""
    import torch

    angle = spread(len(clean)) * math.pi / 2
    signal, lost = (part.reshape(-1, 1, 1, 1) for part in (angle.cos(), angle.sin()))
    noise = torch.randn_like(clean)
    return signal * clean + lost * noise, angle, signal * noise - lost * clean


def velocity_loss(
    network: Any, clean: torch.Tensor, labels: torch.Tensor, *, dropout: float
) -> Callable[[], torch.Tensor]:
    """The loss of a batch of `clean` images or latents, a new one at each call."""

    def loss() -> torch.Tensor:
        rows, shown = batch(clean, labels, none=network.classes, dropout=dropout)
        noisy, angle, velocity = noised(rows)
        value: torch.Tensor = (network(noisy, angle / (math.pi / 2), shown) - velocity).square().mean()
        return value

    return loss


def keep_residual(network: Any, clean: torch.Tensor, labels: torch.Tensor) -> None:
    """Note in the network how far, root mean square, its clean images are off at the lowest noise: the decoder's sd."""
    import torch

    from harness.generators.families.parts_densities import LOWEST
    from harness.generators.families.parts_samplers import clean_of

    with torch.no_grad():
        rows = slice(0, 8 * CHUNK)
        noise = torch.randn_like(clean[rows])
        noisy = math.cos(LOWEST) * clean[rows] + math.sin(LOWEST) * noise
        found = clean_of(network, noisy, LOWEST, labels[rows])
        network.residual.fill_((found - clean[rows]).square().mean().sqrt())
