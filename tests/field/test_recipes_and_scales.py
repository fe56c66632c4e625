"""Steps of a recipe that cannot act are refused, the field's words are taken, and arrays are told how to be uint8."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from harness import estimate
from harness.base import UsageError
from harness.images import Preprocessing, open_images
from harness.images.preprocessing.steps import Normalise
from harness.pipeline.sample import _checked as checked_images

BOX = {"library": "pillow", "filter": "box"}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({"resize": {**BOX, "size": 32}, "crop": "square"}, "crop has no effect: resize already squashes .* 32×32"),
        ({"resize": {**BOX, "size": [24, 32]}, "crop": [24, 32]}, "crop has no effect: .* 24×32"),
        ({"resize": {**BOX, "size": 8}, "crop": {"size": 8, "order": "crop-then-resize"}}, "resize has no effect"),
        ({"resize": {**BOX, "edge": 8}, "crop": {"size": 8, "order": "crop-then-resize"}}, "resize has no effect"),
        ({"normalise": {"mean": [0], "std": [1]}}, "mean 0 and sd 1 have no effect"),
    ],
)
def test_a_step_that_cannot_act_is_refused(steps, words):
    with pytest.raises(ValidationError, match=words):
        Preprocessing.model_validate(steps)


@pytest.mark.parametrize(
    "steps",
    [
        {"resize": {**BOX, "edge": 32}, "crop": "square"},
        {"resize": {**BOX, "size": [24, 32]}, "crop": "square"},
        {"resize": {**BOX, "size": 32}, "crop": {"size": "square", "order": "crop-then-resize"}},
    ],
)
def test_a_step_that_can_act_is_kept(steps):
    assert Preprocessing.model_validate(steps).crop is not None


def test_mean_and_std_are_mean_and_sd():
    both = [Normalise.model_validate({"mean": [0.1, 0.2, 0.3], word: [0.4, 0.5, 0.6]}) for word in ("sd", "std")]
    assert both[0] == both[1]
    with pytest.raises(ValidationError, match="both sd and std"):
        Normalise.model_validate({"mean": [0.1], "sd": [1.0], "std": [1.0]})


def levels() -> np.ndarray:
    return np.arange(256).repeat(3).reshape(4, 8, 8, 3)


@pytest.mark.parametrize(
    "stored",
    [
        levels().astype(np.int64),
        (levels() * 257).astype(np.uint16),
        levels() / 255,
        (levels() / 127.5 - 1).astype(np.float32),
        levels().astype(np.float32),
    ],
    ids=["int64", "uint16", "unit", "signed", "float levels"],
)
def test_one_conversion_in_the_advice_for_a_kind_of_array_gives_the_pixels_back(tmp_path, stored):
    np.save(tmp_path / "a.npy", stored)
    with pytest.raises(UsageError) as refused:
        open_images("npy", {"path": tmp_path / "a.npy"})
    advice = str(refused.value)
    ways = [
        word.strip(" ,;")
        for word in (
            "(x * 255).round().clip(0, 255).astype(np.uint8)",
            "(x * 127.5 + 127.5).round().clip(0, 255).astype(np.uint8)",
            "x.round().clip(0, 255).astype(np.uint8)",
            "(x / 257).round().astype(np.uint8)",
            "of 0 to 255 x.astype(np.uint8)",
        )
        if word in advice
    ]
    ways = [way.removeprefix("of 0 to 255 ") for way in ways]
    assert any(np.array_equal(eval(way, {"np": np, "x": stored}), levels()) for way in ways)
    if stored.dtype == np.int64:
        assert "127.5" not in advice  # it made every level above 0 white


def test_an_array_of_true_and_false_is_told_black_and_white(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 8, 8), bool))
    with pytest.raises(UsageError, match=r"x\.astype\(np\.uint8\) \* 255"):
        open_images("npy", {"path": tmp_path / "a.npy"})


@pytest.mark.parametrize(
    ("code", "dtype", "stored"),
    [
        (0x09, "i1", levels() // 2),
        (0x0B, ">i2", levels()),
        (0x0C, ">i4", levels()),
        (0x0D, ">f4", levels() / 255),
        (0x0E, ">f8", levels() / 255),
    ],
    ids=["int8", "int16", "int32", "float32", "float64"],
)
def test_an_idx_of_another_type_is_called_by_it_with_its_conversion(tmp_path, code, dtype, stored):
    header = bytes([0, 0, code, stored.ndim]) + np.array(stored.shape, ">u4").tobytes()
    (tmp_path / "images").write_bytes(header + stored.astype(dtype).tobytes())
    with pytest.raises(UsageError) as refused:
        open_images("idx", {"images": tmp_path / "images"})
    told = str(refused.value)
    assert f"is {np.dtype(dtype).name}, not uint8 (0x08)" in told
    scaled = "(x * 255).round().clip(0, 255).astype(np.uint8)"
    assert (scaled in told) == (dtype[-2] == "f")
    assert ("of 0 to 255 x.astype(np.uint8)" in told) == ("i" in dtype)


@pytest.mark.parametrize(
    ("expression", "advice"),
    [
        ("np.zeros((len(seeds), 8, 8, 1))", "of [0, 1] (x * 255).round().clip(0, 255).astype(np.uint8)"),
        ("np.zeros((len(seeds), 8, 8, 1), np.int64)", "of 0 to 255 x.astype(np.uint8), if x.min() and x.max()"),
        ("np.zeros((len(seeds), 8, 8), bool)", "x.astype(np.uint8) * 255"),
    ],
    ids=["float", "int64", "bool"],
)
def test_a_generator_of_other_numbers_is_told_the_conversion_for_them(expression, advice):
    def sample(seeds):
        return eval(expression, {"np": np, "seeds": seeds})

    with pytest.raises(UsageError) as refused:
        checked_images(sample, [1, 2, 3], 0)
    assert "it must give uint8" in str(refused.value)
    assert advice in str(refused.value)
    if "np.int64" in expression or "bool" in expression:
        assert "127.5" not in str(refused.value)


def test_images_given_to_estimate_are_told_that_features_are_asked_for():
    images = np.zeros((20, 8, 8, 3), np.uint8)
    with pytest.raises(UsageError, match="images are encoded first, as `harness score` does"):
        estimate("fd", images, images)
