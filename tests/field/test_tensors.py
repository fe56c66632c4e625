"""Features as a script has them: tensors with a gradient, in bfloat16."""

import numpy as np
import pytest
import torch

from harness import estimate
from harness.base.errors import UsageError
from harness.metrics.analyses import value_of
from harness.uncertainty.analysis import MetricCall


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    # Numbers that bfloat16 holds exactly, so that the estimate must be the same.
    return rng.integers(-8, 9, (2, 60, 4)).astype(np.float32) + np.arange(60)[:, None] / 64


@pytest.mark.parametrize("metric", ["fd", "recall"])
def test_a_tensor_with_a_gradient_is_read_as_its_numbers(rows, metric):
    tensors = [torch.tensor(side, requires_grad=True) for side in rows]
    assert estimate(metric, *tensors) == estimate(metric, *rows.astype(np.float32))
    assert value_of(MetricCall(metric), *tensors) == value_of(MetricCall(metric), *rows.astype(np.float32))


def test_bfloat16_is_read_exactly(rows):
    tensors = [torch.tensor(side, dtype=torch.bfloat16) for side in rows]
    assert estimate("fd", *tensors) == estimate("fd", *(tensor.float().numpy() for tensor in tensors))


def test_a_tensor_of_another_shape_is_refused_in_one_sentence(rows):
    with pytest.raises(UsageError, match="`fake` has shape \\(60,\\); features are an array"):
        estimate("fd", torch.tensor(rows[0], requires_grad=True), torch.zeros(60, requires_grad=True))
