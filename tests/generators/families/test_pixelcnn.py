"""The autoregressive model: a pixel sees those before it only, and the conditionals sum to the likelihood."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from harness.generators.families.parts_pixels import level_log_probability
from harness.generators.families.pixelcnn import PixelCNN
from harness.generators.families.pixelcnn_network import GatedPixelCNN, level, mixture_log_probability

LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1


@pytest.fixture(scope="module")
def network() -> GatedPixelCNN:
    torch.manual_seed(0)
    return GatedPixelCNN(1, 3, (4, 4), width=4, layers=3, components=2).double().requires_grad_(False)


def order(side: int) -> list[tuple[int, int, int, int]]:
    """Number, row, column of its position, and place in the image's pixel_unshuffle, as they are read."""
    half = side // 2
    return [(k, row, column, row * half + column) for row in range(half) for column in range(half) for k in range(4)]


def test_bits_per_dim_are_the_sum_of_the_conditionals_each_of_which_sees_no_later_pixel(network):
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (1, 1, 4, 4)) / 127.5 - 1)
    label, total = torch.tensor([2]), 0.0
    pixels = torch.nn.functional.pixel_unshuffle(image, 2)
    places = order(4)
    for step, (k, row, column, _) in enumerate(places):
        spoilt = pixels.clone()
        for later in places[step:]:  # the pixel itself and all after it are made up
            spoilt[0, later[0], later[1], later[2]] = rng.integers(0, 256) / 127.5 - 1
        said = network.mixtures(torch.nn.functional.pixel_shuffle(spoilt, 2), label)[k][:, :, row, column]
        each = mixture_log_probability(LEVELS[None], said[..., None].expand(-1, -1, 256))
        assert abs(float(each.exp().sum()) - 1) < 1e-9  # a probability over the 256 levels
        total += float(each[0, round((float(pixels[0, k, row, column]) + 1) * 127.5)])
    torch.testing.assert_close(network.log_probability(image, label), torch.tensor([total], dtype=torch.float64))

    made = PixelCNN()
    made._shape, made._known, made._network = (4, 4, 1), np.arange(3), copy.deepcopy(network).float()
    uint8 = np.rint((image.numpy().transpose(0, 2, 3, 1) + 1) * 127.5).astype(np.uint8)
    bits = made.likelihood(uint8, np.array([2])).bits_per_dim
    np.testing.assert_allclose(bits, -total / (16 * math.log(2)), rtol=1e-5)


def test_every_earlier_pixel_can_be_seen(network):
    # With enough layers there is no blind spot: the last pixel's mixture depends on all the others.
    image = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    said = network.mixtures(image, torch.tensor([0]))[3][0, :, -1, -1]
    for place in range(15):
        moved = image.clone()
        moved.view(-1)[place] += 0.3
        assert not torch.equal(network.mixtures(moved, torch.tensor([0]))[3][0, :, -1, -1], said), place


def test_pixel_by_pixel_the_network_says_what_it_says_of_the_whole_image(network):
    images = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    label = torch.tensor([0, 2])
    pixels = torch.nn.functional.pixel_unshuffle(images, 2)
    heard = {}

    def forced(k: int, row: int, column: int, said: torch.Tensor) -> torch.Tensor:
        heard[k, row, column] = said
        return pixels[:, k, row, column]

    assert torch.equal(network.generate((4, 4, 1), label, forced), images)
    whole = network.mixtures(images, label)
    for (k, row, column), said in heard.items():
        torch.testing.assert_close(said, whole[k][:, :, row, column], rtol=0, atol=1e-12)


def test_drawn_levels_have_the_mixtures_probabilities():
    said = torch.tensor([[0.5, -0.5, -0.9, 0.4, 0.0, 1.0]], dtype=torch.float64)  # two components, one at the edge
    uniform = torch.from_numpy(np.random.default_rng(0).random((40_000, 2)))
    drawn = ((level(said.expand(40_000, 6), uniform) + 1) * 127.5).round().long()
    share = torch.bincount(drawn, minlength=256) / 40_000
    probability = mixture_log_probability(LEVELS[None], said[..., None].expand(-1, -1, 256)).exp()[0]
    assert float((share - probability).abs().max()) < 4 * (0.25 / 40_000) ** 0.5
    assert float(probability[0]) > 0.1  # the lowest level has the tail


def test_a_level_far_in_the_tail_has_a_finite_log_probability_that_still_has_a_slope():
    mean = torch.tensor(30.0, dtype=torch.float64, requires_grad=True)
    log_probability = level_log_probability(torch.tensor(0.0, dtype=torch.float64), mean, torch.tensor(-4.0))
    (slope,) = torch.autograd.grad(log_probability, mean)
    assert math.isfinite(float(log_probability.detach()))
    assert float(slope) == pytest.approx(-math.exp(4), rel=1e-6)  # a logistic's tail is exponential
