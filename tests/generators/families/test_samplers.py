"""Samplers and densities of diffusion models on Gaussians, where the network's answer and the outcome are formulas."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch

from harness.encoders import drawn
from harness.generators.families import parts_samplers as samplers
from harness.generators.families.consistency import LEAST, jump, stepped
from harness.generators.families.flow_matching import END, on_the_way, walked
from harness.generators.families.ncsn import LARGEST, annealed
from harness.generators.families.parts_densities import (
    LOWEST,
    HeldOut,
    level_log_probability,
    log_ratios,
    normal_log_density,
    ode_log_density,
    variational_bound,
)

MEAN, SD = 0.3, 0.5  # of every pixel of the Gaussian
PAIRS = [(1.2, 0.7), (samplers.FIRST, 1.0), (0.3, 0.1), (0.05, 0.0)]


def spread_at(angle: float) -> float:
    return math.hypot(math.cos(angle) * SD, math.sin(angle))


def denoise(noisy, angle):
    """The expected clean pixel of the Gaussian."""
    return (math.cos(angle) * noisy * SD**2 + math.sin(angle) ** 2 * MEAN) / spread_at(angle) ** 2


def velocity(noisy, angle):
    """The expected cos noise - sin clean, at angles that may differ by image."""
    clean = (angle.cos() * noisy * SD**2 + angle.sin() ** 2 * MEAN) / ((angle.cos() * SD) ** 2 + angle.sin() ** 2)
    return (angle.cos() * noisy - clean) / angle.sin()


def noises(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(4, 1, 2, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("now", "then"), PAIRS)
def test_ddim_with_eta_1_has_the_mean_and_the_variance_of_each_step_of_ddpm(now, then):
    assert samplers.ddim_step(now, then, eta=1.0) == pytest.approx(samplers.ddpm_step(now, then), abs=1e-13)


def test_ddim_with_eta_1_gives_ddpms_images_from_the_same_noise():
    path, first = samplers.angles(40), noises(0)()
    ddpm = samplers.stepwise(denoise, first, path, noises(1), samplers.ddpm_step)
    ddim = samplers.stepwise(denoise, first, path, noises(1), partial(samplers.ddim_step, eta=1.0))
    assert torch.allclose(ddpm, ddim, atol=1e-12)
    half = samplers.stepwise(denoise, first, path, noises(1), partial(samplers.ddim_step, eta=0.5))
    assert (half - ddpm).abs().min() > 1e-3


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("now", "then"), PAIRS)
def test_every_step_keeps_the_noises_share(now, then, eta):
    """Of a known clean image, x_then = cos clean + sin noise again: Song et al. 2021, lemma 1."""
    clean, noisy, sd = samplers.ddim_step(now, then, eta=eta)
    assert clean + noisy * math.cos(now) == pytest.approx(math.cos(then))
    assert math.hypot(noisy * math.sin(now), sd) == pytest.approx(math.sin(then), abs=1e-12)


def test_ddpm_in_many_steps_draws_the_gaussian():
    # The variance of a pixel, followed exactly: x is linear in x_now, with the noise of each step added.
    mean, variance = 0.0, 1.0
    path = samplers.angles(1000)
    for now, then in pairwise(path):
        clean, noisy, sd = samplers.ddpm_step(now, then)
        slope = noisy + clean * float(denoise(1.0, now) - denoise(0.0, now))
        mean = slope * mean + clean * float(denoise(0.0, now))
        variance = slope**2 * variance + sd**2
    assert (mean, math.sqrt(variance)) == pytest.approx((MEAN, SD), rel=0.02)


def arrival(first, begin: float, end: float):
    """Where the ODE carries pixels: to the same quantile of the Gaussian there."""
    quantile = (first - math.cos(begin) * MEAN) / spread_at(begin)
    return math.cos(end) * MEAN + spread_at(end) * quantile


def even_in_log_ratio(n: int) -> list[float]:
    top, bottom = math.log(math.tan(1.3)), math.log(math.tan(0.2))
    return [math.atan(math.exp(top + (bottom - top) * step / n)) for step in range(n + 1)]


@pytest.mark.parametrize(
    ("solver", "path", "order"),
    [
        (lambda x, path: samplers.stepwise(denoise, x, path, noises(0), partial(samplers.ddim_step, eta=0)), "even", 1),
        (lambda x, path: samplers.dpm_solver(denoise, x, path), "log", 2),
        (lambda x, path: samplers.heun(denoise, x, path), "even", 2),
    ],
    ids=["ddim", "dpm++", "ode"],
)
def test_a_sampler_converges_at_its_order_on_a_gaussian(solver, path, order):
    first = torch.linspace(-3, 3, 7, dtype=torch.float64)
    paths = [{"even": samplers.angles, "log": even_in_log_ratio}[path](n) for n in (80, 160, 320)]
    error = [float((solver(first, path) - arrival(first, path[0], path[-1])).abs().max()) for path in paths]
    assert error[2] < 0.01
    for more, fewer in zip(error[1:], error, strict=False):
        assert math.log2(fewer / more) == pytest.approx(order, abs=0.2)


def test_the_network_is_asked_as_often_as_it_is_said():
    asked = []
    counted = lambda x, angle: asked.append(angle) or denoise(x, angle)  # noqa: E731
    first, path = noises(0)(), samplers.angles(7)
    samplers.stepwise(counted, first, path, noises(1), samplers.ddpm_step)
    samplers.dpm_solver(counted, first, path)
    assert len(asked) == 14
    samplers.heun(counted, first, path)
    assert len(asked) == 14 + 2 * 7 - 1


def test_guidance_1_asks_for_the_class_alone_and_0_for_none():
    asked = []
    ask = lambda labels: asked.append(labels.tolist()) or labels * 0.1  # noqa: E731
    labels = torch.tensor([1, 2])
    assert torch.equal(samplers.guided(ask, labels, 9, 1.0), labels * 0.1)
    assert torch.equal(samplers.guided(ask, labels, 9, 0.0), torch.tensor([9, 9]) * 0.1)
    assert asked == [[1, 2], [9, 9]]
    assert torch.allclose(samplers.guided(ask, labels, 9, 3.0), torch.tensor([0.9 - 2.4, 0.9 - 2.1]))


def exact_nats(rows) -> torch.Tensor:
    scale = spread_at(LOWEST)
    standard = (rows - math.cos(LOWEST) * MEAN) / scale
    return normal_log_density(standard) - rows[0].numel() * math.log(scale)


@pytest.mark.parametrize("probes", [0, 3])
def test_the_odes_likelihood_of_a_gaussian_is_exact(probes):
    """With the Gaussian's own velocity; its divergence does not depend on the probe, whose entries are signs."""
    rows = MEAN + SD * noises(2)()

    def flow(noisy, u):
        angle = torch.tensor(math.atan(math.exp(u)), dtype=torch.float64)
        return angle.sin() * angle.cos() * velocity(noisy, angle)

    signs = None if not probes else torch.sign(torch.stack([noises(seed)() for seed in range(probes)]))
    found = ode_log_density(flow, rows, log_ratios(40), signs)
    end = math.pi / 2 - LOWEST  # a hundredth of the image is left there, which the noise's density leaves out
    quantile = (rows - math.cos(LOWEST) * MEAN) / spread_at(LOWEST)
    there = math.cos(end) * MEAN + spread_at(end) * quantile
    exact = normal_log_density(there) + rows[0].numel() * math.log(spread_at(end) / spread_at(LOWEST))
    assert torch.allclose(found, exact, atol=1e-4)
    assert torch.allclose(found, exact_nats(rows), atol=0.05)


def test_random_signs_estimate_the_trace_without_bias():
    matrix = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    signs = [torch.tensor([1.0 if k >> bit & 1 else -1.0 for bit in range(4)], dtype=torch.float64) for k in range(16)]
    flow = lambda rows, time: (rows.flatten(1) @ matrix.T).reshape(rows.shape)  # noqa: E731
    rows, path = noises(3)(), [0.0, 0.1]
    probes = torch.stack([sign.reshape(1, 1, 2, 2).expand(4, 1, 2, 2) for sign in signs])  # all there are
    assert torch.allclose(ode_log_density(flow, rows, path, probes), ode_log_density(flow, rows, path, None), atol=1e-9)


def test_the_bound_is_the_likelihood_where_the_network_is_perfect():
    """In continuous time the exact denoiser closes the gap: the mean bound is minus the entropy of the levels."""
    rng = np.random.default_rng(0)
    n = 1000
    pixels = MEAN / 2 + 0.1 * rng.standard_normal((n, 2, 2, 1))
    images = np.rint((np.clip(pixels, -1, 1) + 1) * 127.5).astype(np.uint8)

    def narrow(noisy, angle):
        cos, sin = angle.cos().reshape(-1, 1, 1, 1), angle.sin().reshape(-1, 1, 1, 1)
        clean = (cos * noisy * 0.01 + sin**2 * MEAN / 2) / (cos**2 * 0.01 + sin**2)
        return (cos * noisy - clean) / sin

    left = math.tan(LOWEST) * 0.1 / math.hypot(math.tan(LOWEST), 0.1)  # posterior sd at the lowest noise
    bound = variational_bound(narrow, HeldOut(images, range(n)), strata=24, sd=left)
    exact = level_log_probability(torch.from_numpy(images).permute(0, 3, 1, 2).double(), torch.tensor(MEAN / 2), 0.1)
    gap = float((exact - bound).mean()) / 4  # nats a pixel; levels and the two ends cost a little
    assert -0.01 < gap < 0.06


def test_levels_of_a_gaussian_have_probabilities_that_sum_to_1():
    levels = torch.arange(256, dtype=torch.float64).reshape(256, 1, 1, 1)
    for mean, sd in ((-1.0, 0.02), (0.2, 0.3), (1.0, 0.5)):
        assert float(level_log_probability(levels, torch.tensor(mean), sd).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_bits_count_a_levels_width_of_densities_and_nothing_of_probabilities():
    held_out = HeldOut(np.zeros((1, 2, 2, 1), np.uint8), [0])
    assert held_out.bits_per_dim(torch.tensor([4 * math.log(127.5 / 256)]), density=True) == pytest.approx(
        [8.0]
    )  # uniform
    assert held_out.bits_per_dim(torch.tensor([4 * math.log(1 / 256)]), density=False) == pytest.approx([8.0])
    noise = (held_out.dequantised() + 1) * 127.5
    assert float(noise.abs().max()) <= 0.5 + 1e-4


def test_flow_matching_on_gaussians_learns_the_closed_form_velocity():
    """The least-squares line of the targets on x(t): the regression optimum, which of Gaussians is linear in x."""
    generator = torch.Generator().manual_seed(0)
    clean = MEAN + SD * torch.randn(400_000, 1, generator=generator, dtype=torch.float64)
    with drawn(0):
        between, time, target = on_the_way(clean)
    for moment in (0.1, 0.5, 0.9):
        near = (time - moment).abs() < 0.02
        left = 1 - (1 - END) * moment
        variance = (moment * SD) ** 2 + left**2
        slope = (moment * SD**2 - (1 - END) * left) / variance  # Cov(target, x) / Var(x)
        x, y = between[near, 0], target[near, 0]
        found = float(torch.cov(torch.stack([x, y]))[0, 1] / x.var())
        assert found == pytest.approx(slope, abs=0.03)
        assert float(y.mean() - found * x.mean()) == pytest.approx(MEAN - slope * moment * MEAN, abs=0.03)


def flow(rows, time):
    left = 1 - (1 - END) * time
    slope = (time * SD**2 - (1 - END) * left) / ((time * SD) ** 2 + left**2)
    return MEAN + slope * (rows - time * MEAN)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_the_closed_form_velocity_carries_noise_to_the_gaussian(sampler, order):
    first = torch.linspace(-3, 3, 7, dtype=torch.float64)
    there = MEAN + math.hypot(SD, END) * first
    error = [float((walked(flow, first, n, sampler) - there).abs().max()) for n in (40, 80, 160)]
    assert [math.log2(error[0] / error[1]), math.log2(error[1] / error[2])] == pytest.approx([order, order], abs=0.25)


def test_the_likelihood_by_a_flows_ode_of_a_gaussian_is_exact():
    rows = MEAN + SD * noises(2)()

    def back(between, u):
        left = math.exp(u)
        return -left / (1 - END) * flow(between, (1 - left) / (1 - END))

    found = ode_log_density(back, rows, [math.log(END) * (1 - step / 40) for step in range(41)], None)
    scale = math.hypot(SD, END)
    assert torch.allclose(found, normal_log_density((rows - MEAN) / scale) - 4 * math.log(scale), atol=1e-4)


def test_langevin_dynamics_draw_the_gaussian():
    generator = torch.Generator().manual_seed(0)
    normal = lambda: torch.randn(3_000, generator=generator, dtype=torch.float64)  # noqa: E731
    noise = lambda rows, sd: sd * (rows - MEAN) / (SD**2 + sd**2)  # noqa: E731
    drawn = annealed(noise, normal, levels=60, steps=40, step_size=0.05)
    assert (float(drawn.mean()), float(drawn.std())) == pytest.approx((MEAN, SD), abs=0.04)
    assert LARGEST > 10 * SD


def test_a_consistency_model_gives_its_input_back_at_the_least_noise():
    network = lambda noisy, time, labels: 100 * torch.sin(noisy + time.reshape(-1, 1, 1, 1))  # noqa: E731
    noisy = noises(4)().float()
    angle = torch.full((4,), LEAST)
    assert torch.equal(jump(network, noisy, angle, torch.zeros(4)), noisy)
    assert not torch.allclose(jump(network, noisy, angle + 0.1, torch.zeros(4)), noisy)


def test_a_teachers_step_is_ddims():
    labels, noisy = torch.zeros(4), noises(5)()
    now, then = torch.full((4,), 0.9, dtype=torch.float64), torch.full((4,), 0.4, dtype=torch.float64)
    clean_weight, noisy_weight, _ = samplers.ddim_step(0.9, 0.4, eta=0.0)
    network = lambda rows, time, labels: velocity(rows, torch.tensor(0.9, dtype=torch.float64))  # noqa: E731
    expected = clean_weight * denoise(noisy, 0.9) + noisy_weight * noisy
    assert torch.allclose(stepped(network, noisy, now, then, labels), expected, atol=1e-12)
