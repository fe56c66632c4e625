"""From noise to an image: the samplers of a diffusion model, each a few lines on a function that denoises.

Signal and noise are cos and sin of one angle, x = cos(a) clean + sin(a) noise, which is the cosine schedule of Nichol &
Dhariwal 2021 without its offset; the angle falls from FIRST, all but noise, to 0. `denoise(noisy, angle)`
is the expected clean image. All take any number of steps with the same network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

FIRST = (
    math.pi / 2 - 0.01
)  # the angle at which noise alone stands for the noisy image: a hundredth of signal is missing

Denoise = Callable[[torch.Tensor, float], torch.Tensor]
Normal = Callable[[], torch.Tensor]
Rule = Callable[[float, float], tuple[float, float, float]]


def angles(steps: int) -> list[float]:
    """The angles of `steps` equal steps from FIRST to 0, `steps` + 1 of them."""
    return [FIRST * (1 - step / steps) for step in range(steps + 1)]


def ddpm_step(now: float, then: float) -> tuple[float, float, float]:
    """Weights of the clean and the noisy image, and sd of fresh noise, in a step from angle `now` to `then`.

    Mean and variance of q(x_then | x_now, clean): Ho et al. 2020, eq. 7, for any two angles.
    """
    signal_now, signal_then, noise_now, noise_then = (
        math.cos(now) ** 2,
        math.cos(then) ** 2,
        math.sin(now) ** 2,
        math.sin(then) ** 2,
    )
    alpha = signal_now / signal_then
    clean = math.sqrt(signal_then) * (1 - alpha) / noise_now
    noisy = math.sqrt(alpha) * noise_then / noise_now
    return clean, noisy, math.sqrt(noise_then / noise_now * (1 - alpha))


def ddim_step(now: float, then: float, *, eta: float) -> tuple[float, float, float]:
    """As `ddpm_step`, by Song et al. 2021 (DDIM), eq. 12 and 16: no fresh noise at `eta` 0, DDPM's at 1."""
    fresh = eta * math.sin(then) / math.sin(now) * math.sqrt(1 - (math.cos(now) / math.cos(then)) ** 2)
    direction = math.sqrt(max(math.sin(then) ** 2 - fresh**2, 0.0))  # of the noise that is predicted
    noisy = direction / math.sin(now)  # predicted noise = (noisy - cos clean) / sin
    return math.cos(then) - noisy * math.cos(now), noisy, fresh


def stepwise(denoise: Denoise, noisy: torch.Tensor, path: Sequence[float], normal: Normal, rule: Rule) -> torch.Tensor:
    """Images by steps of a rule along falling angles; each step asks `denoise` once."""
    for now, then in pairwise(path):
        clean_weight, noisy_weight, sd = rule(now, then)
        noisy = clean_weight * denoise(noisy, now) + noisy_weight * noisy
        if sd > 0:
            noisy = noisy + sd * normal()
    return noisy


def dpm_solver(denoise: Denoise, noisy: torch.Tensor, path: Sequence[float]) -> torch.Tensor:
    """Images by DPM-Solver++(2M), Lu et al. 2022, algorithm 2: DDIM with the clean image extrapolated, of order 2.

    Each step asks `denoise` once; the first and the last are of order 1, as the authors do for few steps. The whole is
    of order 2 where steps are even in the log signal-to-noise ratio; `angles` takes smaller ones where digits take
    shape.
    """
    before: torch.Tensor | None = None
    width_before = math.nan
    for now, then in pairwise(path):
        clean = denoise(noisy, now)
        if then == 0:
            return clean
        width = math.log(math.tan(now) / math.tan(then))  # in half the log signal-to-noise ratio, their lambda
        ahead = clean
        if before is not None:
            reach = width / (2 * width_before)
            ahead = (1 + reach) * clean - reach * before
        noisy = math.sin(then) / math.sin(now) * noisy - math.cos(then) * math.expm1(-width) * ahead
        before, width_before = clean, width
    return noisy


def heun(denoise: Denoise, noisy: torch.Tensor, path: Sequence[float]) -> torch.Tensor:
    """Images by the probability-flow ODE, Song et al. 2021 (score SDE), in Heun's steps of order 2.

    In angles the ODE is dx/da = v with v = cos(a) noise - sin(a) clean (Salimans & Ho 2022). Each step asks `denoise`
    twice, the last one once.
    """
    for now, then in pairwise(path):
        clean = denoise(noisy, now)
        if then == 0:
            return clean
        slope = velocity(noisy, clean, now)
        guess = noisy + (then - now) * slope
        noisy = noisy + (then - now) * (slope + velocity(guess, denoise(guess, then), then)) / 2
    return noisy


def velocity(noisy: torch.Tensor, clean: torch.Tensor, angle: float) -> torch.Tensor:
    """cos noise - sin clean, of the noise that is left when the clean image is taken out."""
    return (math.cos(angle) * noisy - clean) / math.sin(angle)


def clean_of(network: torch.nn.Module, noisy: torch.Tensor, angle: float, labels: torch.Tensor) -> torch.Tensor:
    """The expected clean images by a network that predicts the velocity: clean = cos noisy - sin velocity."""
    time = torch.full((len(noisy),), angle / (math.pi / 2), dtype=noisy.dtype)
    answer: torch.Tensor = math.cos(angle) * noisy - math.sin(angle) * network(noisy, time, labels)
    return answer


def guided(
    ask: Callable[[torch.Tensor], torch.Tensor], labels: torch.Tensor, none: int, guidance: float
) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022): none + guidance (class - none); 1 asks for the class alone."""
    if guidance == 1:
        return ask(labels)
    without = ask(torch.full_like(labels, none))
    return without if guidance == 0 else without + guidance * (ask(labels) - without)
