"""Our recipes give the peers' own pixels, on image files as they come: PNG and JPEG, grey and colour, odd sizes.

The tolerances are what was measured, rounded up to one digit, in the unit that the peer's network gets.
"""

import io
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate
from torchvision import transforms

from harness.benchmark.protocols.catalogue import load, names
from harness.images.preprocessing.applying import apply
from harness.images.preprocessing.recipes import RECIPES, Preprocessing
from harness.images.preprocessing.steps import NORMALISATIONS, Crop, Resize

FORMS = [(32, 32), (256, 256), (512, 512), (427, 640), (333, 77), (61, 240)]
FILES = [(*form, mode, kind) for form in FORMS for mode, kind in (("RGB", "PNG"), ("RGB", "JPEG"), ("L", "PNG"))]


@cache
def decoded(height, width, mode="RGB", kind="PNG"):
    """A photograph squeezed to a size, written as a file and read again: uint8 (H, W, C)."""
    from sklearn.datasets import load_sample_images

    photograph = Image.fromarray(load_sample_images().images[(height + width) % 2]).convert(mode)
    packed = io.BytesIO()
    photograph.resize((width, height), Image.Resampling.LANCZOS).save(packed, kind)
    return np.array(Image.open(packed)).reshape(height, width, -1)


@pytest.fixture(params=FILES, ids=lambda file: "-".join(map(str, file)))
def image(request):
    return decoded(*request.param)


def colour(image):
    return np.repeat(image, 3, 2) if image.shape[2] == 1 else image


def nchw(image):
    return torch.from_numpy(np.ascontiguousarray(colour(image))).permute(2, 0, 1)[None]


def hwc(batch):
    return batch[0].permute(1, 2, 0).numpy()


def seen(name, image, **changed):
    return apply(RECIPES[name].model_copy(update=changed), image[None])[0]


def furthest(ours, theirs):
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == theirs.shape
    return np.abs(ours.astype(np.float64) - theirs).max()


class ReachedError(Exception):
    """Carries what a peer's network hands to its first layer."""


def first_layer(batch):
    raise ReachedError(batch)


def handed_over(forward, batch, **settings):
    """What a peer's own `forward` hands to its first layer: its code runs, its weights are not needed."""
    with pytest.raises(ReachedError) as reached:
        forward(SimpleNamespace(**settings), batch)
    return hwc(reached.value.args[0])


@pytest.mark.parametrize(("mode", "name"), [("clean", "clean"), ("legacy_pytorch", "clean-legacy-pytorch")])
def test_clean_fids_own_resizers_give_our_pixels_bit_for_bit(image, mode, name):
    from cleanfid.resize import build_resizer

    np.testing.assert_array_equal(seen(name, image, range=(0.0, 255.0)), build_resizer(mode)(colour(image)))


def test_clean_inception_is_clean_in_the_range_of_the_network(image):
    levels = seen("clean", image)
    np.testing.assert_array_equal(seen("clean-inception", image), (levels - np.float32(128)) / np.float32(128))


def test_torch_fidelity_resizes_to_our_pixels_bit_for_bit(image):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    theirs = interpolate_bilinear_2d_like_tensorflow1x(nchw(image).float(), size=(299, 299), align_corners=False)
    np.testing.assert_array_equal(seen("ttur", image, range=(0.0, 255.0)), hwc(theirs))


@pytest.mark.parametrize("name", ["ttur", "torch-fidelity", "torchmetrics-1.7", "clean-legacy-tensorflow"])
def test_torch_fidelitys_network_gets_our_pixels(image, name):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Peer

    theirs = handed_over(
        Peer.forward,
        nchw(image),
        features_list=["2048"],
        feature_extractor_internal_dtype=torch.float32,
        INPUT_IMAGE_SIZE=299,
        Conv2d_1a_3x3=first_layer,
    )
    np.testing.assert_array_equal(seen(name, image), theirs)


def test_pytorch_fids_network_gets_our_pixels(image):
    from pytorch_fid.inception import InceptionV3 as Peer

    theirs = handed_over(Peer.forward, nchw(image) / 255, resize_input=True, normalize_input=True, blocks=[first_layer])
    assert furthest(seen("pytorch-fid", image), theirs) <= 5e-7


@pytest.mark.parametrize(
    ("name", "antialias", "most"), [("torchmetrics-1.8", True, 4e-7), ("torchmetrics-1.7", False, 0.0)]
)
def test_torchmetrics_network_gets_our_pixels(image, name, antialias, most):
    from torchmetrics.image.fid import NoTrainInceptionV3 as Peer

    theirs = handed_over(
        Peer._torch_fidelity_forward,
        nchw(image),
        features_list=["2048"],
        use_antialias=antialias,
        INPUT_IMAGE_SIZE=299,
        Conv2d_1a_3x3=first_layer,
    )
    assert furthest(seen(name, image), theirs) <= most


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("edge", "crop"), [(224, 224), (256, 224), (65, (50, 64)), (30, 17)])
def test_shorter_edge_and_centre_crop_are_torchvisions_bit_for_bit(image, filter, edge, crop):
    ours = Preprocessing(resize=Resize(library="pillow", filter=filter, edge=edge), crop=crop)
    theirs = transforms.Compose(
        [
            transforms.Resize(edge, transforms.InterpolationMode[filter.upper()]),
            transforms.CenterCrop(crop),
        ]
    )(Image.fromarray(colour(image)))
    np.testing.assert_array_equal(apply(ours, image[None])[0], np.asarray(theirs))


def test_clean_fids_clip_images_are_a_shorter_edge_and_a_crop(image):
    """cleanfid/clip_features.py, img_preprocess_clip, which that module hides behind an import of the clip package."""
    theirs = transforms.Compose(
        [
            transforms.Resize(224, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ]
    )(Image.fromarray(colour(image)))
    assert furthest(seen("clip-fid", image), hwc(theirs[None])) <= 3e-7


def test_dgm_eval_is_torchvision_on_pillow_images(image):
    theirs = transforms.Compose(
        [
            transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )(Image.fromarray(colour(image)))
    assert furthest(seen("dgm-eval-dinov2", image), hwc(theirs[None])) <= 5e-7


@pytest.mark.parametrize(
    ("name", "side", "antialias", "normalisation"),
    [
        ("edm2-dinov2", 224, True, "imagenet"),
        ("cmmd", 336, False, "openai-clip"),
        ("cmmd-jax", 336, True, "openai-clip"),
    ],
)
def test_bicubic_overshoot_reaches_the_network_as_in_edm2_and_cmmd(image, name, side, antialias, normalisation):
    """The steps of NVlabs/edm2 calculate_metrics.py and of cmmd's embedding.py, in torch."""
    theirs = interpolate(nchw(image).float(), size=(side, side), mode="bicubic", antialias=antialias) / 255
    mean, sd = (
        torch.tensor(part).reshape(1, 3, 1, 1)
        for part in (NORMALISATIONS[normalisation].mean, NORMALISATIONS[normalisation].sd)
    )
    assert furthest(seen(name, image), hwc((theirs - mean) / sd)) <= 5e-7


@pytest.mark.parametrize("name", ["edm2-dinov2", "cmmd", "cmmd-jax"])
def test_clipping_the_overshoot_would_move_pixels_by_grey_levels(name):
    image = decoded(512, 512)
    levels = seen(name, image, range=(0.0, 255.0), normalise=None)
    assert levels.min() < -1
    assert levels.max() > 256
    clipping = RECIPES[name].resize.model_copy(update={"clip": True})
    clipped = seen(name, image, range=(0.0, 255.0), normalise=None, resize=clipping)
    np.testing.assert_array_equal(clipped, levels.clip(0, 255))


def keys_cubic(length, wanted):
    """Weights (wanted, length) of jax.image.resize's antialiased bicubic, after jax/_src/image/scale.py's description:
    Keys's kernel with a = -1/2, widened by the reduction, each output's weights summing to one."""
    scale = wanted / length
    at = (np.arange(wanted) + 0.5) / scale - 0.5
    x = np.abs(at[:, None] - np.arange(length)[None]) * min(scale, 1.0)
    weights = np.where(x <= 1, ((1.5 * x - 2.5) * x) * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0.0))
    return weights / weights.sum(1, keepdims=True)


def test_torchs_antialiased_bicubic_is_the_filter_that_jax_has(image):
    pixels = colour(image) / 255.0
    down, across = keys_cubic(pixels.shape[0], 336), keys_cubic(pixels.shape[1], 336)
    theirs = np.stack([down @ pixels[..., channel] @ across.T for channel in range(3)], axis=-1)
    assert furthest(seen("cmmd-jax", image, normalise=None), theirs.astype(np.float32)) <= 2e-5


def test_cmmds_readers_leave_its_own_resize_nothing_to_do(image):
    """io_util.py of cmmd and cmmd-pytorch: the square, offsets rounded down, then Pillow's bicubic to 336."""
    picture = Image.fromarray(image.squeeze())
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    read = np.asarray(picture.crop((left, top, left + side, top + side)).resize((336, 336), Image.Resampling.BICUBIC))
    read = read.reshape(336, 336, -1)
    ours = seen("cmmd-folder", image)
    for embed in ("cmmd", "cmmd-jax"):
        np.testing.assert_array_equal(ours, seen(embed, read))


@pytest.mark.parametrize("edge", [16, 64, 256])
def test_halving_first_is_guided_diffusions_centre_crop(image, edge):
    """The steps of openai/guided-diffusion, image_datasets.py, center_crop_arr."""
    picture = Image.fromarray(colour(image))
    while min(picture.size) >= 2 * edge:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    scale = edge / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    ours = Preprocessing(
        resize=Resize(library="pillow", filter="bicubic", edge=edge, halve=True),
        crop=Crop(size=None, rounding="down"),
    )
    assert ours.output_size() == (edge, edge)
    theirs = np.asarray(picture)[top : top + edge, left : left + edge]
    np.testing.assert_array_equal(apply(ours, image[None])[0], theirs)


@pytest.mark.parametrize(
    ("one", "other"),
    [("torchmetrics-1.8", "ttur"), ("torchmetrics-1.8", "pytorch-fid"), ("ttur", "pytorch-fid"), ("cmmd", "cmmd-jax")],
)
def test_recipes_that_differ_do_so_by_more_than_a_grey_level_so_that_these_tests_can_fail(one, other):
    image = decoded(512, 512)
    levels = [seen(name, image, range=(0.0, 255.0), normalise=None) for name in (one, other)]
    assert furthest(*levels) > 5


@pytest.mark.parametrize("name", names())
def test_every_recipe_that_a_protocol_names_exists_and_says_what_its_facts_say(name):
    protocol = load(name)
    if protocol.recipe is None:
        return
    recipe = RECIPES[protocol.recipe]
    facts = protocol.facts()
    assert recipe.resize.filter == facts["resize.filter"]
    if recipe.resize.size is None:
        assert recipe.resize.edge == facts["resize.shorter_edge"]
    else:
        assert list(recipe.resize.size) == facts["resize.size"]
    assert recipe.resize.antialias == facts["resize.antialias"]
    assert (recipe.resize.library == "tf1") == (not facts["resize.half_pixel_centres"])
    assert (recipe.quantise == "uint8") == facts["resize.rounded_to_uint8"]
