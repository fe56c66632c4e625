from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from cleanfid.resize import make_resizer
from PIL import Image
from torch.nn.functional import interpolate

from harness.base.errors import UsageError
from harness.images.preprocessing.applying import apply, libraries, recipe_digest
from harness.images.preprocessing.recipes import RECIPES, Preprocessing
from harness.images.preprocessing.steps import Crop, Resize


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


@pytest.fixture
def sizes() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    forms = [(23, 31, 3), (40, 17, 1), (17, 17, 3), (90, 33, 3)]
    return [rng.integers(0, 256, form, dtype=np.uint8) for form in forms]


FIXED = [
    pillow("bicubic", (9, 14), channels="grey", jpeg=75),
    recipe(resize={"library": "tf1", "filter": "bilinear", "size": 20}, quantise="none"),
    recipe(resize={"library": "torch", "filter": "bicubic", "edge": 16}, crop=12),
    recipe(resize={"library": "pillow", "filter": "box", "edge": 8, "halve": True}, crop="square", range=(0.0, 1.0)),
    recipe(
        resize={"library": "pillow", "filter": "box", "edge": 8}, crop={"size": "square", "order": "crop-then-resize"}
    ),
    recipe(crop=(16, 11)),
]


@pytest.mark.parametrize("steps", FIXED)
def test_images_of_different_sizes_become_one_set_each_as_by_itself(sizes, steps):
    together = apply(steps, sizes)
    alone = np.concatenate([apply(steps, image[None]) for image in sizes])
    assert together.dtype == alone.dtype
    np.testing.assert_array_equal(together, alone)
    assert together.shape[1:3] == steps.output_size()
    nothing = apply(steps, [])
    assert nothing.shape == (0, *together.shape[1:])
    assert nothing.dtype == together.dtype


@pytest.mark.parametrize(
    "steps", [recipe(), recipe(jpeg=75), recipe(crop="square"), recipe(resize={**FIXED[2].resize.model_dump()})]
)
def test_images_that_stay_at_different_sizes_are_refused(sizes, steps):
    with pytest.raises(UsageError, match=r"leaves images at \d sizes \(.*add `resize"):
        apply(steps, sizes)
    with pytest.raises(UsageError, match="no images, and preprocessing"):
        apply(steps, [])
    same = [sizes[2], sizes[2][::-1]]
    np.testing.assert_array_equal(apply(steps, same), apply(steps, np.stack(same)))


def test_an_image_smaller_than_the_crop_is_refused_not_padded(sizes):
    with pytest.raises(UsageError, match="an image of 17×17 is smaller than the crop to 18×11"):
        apply(recipe(crop=(18, 11)), sizes)


def test_what_is_no_list_of_uint8_images_is_a_programming_error(sizes):
    for wrong in (sizes[0].astype(np.float32), sizes[0][..., :2], sizes[0][None]):
        with pytest.raises(ValueError, match=r"each image must be uint8 \(H, W, C\)"):
            apply(FIXED[0], [*sizes, wrong])


@pytest.mark.parametrize("spare", range(8))
def test_the_crops_offset_is_rounded_to_even_or_down(spare):
    rows = np.arange(5 + spare, dtype=np.uint8).reshape(1, -1, 1, 1)
    nearest, down = (
        apply(recipe(channels="grey", crop={"size": (5, 1), "rounding": rounding}), rows)[0, 0, 0, 0]
        for rounding in ("nearest", "down")
    )
    assert (nearest, down) == ([0, 0, 1, 2, 2, 2, 3, 4][spare], spare // 2)


def test_crop_and_resize_do_not_commute(colour):
    box = {"library": "pillow", "filter": "box", "size": 8}
    first, then = (
        recipe(resize=box, crop=Crop(size=(6, 6), order=order)) for order in ("crop-then-resize", "resize-then-crop")
    )
    assert apply(first, colour).shape[1:3] == first.output_size() == (8, 8)
    assert apply(then, colour).shape[1:3] == then.output_size() == (6, 6)
    np.testing.assert_array_equal(apply(first, colour), apply(pillow("box", 8), apply(recipe(crop=6), colour)))
    np.testing.assert_array_equal(apply(then, colour), apply(recipe(crop=6), apply(pillow("box", 8), colour)))


def test_tf1_reads_at_multiples_of_the_scale_without_half_pixels():
    """By hand: 4 columns to 8 is every half column, the last repeated; 4 to 2 is every second, nothing averaged."""
    row = np.array([0, 10, 20, 40], dtype=np.uint8).reshape(1, 1, 4, 1)
    steps = {"library": "tf1", "filter": "bilinear"}
    twice = apply(recipe(channels="grey", quantise="none", resize={**steps, "size": (1, 8)}), row)
    np.testing.assert_array_equal(twice.ravel(), [0, 5, 10, 15, 20, 30, 40, 40])
    half = apply(recipe(channels="grey", resize={**steps, "size": (1, 2)}), row)
    np.testing.assert_array_equal(half.ravel(), [0, 20])


def test_normalise_takes_the_mean_off_and_divides_in_the_unit_of_the_range(colour):
    mean, sd = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    ours = apply(recipe(range=(0.0, 1.0), normalise={"mean": mean, "sd": sd}), colour)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, (colour / 255 - mean) / sd, rtol=0, atol=3e-7)
    levels = apply(recipe(normalise={"mean": [128], "sd": [64]}), colour)
    np.testing.assert_array_equal(levels, (colour.astype(np.float32) - 128) / 64)


def test_digest_and_label_know_the_later_steps():
    edge = {"library": "pillow", "filter": "bicubic", "edge": 8}
    square = {"size": "square", "order": "crop-then-resize"}
    unit = {"range": (0.0, 1.0)}
    different = [
        pillow("bicubic", 8),
        recipe(resize=edge),
        recipe(resize={**edge, "halve": True}),
        recipe(resize=edge, crop=8),
        recipe(resize=edge, crop=(8, 7)),
        recipe(resize=edge, crop="square"),
        recipe(resize=edge, crop=square),
        recipe(resize=edge, crop={"size": 8, "rounding": "down"}),
        recipe(crop=8),
        with_torch("bicubic", 8),
        recipe(resize={"library": "torch", "filter": "bicubic", "size": 8, "clip": False}),
        recipe(**unit),
        recipe(**unit, normalise="imagenet"),
        recipe(**unit, normalise="openai-clip"),
        recipe(**unit, normalise="half"),
        recipe(**unit, normalise={"mean": [0.5], "sd": [0.25]}),
        *FIXED,
    ]
    for named in (recipe_digest, lambda one: one.label, lambda one: one.words):
        assert len({named(one) for one in different}) == len(different)
    half = recipe(**unit, normalise={"mean": [0.5, 0.5, 0.5], "sd": [0.5]})
    assert recipe_digest(half) == recipe_digest(recipe(**unit, normalise="half"))
    assert half.label == "rgb_uint8_0..1_half"
    alone = recipe(crop={"size": 8, "order": "crop-then-resize"})
    assert recipe_digest(alone) == recipe_digest(recipe(crop=8))


def test_recipes_from_before_crop_and_normalise_keep_digest_and_label():
    """Digests as commit be58739 computed them; stored features and results are found under them."""
    cases = {
        "none": RECIPES["none"],
        "clean": RECIPES["clean"],
        "pytorch-fid": RECIPES["pytorch-fid"],
        "grey_jpeg75_torch-area-aliased-8x9_uint8_0..1": with_torch(
            "area", (8, 9), channels="grey", jpeg=75, range=(0.0, 1.0)
        ),
        "rgb_pillow-nearest-9x8_uint8_0..255": pillow("nearest", (9, 8)),
    }
    assert {label: recipe_digest(one)[:16] for label, one in cases.items()} == {
        "none": "4de22085b946eb2b",
        "clean": "2645be51606069c3",
        "pytorch-fid": "cf8f2e5b2c156eb2",
        "grey_jpeg75_torch-area-aliased-8x9_uint8_0..1": "1cb212fb5ac380ec",
        "rgb_pillow-nearest-9x8_uint8_0..255": "c82ab639ac97a89e",
    }
    assert {label: one.label for label, one in cases.items()} == {label: label for label in cases}
