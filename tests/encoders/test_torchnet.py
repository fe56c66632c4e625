"""How every PyTorch encoder computes: what it is handed decides its rows, not the program or the device around it."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from harness.encoders.torchnet import CHUNK, CHUNK_ELSEWHERE, TorchEncoder

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2 * CHUNK + 3, 8, 8, 3)).astype(np.float32)


class Meets(nn.Module):
    """A small network that notes the size of each batch that it meets."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))
        self.met = []

    def forward(self, x):
        self.met.append(len(x))
        return self.body(x)


def encoder(**options):
    network = Meets()
    return TorchEncoder(network, network, dim=10, side=8, **options)


def test_batches_are_cut_into_chunks_and_no_row_is_lost():
    made = encoder()
    rows = made.encode(IMAGES)
    assert made._network.met == [CHUNK, CHUNK, 3]
    alone = np.concatenate([made.encode(IMAGES[i : i + 1]) for i in range(len(IMAGES))])
    assert np.abs(rows - alone).max() < 1e-6
    assert made.encode(IMAGES[:0]).shape == (0, 10)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_on_a_device_nothing_waits_for_a_value(dtype):
    """On `meta`, where there are no values, whatever waits for one raises: `rows` queues all its work and returns."""
    made = encoder(dtype=dtype)
    made.to("meta")
    many = np.zeros((CHUNK_ELSEWHERE + 5, 8, 8, 3), np.float32)
    rows = made.rows(many)
    assert (rows.device.type, rows.dtype, tuple(rows.shape)) == ("meta", torch.float32, (CHUNK_ELSEWHERE + 5, 10))
    assert made._network.met == [CHUNK_ELSEWHERE, 5]
    with pytest.raises((NotImplementedError, RuntimeError)):
        made.encode(many)  # this one looks


def test_rows_stay_where_they_were_computed_and_are_those_of_encode():
    made = encoder()
    assert np.array_equal(made.rows(IMAGES).numpy(), made.encode(IMAGES))


@pytest.fixture
def restored():
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("around", "precision"),
    [(nullcontext, "medium"), (lambda: torch.autocast("cpu", torch.bfloat16), "highest")],
    ids=["products in bfloat16 allowed", "autocast"],
)
def test_a_program_that_rounds_does_not_round_features(restored, around, precision):
    wanted = encoder().encode(IMAGES)
    torch.set_float32_matmul_precision(precision)
    with around():
        found = encoder().encode(IMAGES)
        assert torch.get_float32_matmul_precision() == precision
    assert np.array_equal(found, wanted)


def test_settings_by_backend_are_left_as_they_were_found():
    part = getattr(torch.backends.mkldnn, "matmul", None)
    if not hasattr(part, "fp32_precision"):
        pytest.skip("this PyTorch has no settings by backend")
    wanted, before = encoder().encode(IMAGES), part.fp32_precision
    try:
        part.fp32_precision = "bf16"
        assert np.array_equal(encoder().encode(IMAGES), wanted)
        assert part.fp32_precision == "bf16"
    finally:
        part.fp32_precision = before
        torch.set_float32_matmul_precision("highest")  # one of both kinds of settings, as a fresh process has it
