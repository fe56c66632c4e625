"""Convolutions folded and fused give what the layers one by one give, whatever the batch, and can still be moved."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.models.inception import BasicConv2d

from harness.encoders.fused import Convolution, fold
from harness.encoders.inception_graph import _pool, _pooled


@pytest.fixture(scope="module")
def x():
    return torch.randn(9, 12, 17, 17, generator=torch.Generator().manual_seed(1))


def block(kernel, **options):
    """A convolution of 12 → 40 channels with a batch norm whose statistics are not 0 and 1."""
    torch.manual_seed(0)
    made = BasicConv2d(12, 40, kernel_size=kernel, **options).eval()
    made.bn.running_mean.normal_()
    made.bn.running_var.uniform_(0.5, 2)
    made.bn.weight.data.normal_()
    made.bn.bias.data.normal_()
    return made


def folded(made):
    holder = torch.nn.ModuleDict({"part": made})
    fold(holder)
    assert isinstance(holder["part"], Convolution)
    return holder["part"].to(memory_format=torch.channels_last)


def relative(ours, theirs):
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize(
    ("kernel", "options"), [(1, {}), (3, {"stride": 2}), ((1, 7), {"padding": (0, 3)})], ids=["1", "3, stride 2", "1×7"]
)
@torch.inference_mode()
def test_one_layer_is_convolution_norm_and_relu(x, kernel, options):
    ours, theirs = folded(block(kernel, **options))(x), block(kernel, **options)(x)
    assert ours.shape == theirs.shape
    assert relative(ours, theirs) < 2e-6
    assert float(ours.min()) == 0


@torch.inference_mode()
def test_an_image_has_the_same_bits_in_every_batch(x):
    layer = folded(block(3))
    whole = layer(x)
    for size in (1, 2, 4):
        assert torch.equal(torch.cat([layer(part) for part in x.split(size)]), whole)


def test_weights_are_held_once_and_come_back_to_the_last_bit(x):
    layer = folded(block(3))
    before = layer.conv.weight.detach().clone()
    with torch.inference_mode():
        rows = layer(x)
    assert layer.conv.weight.numel() == 0  # oneDNN's layout in place of it, not beside it
    layer.to("cpu")
    assert torch.equal(layer.conv.weight, before)
    with torch.inference_mode():
        assert torch.equal(layer(x), rows)
        assert relative(layer.double()(x.double()), rows.double()) < 2e-6


@torch.inference_mode()
def test_an_average_over_what_is_there_may_follow_a_1x1_convolution(x):
    plain, layer = block(1), folded(block(1))
    assert relative(_pooled(layer, x), plain(_pool(x))) < 2e-6
    # Averages that count the padding do not pass a bias: the order is no matter of taste.
    counted = functional.relu_(functional.avg_pool2d(layer.linear(x), 3, stride=1, padding=1))
    assert relative(counted, plain(functional.avg_pool2d(x, 3, stride=1, padding=1))) > 1e-2


def test_without_the_operator_the_same_is_computed_by_pytorch(x, monkeypatch):
    with torch.inference_mode():
        fused = folded(block(3))(x)
        monkeypatch.setattr("harness.encoders.fused._here", lambda: False)
        assert relative(folded(block(3))(x), fused) < 2e-6
    assert np.isfinite(fused.numpy()).all()
