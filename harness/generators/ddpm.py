"""A denoising diffusion model of small images, trained from scratch within seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.base import TORCH, Component, Count, Parameters, Positive
from harness.encoders import one_thread
from harness.generators.contract import image_rng, quantised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DDPMParameters(Parameters):
    """Parameters of `ddpm`."""

    timesteps: Annotated[int, Field(ge=2)] = 100
    hidden: Count = 160
    iterations: Count = 1000
    learning_rate: Positive = 5e-3


FACTS = Component(
    "generators",
    "ddpm",
    f"{__name__}:DDPM",
    "denoising diffusion model, trained from scratch",
    DDPMParameters,
    libraries=TORCH,
    trained=True,
    one_size=True,
)

BATCH = 64
AVERAGE = 0.995  # decay of the running mean of the weights that sampling uses
CHUNK = 256  # images denoised at a time: bounds memory, changes nothing


class DDPM:
    """Ho et al. 2020 with the cosine schedule of Nichol & Dhariwal 2021 and a residual network on pixels.

    The network predicts the clean image, not its noise: within a thousand iterations that gave the better digits.
    Sampling is ancestral over all `timesteps`, each image with its own noise. The training seed draws the initial
    weights, the images, their timesteps and noise. All is float64: in float32, training would turn the last bits of
    another processor or thread count into other images.
    """

    def __init__(
        self, *, timesteps: int = 100, hidden: int = 160, iterations: int = 1000, learning_rate: float = 5e-3
    ) -> None:
        self.timesteps = timesteps
        self.hidden = hidden
        self.iterations = iterations
        self.learning_rate = learning_rate

    @one_thread()
    def fit(self, images: np.ndarray, labels: np.ndarray | None, *, seed: int) -> None:
        """Train on uint8 (n, H, W, C); labels are not used."""
        import torch

        from harness.generators.ddpm_denoiser import Denoiser

        self._shape = images.shape[1:]
        pixels = torch.from_numpy(images.reshape(len(images), -1)).double() / 127.5 - 1
        signal = torch.from_numpy(_signal(self.timesteps))
        generator = torch.Generator().manual_seed(seed)
        network = Denoiser(pixels.shape[1], self.hidden, generator)
        averaged = [parameter.detach().clone() for parameter in network.parameters()]
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=self.iterations, pct_start=0.1, cycle_momentum=False
        )
        for iteration in range(self.iterations):
            real = pixels[torch.randint(len(pixels), (BATCH,), generator=generator)]
            step = torch.randint(1, self.timesteps + 1, (BATCH,), generator=generator)
            noise = torch.randn(real.shape, generator=generator, dtype=torch.float64)
            keep, lose = signal[step, None].sqrt(), (1 - signal[step, None]).sqrt()
            predicted = network(keep * real + lose * noise, step.double() / self.timesteps)
            loss = (predicted - real).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            decay = min(AVERAGE, (1 + iteration) / (10 + iteration))  # forget the initial weights soon
            with torch.no_grad():
                for mean, parameter in zip(averaged, network.parameters(), strict=True):
                    mean.lerp_(parameter, 1 - decay)
        with torch.no_grad():
            for parameter, mean in zip(network.parameters(), averaged, strict=True):
                parameter.copy_(mean)
        self._network = network.requires_grad_(False)

    @one_thread()
    def sample(self, seeds: Sequence[int]) -> np.ndarray:
        """Images denoised from each seed's own noise, uint8 (n, H, W, C)."""
        import numpy as np

        chunks = [self._denoised(seeds[start : start + CHUNK]) for start in range(0, len(seeds), CHUNK)]
        pixels = np.concatenate([np.empty((0, math.prod(self._shape))), *chunks])
        return quantised((pixels + 1) / 2).reshape(-1, *self._shape)

    def _denoised(self, seeds: Sequence[int]) -> np.ndarray:
        import numpy as np
        import torch

        size = (self.timesteps, math.prod(self._shape))
        noise = torch.from_numpy(np.stack([image_rng(seed).standard_normal(size) for seed in seeds], axis=1))
        signal = _signal(self.timesteps).tolist()
        noisy = noise[0]
        for step in range(self.timesteps, 0, -1):
            now, before = signal[step], signal[step - 1]
            moment = torch.full((len(seeds),), step / self.timesteps, dtype=torch.float64)
            real = self._network(noisy, moment).clamp(-1, 1)
            # Mean and variance of q(x_{t-1} | x_t, x_0): Ho et al. 2020, eq. 7.
            alpha = now / before
            mean = (math.sqrt(before) * (1 - alpha) * real + math.sqrt(alpha) * (1 - before) * noisy) / (1 - now)
            noisy = mean
            if step > 1:
                noisy = mean + math.sqrt((1 - before) / (1 - now) * (1 - alpha)) * noise[self.timesteps + 1 - step]
        denoised: np.ndarray = noisy.numpy()
        return denoised


def _signal(timesteps: int) -> NDArray[np.float64]:
    """Share of the variance that is signal after 0, 1, …, `timesteps` steps: Nichol & Dhariwal 2021, eq. 17."""
    import numpy as np

    angle = (np.arange(timesteps + 1) / timesteps + 0.008) / 1.008 * np.pi / 2
    signal: NDArray[np.float64] = np.cos(angle) ** 2 / np.cos(angle[0]) ** 2
    return np.clip(signal, 1e-5, 1.0)
