"""How likely images are under models of diffusion kind: by their ODE, or a bound; nats, of images in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch

from harness.base import derive_seed
from harness.generators.contract import image_rng

Flow = Callable[[torch.Tensor, float], torch.Tensor]
Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LOWEST = 0.01  # angle at which likelihoods begin: its noise is 1.3 of 255 levels


def ode_log_density(
    flow: Flow, images: torch.Tensor, path: Sequence[float], probes: torch.Tensor | None
) -> torch.Tensor:
    """Log-density (n,) of images that the ODE dx/dt = flow(x, t) carries along `path` to standard normal noise.

    Song et al. 2021, eq. 39: that of the noise plus the integral of the flow's divergence, by Runge-Kutta's steps of
    order 4 between the times of `path`. `probes` (m, n, C, H, W) estimate the divergence without bias (Hutchinson);
    None takes the whole trace, as many derivatives as an image has values.
    """

    def slopes(rows: torch.Tensor, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        return _with_divergence(flow, rows, time, probes)

    gained = torch.zeros(len(images), dtype=images.dtype)
    for now, then in pairwise(path):
        width, middle = then - now, (now + then) / 2
        move1, gain1 = slopes(images, now)
        move2, gain2 = slopes(images + width / 2 * move1, middle)
        move3, gain3 = slopes(images + width / 2 * move2, middle)
        move4, gain4 = slopes(images + width * move3, then)
        images = images + width / 6 * (move1 + 2 * move2 + 2 * move3 + move4)
        gained = gained + width / 6 * (gain1 + 2 * gain2 + 2 * gain3 + gain4)
    return normal_log_density(images) + gained


def _with_divergence(
    flow: Flow, rows: torch.Tensor, time: float, probes: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.enable_grad():
        rows = rows.detach().requires_grad_(True)
        move = flow(rows, time)
        if probes is None:
            flat = move.flatten(1)
            divergence = torch.zeros(len(rows), dtype=rows.dtype)
            for place in range(flat.shape[1]):
                (slope,) = torch.autograd.grad(flat[:, place].sum(), rows, retain_graph=True)
                divergence = divergence + slope.flatten(1)[:, place]
        else:
            found = []
            for probe in probes:
                (slope,) = torch.autograd.grad((move * probe).sum(), rows, retain_graph=True)
                found.append((slope * probe).flatten(1).sum(1))
            divergence = torch.stack(found).mean(0)
    return move.detach(), divergence.detach()


def normal_log_density(rows: torch.Tensor) -> torch.Tensor:
    """Of the standard normal, (n,)."""
    flat = rows.flatten(1)
    return -0.5 * (flat.square() + math.log(2 * math.pi)).sum(1)


def log_ratios(n: int) -> list[float]:
    """n + 1 even values of the log noise-to-signal ratio, from that of LOWEST to its mirror image, all but noise."""
    end = -math.log(math.tan(LOWEST))
    return [end * (2 * step / n - 1) for step in range(n + 1)]


def variational_bound(velocity: Velocity, held_out: HeldOut, *, strata: int, sd: float) -> torch.Tensor:
    """A lower bound (n,) of the log-probability of the levels, unbiased over its noise: Kingma et al. 2021, eq. 12-15.

    Three parts, in Ho et al.'s words: L_T, what is left of the image in the noise that sampling begins with; the
    network's errors over all noise levels u = log(noise / signal), cos^2 |v - v'|^2 du; and L_0, the levels given the
    network's clean image at the lowest noise, with Gaussian errors of `sd`.
    """
    clean = held_out.pixels
    low = -math.log(1 / math.tan(LOWEST))
    signal, lost = math.sin(LOWEST), math.cos(LOWEST)  # at the other end
    bound = -0.5 * ((signal * clean).square() + lost**2 - 1 - 2 * math.log(lost)).flatten(1).sum(1)
    for stratum in range(strata):
        u = low + (stratum + held_out.uniform()) / strata * -2 * low
        angle = u.exp().atan()
        cos, sin = angle.cos().reshape(-1, 1, 1, 1), angle.sin().reshape(-1, 1, 1, 1)
        noise = held_out.normal()
        wrong = velocity(cos * clean + sin * noise, angle) - (cos * noise - sin * clean)
        bound = bound + 2 * low / strata * (cos * wrong).square().flatten(1).sum(1)
    noisy = math.cos(LOWEST) * clean + math.sin(LOWEST) * held_out.normal()
    answer = velocity(noisy, torch.full((len(clean),), LOWEST, dtype=clean.dtype))
    mean = math.cos(LOWEST) * noisy - math.sin(LOWEST) * answer
    return bound + level_log_probability(held_out.levels, mean.double(), sd)


class HeldOut:
    """Held-out images uint8 (n, H, W, C) and the randomness that their likelihood needs, each image's its own."""

    def __init__(self, images: np.ndarray, places: Sequence[int]) -> None:
        self.levels = torch.from_numpy(images).permute(0, 3, 1, 2).double()
        self._rngs = [image_rng(derive_seed("likelihood", row)) for row in places]

    @property
    def pixels(self) -> torch.Tensor:
        """Levels in [-1, 1], float32 (n, C, H, W)."""
        return (self.levels / 127.5 - 1).float()

    def dequantised(self) -> torch.Tensor:
        """Pixels with uniform noise of one level's width."""
        noise = np.stack([rng.uniform(-0.5, 0.5, self.levels.shape[1:]) for rng in self._rngs])
        return ((self.levels + torch.from_numpy(noise)) / 127.5 - 1).float()

    def probes(self, n: int) -> torch.Tensor | None:
        """Random signs (n, images, C, H, W); None, for the whole trace, where `n` is 0."""
        signs = [rng.choice(np.array([-1, 1], np.float32), (n, *self.levels.shape[1:])) for rng in self._rngs]
        return torch.from_numpy(np.stack(signs, axis=1)) if n else None

    def normal(self) -> torch.Tensor:
        """Standard normal noise, float32."""
        return torch.from_numpy(
            np.stack([rng.standard_normal(self.levels.shape[1:], np.float32) for rng in self._rngs])
        )

    def uniform(self) -> torch.Tensor:
        """One number in [0, 1) for each image, float32 (n,)."""
        return torch.from_numpy(np.array([rng.random() for rng in self._rngs], np.float32))

    def bits_per_dim(self, log_probability: torch.Tensor, *, density: bool) -> np.ndarray:
        """Bits of each image's log-probability in nats, over its values; a density is of pixels in [-1, 1]."""
        nats = log_probability.double() / self.levels[0].numel()
        level = math.log(127.5) if density else 0.0  # width of a level, 1 / 127.5
        bits: np.ndarray = ((level - nats) / math.log(2)).numpy()
        return bits


def level_log_probability(levels: torch.Tensor, mean: torch.Tensor, sd: float) -> torch.Tensor:
    """Log-probability (n,) of levels 0 to 255 under a Gaussian of pixels in [-1, 1]: Ho et al. 2020, eq. 13."""
    normal = torch.special.ndtr
    centre = levels / 127.5 - 1
    upper = torch.where(levels < 255, normal((centre + 1 / 255 - mean) / sd), torch.ones_like(centre))
    lower = torch.where(levels > 0, normal((centre - 1 / 255 - mean) / sd), torch.zeros_like(centre))
    return (upper - lower).clamp_min(1e-12).log().flatten(1).sum(1)
