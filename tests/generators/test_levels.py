"""Quantisation rules: each by hand, and against the code that it comes from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.base.errors import UsageError
from harness.generators.levels import to_levels


def f32(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("rule", "levels"),
    [
        # v = 127.5 x + 127.5 for x = -1, -2/255, 0, 1/255, 2/255, 1, 1.1: 0, 126.5, 127.5, 128, 128.5, 255, clipped
        ("round", [0, 126, 128, 128, 128, 255, 255]),
        ("truncate", [0, 127, 128, 128, 129, 255, 255]),
        ("adm", [0, 126, 127, 128, 128, 255, 255]),
    ],
)
def test_each_rule_on_values_worked_by_hand_with_their_halves(rule, levels):
    # In eighths of a level, so that the halves are exact in float64 and no rounding of the input decides.
    v = np.array([0, 126.5, 127.5, 128, 128.5, 255, 267.75])
    assert to_levels(v[:6], (0.0, 255.0), rule).tolist() == levels[:6]
    assert to_levels(v / 255, (0.0, 1.0), rule).tolist() == levels
    assert to_levels((v - 127.5) / 127.5, (-1.0, 1.0), rule).tolist() == levels


def test_the_rules_are_those_of_the_code_they_come_from_bit_by_bit():
    x = torch.linspace(-1.1, 1.1, 200_001)
    theirs = {
        "adm": ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8),  # guided-diffusion image_sample.py
        "truncate": (x * 127.5 + 128).clip(0, 255).to(torch.uint8),  # EDM generate.py
    }
    for rule, levels in theirs.items():
        assert np.array_equal(to_levels(x.numpy(), (-1.0, 1.0), rule), levels.numpy()), rule
    y = torch.linspace(0, 1, 200_001)
    saved = y.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)  # torchvision.utils.save_image
    assert np.array_equal(to_levels(y.numpy(), (0.0, 1.0), "truncate"), saved.numpy())
    piled = (y.numpy() * 255).round().astype("uint8")  # diffusers VaeImageProcessor.numpy_to_pil
    assert np.array_equal(to_levels(y.numpy(), (0.0, 1.0), "round"), piled)


def test_adm_is_half_a_level_darker_and_no_other_rule_is():
    x = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
    exact = x.astype(np.float64) * 127.5 + 127.5
    bias = {rule: float((to_levels(x, (-1.0, 1.0), rule) - exact).mean()) for rule in ("round", "truncate", "adm")}
    assert abs(bias["round"]) < 0.01
    assert abs(bias["truncate"]) < 0.01
    assert abs(bias["adm"] + 0.5) < 0.01


def test_uint8_networks_are_left_alone_and_nan_is_refused():
    rows = np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2)
    assert np.array_equal(to_levels(rows, None, "network"), rows)
    with pytest.raises(UsageError, match="uint8, but `quantise` is round"):
        to_levels(rows, (0.0, 255.0), "round")
    with pytest.raises(UsageError, match="NaN"):
        to_levels(f32(0, np.nan), (-1.0, 1.0), "round")
