"""An energy-based model: a network gives every image an energy, and Langevin dynamics finds images of low energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.generators.families.parts_family import Draws, Family, batch

if TYPE_CHECKING:
    import torch
    from torch import nn


class EnergyParameters(Parameters):
    """Parameters of `energy`."""

    steps: Count = 40
    width: Count = 16
    chain: Count = 15
    step_size: Positive = 20.0
    noise: Positive = 0.01
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


class Energy(Family):
    """Du & Mordatch 2019: p(x | y) ∝ exp(-E(x, y)), trained by contrast with its own samples, which a buffer keeps.

    The gradient of -log p is that of E(real) - E(sample) (their eq. 2). Samples come from Langevin dynamics,
    x ← x - step_size ∇E(x, y) + noise · ξ (their eq. 3; as there, the noise is far smaller than the step calls for,
    which amounts to a low temperature). In training a chain of `chain` steps goes on where one in the replay buffer
    stopped, or now and then begins anew; sampling begins anew and takes `steps`. Chains begin at draws from a Gaussian
    of each class (JEM++, Yang & Ji 2021), nearer to images than uniform noise.

    Simplified: no spectral norm, no data augmentation between chains. The likelihood is known up to a constant only.
    """

    sides: ClassVar[int] = 4

    def __init__(
        self,
        *,
        steps: int = 40,
        width: int = 16,
        chain: int = 15,
        step_size: float = 20.0,
        noise: float = 0.01,
        conditional: bool = True,
        iterations: int = 500,
        learning_rate: float = 5e-4,
    ) -> None:
        self.steps, self.width, self.chain, self.conditional = steps, width, chain, conditional
        self.step_size, self.noise = step_size, noise
        self.iterations, self.learning_rate = iterations, learning_rate
        self.evaluations = steps  # each with its gradient

    def _made(self) -> nn.Module:
        from harness.generators.families.energy_network import EnergyNetwork

        return EnergyNetwork(self._shape, self._classes, width=self.width)

    def _learn(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        import copy

        import torch

        from harness.generators.families.energy_network import langevin

        network = self._network
        network.begin.fit(pixels, labels)
        averaged = copy.deepcopy(network)
        owners = labels[torch.randint(len(labels), (BUFFER,))]
        buffer = network.begin(torch.randn(BUFFER, network.begin.rank), owners)
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.0, 0.999), fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=max(self.iterations, 2), cycle_momentum=False
        )
        for _ in range(self.iterations):
            shown, shown_label = batch(pixels, labels, size=BATCH)
            places = torch.randperm(BUFFER)[:BATCH]
            label = owners[places]
            fresh = network.begin(torch.randn(BATCH, network.begin.rank), label)
            begin = torch.where(torch.rand(BATCH, 1, 1, 1) < FRESH, fresh, buffer[places])
            network.requires_grad_(False)
            noises = (self.noise * torch.randn_like(begin) for _ in range(self.chain))
            fake = langevin(network, begin, label, noises, step_size=self.step_size)
            network.requires_grad_(True)
            buffer[places] = fake
            of_real = network(shown + self.noise * torch.randn_like(shown), shown_label)
            of_fake = network(fake, label)
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
        self._network = averaged

    def _drawn(self, draws: Draws) -> torch.Tensor:
        from harness.generators.families.energy_network import langevin

        begin = self._network.begin(draws.normal(self._network.begin.rank), draws.labels)
        noises = (self.noise * draws.normal() for _ in range(self.steps))
        return langevin(self._network, begin, draws.labels, noises, step_size=self.step_size)
