"""The adversarial parts: what holds the critic, and that a trained generator's images do not see each other."""

from __future__ import annotations

import torch

from harness.generators.families.gan import hinge_loss
from harness.generators.families.parts_adversarial import Critic, ImageMaker, gradient_penalty, settle_batch_norm


def test_the_penalty_of_a_linear_critic_is_how_far_its_slope_is_from_one():
    weight = torch.tensor([[[3.0, 0.0], [0.0, 4.0]]], dtype=torch.float64)  # of norm 5
    real, fake = torch.randn(2, 7, 1, 2, 2, dtype=torch.float64)
    penalty = gradient_penalty(lambda x: (weight * x).sum((1, 2, 3)), real, fake, torch.rand(7, dtype=torch.float64))
    torch.testing.assert_close(penalty, torch.tensor(16.0, dtype=torch.float64))


def test_the_penalty_of_a_quadratic_critic_is_taken_between_real_and_fake():
    real, fake = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 1.0)
    penalty = gradient_penalty(lambda x: x.square().sum((1, 2, 3)), real, fake, torch.tensor([0.25]))
    torch.testing.assert_close(penalty, torch.tensor((2 * 1.5 - 1.0) ** 2))  # the slope at 1.5 is 3


def test_spectral_norm_holds_every_layer_to_largest_singular_value_one():
    torch.manual_seed(0)
    critic = Critic((8, 8, 1), 3, width=6, spectral=True)
    with torch.no_grad():
        for weight in critic.parameters():
            weight.mul_(10)
        for _ in range(60):  # power iterations, one at each pass
            critic(torch.randn(2, 1, 8, 8), torch.tensor([0, 1]))
    critic.eval()
    layers = [*critic.features, critic.score, critic.of_class]
    norms = [
        float(torch.linalg.matrix_norm(one.weight.detach().flatten(1), 2)) for one in layers if hasattr(one, "weight")
    ]
    assert len(norms) == 5
    assert all(0.9 < norm < 1.001 for norm in norms)


def test_the_hinge_is_zero_once_real_and_fake_are_told_apart_by_two():
    def critic(x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return x.sum((1, 2, 3))

    real, fake, label = torch.full((3, 1, 1, 1), 1.5), torch.full((3, 1, 1, 1), -1.0), torch.zeros(3)
    assert float(hinge_loss(critic, real, fake, label)) == 0
    assert float(hinge_loss(critic, fake, real, label)) == 2 + 2.5


def test_settled_batch_norm_has_the_moments_of_the_draws():
    torch.manual_seed(0)
    maker = ImageMaker((8, 8, 1), 2, latent=3, width=4)
    draws = [(torch.randn(50, 3), torch.arange(50) % 2) for _ in range(3)]
    settle_batch_norm(maker, draws)
    entering = maker.layers[:2]
    with torch.no_grad():
        told = [torch.cat([z, torch.nn.functional.one_hot(label, 2)], dim=1) for z, label in draws]
        means = torch.stack([entering(rows).mean((0, 2, 3)) for rows in told]).mean(0)
    torch.testing.assert_close(maker.layers[2].running_mean, means, rtol=1e-4, atol=1e-5)
    assert not maker.training
