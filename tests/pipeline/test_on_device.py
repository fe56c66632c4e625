"""Metrics through PyTorch agree with those through BLAS: on the CPU, as no accelerator is at hand here."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics import CPU, analyse
from harness.pipeline import OnDevice, processor_of
from harness.uncertainty import MetricCall, interval

CALLS = {
    "fd": MetricCall("fd"),
    "kd": MetricCall("kd"),
    "kid_subsets": MetricCall("kid_subsets", {"subset_size": 300, "subsets": 12}),
    "cmmd": MetricCall("cmmd"),
}
BALLS = {name: MetricCall(name) for name in ("precision", "recall", "density", "coverage", "authenticity")}


def sets(d, kind, n):
    """Rows of correlated columns, each set of another size."""
    rng = np.random.default_rng(d)
    mixing = rng.standard_normal((d, d)) / np.sqrt(d)
    rows = [np.maximum(rng.standard_normal((n + more, d)) @ mixing + 0.3, 0) for more in (0, 37)]
    return [part.astype(kind) for part in (rows[0], rows[1] + 0.01)]


def analysed(calls, pair, processor):
    return analyse(calls, *pair, real_seed=1, fake_seed=2, replicates=60, processor=processor)


def shown(analysis, reference):
    found = interval(analysis, level=0.95, target="T_N", reference=reference)
    return [found.value, found.se, found.low, found.high]


@pytest.mark.parametrize("room", [None, 0], ids=["kept on the device", "block by block"])
def test_distances_of_wide_features_agree_to_a_thousandth_of_the_standard_error(room):
    pair = sets(260, np.float32, n=1050)  # more than one block of columns
    ours, theirs = (analysed(CALLS, pair, on) for on in (CPU, OnDevice("cpu", room=room)))
    for name in CALLS:
        assert "float32" in ours[name].method
        for reference in ("random", "fixed"):
            here, there = shown(ours[name], reference), shown(theirs[name], reference)
            assert np.abs(np.subtract(here, there)).max() < 1e-3 * here[1], name


@pytest.mark.parametrize("room", [None, 0], ids=["kept on the device", "block by block"])
def test_metrics_of_neighbours_are_the_same_numbers(room):
    pair = sets(520, np.float32, n=300)
    ours, theirs = (analysed(BALLS, pair, on) for on in (CPU, OnDevice("cpu", room=room)))
    for name in BALLS:  # what bounds leave in doubt is computed exactly
        assert shown(ours[name], "random") == shown(theirs[name], "random"), name


def test_float64_features_agree_to_rounding_of_float64():
    pair = sets(260, np.float64, n=300)
    calls = {name: CALLS[name] for name in ("fd", "kd")}
    ours, theirs = (analysed(calls, pair, on) for on in (CPU, OnDevice("cpu")))
    for name in calls:
        assert shown(theirs[name], "random") == pytest.approx(shown(ours[name], "random"), rel=1e-9), name


def test_narrow_features_never_go_to_the_device():
    pair = sets(40, np.float32, n=300)
    calls = {"fd": MetricCall("fd"), "kd": MetricCall("kd"), "precision": MetricCall("precision")}
    ours, theirs = (analysed(calls, pair, on) for on in (CPU, OnDevice("cpu")))
    assert all(shown(ours[name], "random") == shown(theirs[name], "random") for name in calls)


def test_a_program_that_rounds_products_itself_does_not_round_these():
    torch = pytest.importorskip("torch")
    rows = np.random.default_rng(0).standard_normal((300, 270)).astype(np.float32)
    exactly = rows.astype(np.float64) @ rows.T.astype(np.float64)
    torch.set_float32_matmul_precision("medium")
    try:
        on = OnDevice("cpu")
        held = on.hold(rows, np.zeros(270, np.float32)).block(slice(0, 300))
        assert np.abs(on.product(held, held) - exactly).max() < 1e-3
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_cpu_and_apples_gpus_compute_by_blas():
    assert processor_of("cpu") is CPU
    assert processor_of("mps") is CPU  # no float64 there
    assert processor_of("cuda:1").name == "cuda:1"
