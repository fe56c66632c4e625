from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from cleanfid.resize import make_resizer
from PIL import Image
from torch.nn.functional import interpolate

from harness.preprocessing import apply, libraries, recipe_digest
from harness.recipes import RECIPES, Preprocessing, Resize


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 23, 31, 3), dtype=np.uint8)


def recipe(**steps) -> Preprocessing:
    resize = steps.pop("resize", None)
    return Preprocessing(**steps, resize=None if resize is None else Resize(**resize))


def pillow(filter: str, size, **steps) -> Preprocessing:
    return recipe(
        resize={"library": "pillow", "filter": filter, "antialias": filter != "nearest", "size": size}, **steps
    )


def with_torch(filter: str, size, antialias: bool = False, **steps) -> Preprocessing:
    return recipe(resize={"library": "torch", "filter": filter, "antialias": antialias, "size": size}, **steps)


CLEANFID_FILTERS = ["bicubic", "bilinear", "nearest", "lanczos", "box"]


@pytest.mark.parametrize("filter", CLEANFID_FILTERS)
@pytest.mark.parametrize("size", [(9, 14), (60, 40), (23, 10)])
def test_pillow_without_rounding_is_cleanfids_resizer_bit_for_bit(colour, filter, size):
    theirs = make_resizer("PIL", False, filter, (size[1], size[0]))
    ours = apply(pillow(filter, size, quantise="none"), colour)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, np.stack([theirs(image) for image in colour]))


@pytest.mark.parametrize("filter", CLEANFID_FILTERS)
def test_pillow_with_rounding_is_pillow_on_the_8_bit_image(colour, filter):
    theirs = make_resizer("PIL", True, filter, (14, 9))
    ours = apply(pillow(filter, (9, 14)), colour)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, np.stack([theirs(image) for image in colour]))


def test_rounding_before_and_after_are_different_numbers(colour):
    """Pillow rounds between its two passes, so its 8-bit result is not the float result rounded."""
    in_8_bits = apply(pillow("bicubic", (9, 14)), colour)
    afterwards = np.rint(apply(pillow("bicubic", (9, 14), quantise="none"), colour))
    assert 0 < np.abs(in_8_bits - afterwards).max() <= 2


@pytest.mark.parametrize(
    ("filter", "antialias", "options"),
    [
        ("nearest", False, {}),
        ("area", False, {}),
        *[(f, a, {"align_corners": False, "antialias": a}) for f in ("bilinear", "bicubic") for a in (False, True)],
    ],
)
def test_torch_is_interpolate_on_the_batch(colour, filter, antialias, options):
    batch = torch.from_numpy(colour).permute(0, 3, 1, 2).float()
    theirs = interpolate(batch, (9, 14), mode=filter, **options).clamp(0, 255).permute(0, 2, 3, 1).numpy()
    ours = apply(with_torch(filter, (9, 14), antialias, quantise="none"), colour)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    rounded = apply(with_torch(filter, (9, 14), antialias), colour)
    np.testing.assert_array_equal(rounded, np.rint(ours).astype(np.uint8))


def test_torch_antialias_changes_a_reduction(colour):
    smooth, rough = (apply(with_torch("bilinear", 8, antialias), colour).astype(int) for antialias in (True, False))
    assert np.abs(smooth - rough).mean() > 10


def test_the_pytorch_fid_recipe_is_what_pytorch_fid_feeds_its_network(colour):
    unit = torch.stack([torch.from_numpy(image.transpose(2, 0, 1) / np.float32(255)) for image in colour])  # ToTensor
    theirs = 2 * interpolate(unit, size=(299, 299), mode="bilinear", align_corners=False) - 1
    ours = apply(RECIPES["pytorch-fid"], colour)
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=2e-6)


def test_the_clean_recipe_is_what_cleanfid_feeds_its_network(colour):
    theirs = make_resizer("PIL", False, "bicubic", (299, 299))
    np.testing.assert_array_equal(apply(RECIPES["clean"], colour[:1])[0], theirs(colour[0]))


@pytest.mark.parametrize("quantise", ["uint8", "none"])
@pytest.mark.parametrize(
    "make", [lambda **s: pillow("lanczos", (23, 31), **s), lambda **s: with_torch("bicubic", (23, 31), **s)]
)
def test_a_resize_to_the_same_size_changes_no_pixel(colour, make, quantise):
    np.testing.assert_array_equal(apply(make(quantise=quantise), colour), colour)


@pytest.mark.parametrize(
    "steps",
    [
        pillow("bicubic", 8, channels="grey", jpeg=75, range=(0, 1)),
        pillow("lanczos", (40, 9), jpeg=30, quantise="none"),
        with_torch("bilinear", 8, True, channels="grey", range=(-1, 1)),
        with_torch("bicubic", 50, quantise="none"),
    ],
)
def test_an_image_does_not_depend_on_its_batch(colour, steps):
    together = apply(steps, colour)
    alone = np.concatenate([apply(steps, colour[i : i + 1]) for i in range(len(colour))])
    reversed_ = apply(steps, colour[::-1])[::-1]
    assert together.tobytes() == alone.tobytes() == np.ascontiguousarray(reversed_).tobytes()
    assert apply(steps, colour[:0]).shape == (0, *together.shape[1:])
    assert apply(steps, colour[:0]).dtype == together.dtype


def test_the_images_given_are_left_alone(colour):
    before = colour.copy()
    apply(pillow("bicubic", 8, channels="grey", jpeg=75, range=(0, 1)), colour)
    np.testing.assert_array_equal(colour, before)


def test_grey_is_pillows_l_on_every_colour():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    every = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 52, 3)
    ours = apply(recipe(channels="grey"), every)
    np.testing.assert_array_equal(ours[0, ..., 0], np.asarray(Image.fromarray(every[0]).convert("L")))


def test_grey_of_equal_channels_is_the_channel_and_rgb_repeats_it(colour):
    one = colour[..., :1]
    three = apply(recipe(channels="rgb"), one)
    np.testing.assert_array_equal(three, np.repeat(one, 3, axis=3))
    np.testing.assert_array_equal(apply(recipe(channels="grey"), three), one)
    np.testing.assert_array_equal(apply(recipe(channels="rgb"), colour), colour)


@pytest.mark.parametrize("quality", [1, 75, 100])
@pytest.mark.parametrize("channels", ["grey", "rgb"])
def test_jpeg_is_pillows_default_round_trip(colour, quality, channels):
    """4:2:0 is also what Pillow chooses when it is not told."""
    start = apply(recipe(channels=channels), colour)
    ours = apply(recipe(channels=channels, jpeg=quality), colour)
    for image, result in zip(start, ours, strict=True):
        packed = io.BytesIO()
        Image.fromarray(image.squeeze()).save(packed, "JPEG", quality=quality)
        np.testing.assert_array_equal(result.squeeze(), np.asarray(Image.open(packed)))


def test_jpeg_comes_before_resize(colour):
    both = apply(pillow("box", 8, jpeg=20), colour)
    first = apply(recipe(jpeg=20), colour)
    np.testing.assert_array_equal(both, apply(pillow("box", 8), first))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0, 1), np.arange(256, dtype=np.float32) / np.float32(255)),
        ((-1, 0.9921875), (np.arange(256, dtype=np.float32) - 128) / 128),
        ((-1, 1), (np.arange(256) / 127.5 - 1).astype(np.float32)),
    ],
)
def test_range_is_the_usual_formula_on_every_level(ends, expected):
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    found = apply(recipe(channels="grey", range=ends), levels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-7)
    if ends != (-1, 1):  # exact in floats
        np.testing.assert_array_equal(found.ravel(), expected)


def test_type_is_uint8_only_when_rounded_and_in_0_to_255(colour):
    assert apply(recipe(), colour).dtype == np.uint8
    assert apply(recipe(quantise="none"), colour).dtype == np.float32
    assert apply(recipe(range=(0, 1)), colour).dtype == np.float32


def test_what_is_no_uint8_image_set_is_a_programming_error(colour):
    for wrong in (colour.astype(np.float32), colour[0], colour[..., :2]):
        with pytest.raises(ValueError, match=r"must be uint8 \(n, H, W, C\)"):
            apply(recipe(), wrong)


def test_digest_knows_two_spellings_of_one_recipe_and_every_difference():
    first = pillow("bicubic", 8, channels="grey", range=(0, 1))
    assert recipe_digest(first) == recipe_digest(pillow("bicubic", (8, 8), channels="grey", range=(0.0, 1.0)))
    others = [
        pillow("bicubic", 8, channels="rgb", range=(0, 1)),
        pillow("lanczos", 8, channels="grey", range=(0, 1)),
        pillow("bicubic", (8, 9), channels="grey", range=(0, 1)),
        pillow("bicubic", 8, channels="grey", range=(0, 1), quantise="none"),
        pillow("bicubic", 8, channels="grey", range=(-1, 1)),
        pillow("bicubic", 8, channels="grey", range=(0, 1), jpeg=90),
        with_torch("bicubic", 8, True, channels="grey", range=(0, 1)),
        with_torch("bicubic", 8, False, channels="grey", range=(0, 1)),
        recipe(channels="grey", range=(0, 1)),
    ]
    assert len({recipe_digest(one) for one in [first, *others]}) == 10


def test_libraries_are_those_that_can_change_a_pixel():
    assert libraries(recipe(channels="grey", range=(0, 1))) == {}
    assert set(libraries(pillow("box", 8))) == {"pillow"}
    assert set(libraries(with_torch("area", 8))) == {"torch"}
    with_jpeg = libraries(recipe(jpeg=75))
    assert with_jpeg["pillow"] == Image.__version__
    assert len(with_jpeg) == 2
    assert all(with_jpeg.values())
