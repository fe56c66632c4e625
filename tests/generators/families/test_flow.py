"""The flow: its inverse is its inverse, its Jacobian the one it says, its density a density."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import stats

from harness.generators.families.flow import MARGIN, NormalisingFlow, logit
from harness.generators.families.flow_network import Flow, student


def drawn_flow(size: int, classes: int) -> Flow:
    """A flow whose couplings are far from the identity."""
    torch.manual_seed(0)
    flow = Flow(size, classes, steps=4, width=16)
    flow.rotate.fit(torch.randn(50, size) @ torch.randn(size, size))
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return flow.double().requires_grad_(False)


def test_the_inverse_is_the_inverse_for_even_and_odd_sizes():
    for size in (2, 5, 12):
        flow = drawn_flow(size, 3)
        rows, label = 3 * torch.randn(20, size, dtype=torch.float64), torch.arange(20) % 3
        noise, _ = flow(rows, label)
        assert not torch.allclose(noise, rows, atol=0.1)
        torch.testing.assert_close(flow.inverse(noise, label), rows, rtol=0, atol=1e-9)
        torch.testing.assert_close(flow(flow.inverse(rows, label), label)[0], rows, rtol=0, atol=1e-9)


def test_the_log_determinant_is_that_of_the_jacobian():
    flow, label = drawn_flow(5, 2), torch.tensor([1])
    rows = torch.randn(1, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x, label)[0][0], rows)[:, 0]
    torch.testing.assert_close(flow(rows, label)[1][0], torch.linalg.slogdet(jacobian).logabsdet)


def test_the_density_integrates_to_one_in_two_dimensions():
    flow = drawn_flow(2, 2)
    # At sinh(t): fine in the middle, and out to 1,500, for Student t has long tails.
    side = torch.linspace(-8, 8, 501, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    area = torch.cosh(grid).prod(1) * (16 / 500) ** 2
    for own in (0, 1):
        density = flow.log_density(torch.sinh(grid), torch.full((len(grid),), own)).exp()
        assert abs(float((density * area).sum()) - 1) < 1e-3


def test_the_noise_is_student_t():
    normal = torch.linspace(-6, 6, 25, dtype=torch.float64)
    expected = stats.t(4).ppf(stats.norm.cdf(normal.numpy()))
    np.testing.assert_allclose(student(normal).numpy(), expected, rtol=1e-6, atol=1e-7)


def test_the_logit_has_the_slope_that_it_says():
    levels = torch.tensor([[[[0.001, 0.4], [0.7, 0.999]]]], dtype=torch.float64)
    slope = torch.autograd.functional.jacobian(lambda x: logit(x)[0].flatten(), levels).reshape(4, 4)
    torch.testing.assert_close(logit(levels)[1], torch.linalg.slogdet(slope).logabsdet[None])


def test_levels_that_are_equally_likely_cost_eight_bits():
    # The logit of a uniform pixel has density σ'(v) / (1 - 2 MARGIN); a flow that has it gives 8 bits to every level.
    class Uniform(torch.nn.Module):
        def log_density(self, rows: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            inside = torch.sigmoid(rows)
            return (inside.log() + torch.log1p(-inside) - math.log(1 - 2 * MARGIN)).sum(1)

    made = NormalisingFlow(conditional=False)
    made._shape, made._known, made._network = (2, 2, 1), np.empty(0), Uniform()
    images = np.random.default_rng(0).integers(0, 256, (9, 2, 2, 1)).astype(np.uint8)
    np.testing.assert_allclose(made.likelihood(images, None).bits_per_dim, 8, rtol=1e-6)
