"""An energy-based model: a network gives every image an energy, and Langevin dynamics finds images of low energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import drawn, one_thread
from harness.generators.contract import quantised
from harness.generators.families.parts_network import OneNetwork, in_chunks, minibatches

if TYPE_CHECKING:
    import numpy as np


class EnergyParameters(Parameters):
    """Parameters of `energy`."""

    steps: Count = 40
    width: Count = 16
    chain: Count = 15
    step_size: Positive = 5.0
    noise: Positive = 0.005
    conditional: bool = True
    iterations: Count = 500
    learning_rate: Positive = 5e-4


FACTS = Component(
    "generators",
    "energy",
    f"{__name__}:Energy",
    "energy-based model, sampled by Langevin dynamics, class-conditional",
    EnergyParameters,
    libraries=TORCH,
    trained=True,
    sampling=("steps",),
    one_size=True,
)

BATCH = 32
BUFFER = 1024  # images whose chains go on in later iterations
FRESH = 0.1  # share of chains that begin anew
FLATTER = 0.1  # weight of the squared energies, which keeps them near 0
AVERAGE = 0.99  # decay of the running mean of the weights, which sampling uses


class Energy(OneNetwork):
    """Du & Mordatch 2019: p(x | y) ∝ exp(-E(x, y)), trained by contrast with its own samples, which a buffer keeps.

    The gradient of -log p is that of E(real) - E(sample) (their eq. 2). Samples come from Langevin dynamics,
    x ← x - step_size ∇E(x, y) + noise · ξ (their eq. 3; as there, the noise is far smaller than the step calls for,
    which amounts to a low temperature). In training a chain of `chain` steps goes on where one in the replay buffer
    stopped, or now and then begins anew; sampling begins anew and takes `steps`. Chains begin at draws from a Gaussian
    of each class (JEM++, Yang & Ji 2021), nearer to images than uniform noise.

    Simplified: no spectral norm, no data augmentation between chains. The likelihood is known up to a constant only.
    """

    def __init__(
        self,
        *,
        steps: int = 40,
        width: int = 16,
        chain: int = 15,
        step_size: float = 5.0,
        noise: float = 0.005,
        conditional: bool = True,
        iterations: int = 500,
        learning_rate: float = 5e-4,
    ) -> None:
        self.steps, self.width, self.chain, self.conditional = steps, width, chain, conditional
        self.step_size, self.noise = step_size, noise
        self.iterations, self.learning_rate = iterations, learning_rate
        self.evaluations = steps  # each with its gradient

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C), sides multiples of 4."""
        import copy

        import torch

        from harness.generators.families.energy_network import langevin

        pixels, classes = self._meet(images, labels)
        with drawn(seed):
            network = self._build(self._shape, len(self._shares))
            network.begin.fit(pixels, classes)
            averaged = copy.deepcopy(network)
            owners = classes[torch.randint(len(classes), (BUFFER,))]
            buffer = network.begin(torch.randn(BUFFER, network.begin.rank), owners)
            optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.0, 0.999), fused=True)
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, self.learning_rate, total_steps=self.iterations, cycle_momentum=False
            )
            for rows in minibatches(len(pixels), size=BATCH, iterations=self.iterations):
                places = torch.randperm(BUFFER)[: len(rows)]
                label = owners[places]
                fresh = network.begin(torch.randn(len(rows), network.begin.rank), label)
                begin = torch.where(torch.rand(len(rows), 1, 1, 1) < FRESH, fresh, buffer[places])
                network.requires_grad_(False)
                noises = self.noise * torch.randn(self.chain, *begin.shape)
                fake = langevin(network, begin, label, noises, step_size=self.step_size)
                network.requires_grad_(True)
                buffer[places] = fake
                real = pixels[rows] + self.noise * torch.randn(pixels[rows].shape)
                of_real, of_fake = network(real, classes[rows]), network(fake, label)
                flat = (of_real.square() + of_fake.square()).mean()
                loss = of_real.mean() - of_fake.mean() + FLATTER * flat
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                with torch.no_grad():
                    for mean, weight in zip(averaged.parameters(), network.parameters(), strict=True):
                        mean.lerp_(weight, 1 - AVERAGE)
        self._keep(averaged)

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Where chains of `steps` end that begin anew, uint8 (n, H, W, C)."""
        import numpy as np

        from harness.generators.families.energy_network import langevin

        size, rank = math.prod(self._shape), self._network.begin.rank
        chunks = [np.empty((0, *self._shape))]
        for some in in_chunks(seeds):
            normal, label = self._drawn(some, rank + self.steps * size)
            height, across, channels = self._shape
            noises = normal[:, rank:].reshape(len(some), self.steps, channels, height, across).transpose(0, 1)
            begin = self._network.begin(normal[:, :rank], label)
            images = langevin(self._network, begin, label, self.noise * noises, step_size=self.step_size)
            chunks.append(images.permute(0, 2, 3, 1).numpy())
        return quantised(np.concatenate(chunks))

    def _build(self, shape: Sequence[int], classes: int) -> Any:
        from harness.generators.families.energy_network import EnergyNetwork

        return EnergyNetwork(shape, classes, width=self.width)
