"""Our recipes give the peers' own pixels, on crops of photographs of many sizes, grey and colour."""

import numpy as np
import pytest
import torch

from harness.preprocessing import apply
from harness.protocols import load, names
from harness.recipes import RECIPES

SIZES = [(32, 32), (64, 48), (256, 256), (300, 200), (427, 427), (512, 400)]


def crop(height, width, *, grey=False, seed=0):
    """A piece of a photograph, enlarged by whole pixels where the photograph is too small; uint8 (1, H, W, C)."""
    from sklearn.datasets import load_sample_images

    photograph = load_sample_images().images[seed % 2]
    photograph = np.repeat(np.repeat(photograph, 2, 0), 2, 1)
    rng = np.random.default_rng([seed, height])
    top, left = rng.integers(photograph.shape[0] - height), rng.integers(photograph.shape[1] - width)
    piece = photograph[top : top + height, left : left + width]
    return (piece[..., :1] if grey else piece)[None]


def channels_first(images):
    return torch.from_numpy(np.repeat(images, 3, 3) if images.shape[3] == 1 else images).permute(0, 3, 1, 2)


def unscaled(recipe, rows):
    """Back to grey levels: what the peers' resizers return."""
    low, high = recipe.range
    return (rows.astype(np.float64) - low) * 255 / (high - low)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("grey", [False, True])
def test_ttur_is_torch_fidelitys_port_of_tensorflow_1(size, grey):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    images = crop(*size, grey=grey)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(
        channels_first(images).float(), size=(299, 299), align_corners=False
    )
    theirs = ((theirs - 128) / 128).permute(0, 2, 3, 1).numpy()
    assert np.abs(apply(RECIPES["ttur"], images) - theirs).max() < 2e-6


@pytest.mark.parametrize("size", SIZES)
def test_clean_inception_is_clean_fids_resizer_to_the_last_bit(size):
    from cleanfid.resize import make_resizer

    images = crop(*size)
    theirs = make_resizer("PIL", False, "bicubic", (299, 299))(images[0])
    ours = apply(RECIPES["clean-inception"], images)[0]
    assert np.array_equal(ours, ((theirs.astype(np.float64) - 128) / 128).astype(np.float32))


@pytest.mark.parametrize("size", SIZES)
def test_pytorch_fid_is_its_own_interpolation(size):
    images = crop(*size)
    scaled = channels_first(images).float() / 255
    theirs = torch.nn.functional.interpolate(scaled, size=(299, 299), mode="bilinear", align_corners=False)
    theirs = (2 * theirs - 1).permute(0, 2, 3, 1).numpy()
    assert np.abs(apply(RECIPES["pytorch-fid"], images) - theirs).max() < 2e-6


@pytest.mark.parametrize("size", SIZES)
def test_torchmetrics_since_1_8_is_its_antialiased_interpolation(size):
    images = crop(*size)
    theirs = torch.nn.functional.interpolate(
        channels_first(images).float(), size=(299, 299), mode="bilinear", align_corners=False, antialias=True
    )
    theirs = ((theirs - 128) / 128).permute(0, 2, 3, 1).numpy()
    assert np.abs(apply(RECIPES["torchmetrics-1.8"], images) - theirs).max() < 2e-6


@pytest.mark.parametrize("size", SIZES)
def test_dgm_eval_is_torchvision_on_pillow_images(size):
    from PIL import Image
    from torchvision import transforms

    images = crop(*size)
    theirs = transforms.Compose([
        transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])(Image.fromarray(images[0])).permute(1, 2, 0).numpy()  # fmt: skip
    assert np.abs(apply(RECIPES["dgm-eval-dinov2"], images)[0] - theirs).max() < 1e-6


def test_antialiasing_moves_pixels_by_grey_levels_so_that_these_tests_can_fail():
    images = crop(512, 512)
    with_it, without = (unscaled(RECIPES[name], apply(RECIPES[name], images)) for name in ("torchmetrics-1.8", "ttur"))
    assert np.abs(with_it - without).max() > 5
    half_pixel = unscaled(RECIPES["pytorch-fid"], apply(RECIPES["pytorch-fid"], images))
    assert np.abs(half_pixel - without).max() > 5


@pytest.mark.parametrize("name", names())
def test_every_recipe_that_a_protocol_names_exists_and_says_what_its_facts_say(name):
    protocol = load(name)
    if protocol.recipe is None:
        return
    recipe = RECIPES[protocol.recipe]
    facts = protocol.facts()
    assert recipe.resize.filter == facts["resize.filter"]
    assert list(recipe.resize.size) == facts["resize.size"]
    assert recipe.resize.antialias == facts["resize.antialias"]
    assert (recipe.resize.library == "tf1") == (not facts["resize.half_pixel_centres"])
    assert (recipe.quantise == "uint8") == facts["resize.rounded_to_uint8"]
