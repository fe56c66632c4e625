"""The VAE's bound: never above the likelihood, equal to it where the posterior is exact, tighter with more draws."""

from __future__ import annotations

import math

import pytest
import torch

from harness.generators.families.conv_vae import importance_bound

D, LATENT, SD = 5, 2, 0.7


@pytest.fixture(scope="module")
def linear_gaussian():
    """x = W z + SD ε: the likelihood and the posterior are Gaussian and known."""
    torch.manual_seed(0)
    w = torch.randn(D, LATENT, dtype=torch.float64)
    x = torch.randn(6, LATENT, dtype=torch.float64) @ w.T + SD * torch.randn(6, D, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(
        torch.zeros(D, dtype=torch.float64), w @ w.T + SD**2 * torch.eye(D, dtype=torch.float64)
    ).log_prob(x)

    def log_likelihood(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return -((x - z @ w.T).square() / SD**2 + math.log(2 * math.pi * SD**2)).sum(1) / 2

    return w, x, exact, log_likelihood


def bound(linear_gaussian, mean, log_variance, draws: int) -> torch.Tensor:
    _, x, _, log_likelihood = linear_gaussian
    noise = torch.randn(draws, *mean.shape, dtype=torch.float64)
    return importance_bound(x, mean, log_variance, log_likelihood, noise)


def test_the_bound_is_at_most_the_exact_log_likelihood_and_rises_with_the_draws(linear_gaussian):
    w, x, exact, _ = linear_gaussian
    mean, log_variance = 0.3 * x @ w, torch.full((6, LATENT), -1.5, dtype=torch.float64)  # a wrong posterior
    few = torch.stack([bound(linear_gaussian, mean, log_variance, 1) for _ in range(400)])
    many = torch.stack([bound(linear_gaussian, mean, log_variance, 64) for _ in range(50)])
    error = few.std(0) / 20
    assert (few.mean(0) + 4 * error < exact).all()
    assert (few.mean(0) < many.mean(0)).all()
    assert (many.mean(0) < exact + 4 * many.std(0) / 50**0.5).all()


def test_with_the_exact_posterior_every_draw_gives_the_exact_log_likelihood():
    # W has orthogonal columns, so the posterior is a product of independent Gaussians, as q must be.
    w = torch.zeros(D, LATENT, dtype=torch.float64)
    w[0, 0], w[1, 1] = 1.5, 0.4
    x = torch.randn(4, D, dtype=torch.float64)
    precision = 1 + w.square().sum(0) / SD**2
    covariance = w @ w.T + SD**2 * torch.eye(D, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(torch.zeros(D, dtype=torch.float64), covariance).log_prob(x)

    def log_likelihood(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return -((x - z @ w.T).square() / SD**2 + math.log(2 * math.pi * SD**2)).sum(1) / 2

    mean = x @ w / SD**2 / precision
    noise = torch.randn(1, 4, LATENT, dtype=torch.float64)
    found = importance_bound(x, mean, -precision.log().expand(4, LATENT), log_likelihood, noise)
    torch.testing.assert_close(found, exact)
