"""What dgm-eval's other encoders need, the images they are given, and the protocols that name them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from harness.base.errors import UsageError
from harness.benchmark import registry
from harness.benchmark.protocols.catalogue import load
from harness.cli.main import main
from harness.encoders.convnext import ConvNeXt
from harness.encoders.data2vec import Data2Vec
from harness.encoders.mae import MAE
from harness.encoders.simclr import SimCLRv2
from harness.encoders.swav import SwAV
from harness.images.preprocessing.applying import apply
from harness.images.preprocessing.recipes import RECIPES

pytestmark = pytest.mark.slow


# ---------------------------------------------------------------- files and libraries


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (SwAV, "weights swav_800ep_pretrain.pth.tar not found"),
        (lambda: MAE(architecture="base"), "weights mae_pretrain_vit_base.pth not found"),
        (ConvNeXt, "weights convnext_large_22k_224.pth not found"),
        (SimCLRv2, "`weights: file` needs both `file`"),
        (lambda: Data2Vec(file="absent.bin", sha256="0" * 64), "absent.bin: no such file"),
    ],
)
def test_a_missing_file_costs_one_sentence_and_no_connection(tmp_path, monkeypatch, make, words):
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match=words):
        make()


def test_a_missing_library_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="needs the package transformers: pip install transformers"):
        Data2Vec(architecture="base", weights="random")


# ---------------------------------------------------------------- preprocessing

IMAGENET = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
OPENAI = transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC
TENSOR = transforms.ToTensor()
AS_DGM_EVAL = {
    "dgm-eval-swav": [transforms.Resize(224), TENSOR, IMAGENET],
    "dgm-eval-simclr": [transforms.Resize(224), TENSOR, IMAGENET],
    "dgm-eval-convnext": [transforms.Resize(256, BICUBIC), transforms.CenterCrop(224), TENSOR, IMAGENET],
    "dgm-eval-clip": [transforms.Resize(224, BICUBIC), transforms.CenterCrop(224), TENSOR, OPENAI],
}


@pytest.fixture(params=[(32, 32), (256, 256), (427, 300)])
def picture(request):
    from sklearn.datasets import load_sample_images

    height, width = request.param
    return np.ascontiguousarray(load_sample_images().images[0][:height, :width])


def seen(name, picture):
    return apply(RECIPES[name], picture[None])[0]


@pytest.mark.parametrize("name", AS_DGM_EVAL)
def test_images_are_as_dgm_eval_prepares_them(name, picture):
    theirs = transforms.Compose(AS_DGM_EVAL[name])(Image.fromarray(picture)).permute(1, 2, 0).numpy()
    ours = seen(name, picture)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-6


def test_mae_images_are_dgm_evals_clean_resize(picture):
    """dgm_eval/resizer.py: each channel as a Pillow image of floats, clipped."""
    channels = [
        np.asarray(Image.fromarray(picture[:, :, c].astype(np.float32)).resize((224, 224), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    resized = torch.from_numpy(np.stack(channels).clip(0, 255)) / 255
    assert np.abs(seen("dgm-eval-mae", picture) - IMAGENET(resized).permute(1, 2, 0).numpy()).max() < 1e-6


def test_data2vec_images_are_the_image_processors(picture):
    from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil

    theirs = BeitImageProcessorPil()(Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
    assert np.abs(seen("dgm-eval-data2vec", picture) - theirs.transpose(1, 2, 0)).max() < 1e-6


# ---------------------------------------------------------------- in a benchmark

PROTOCOLS = ("swav", "simclr", "mae", "convnext", "clip", "data2vec")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_encoder_of_dgm_eval_is_a_protocol_that_a_benchmark_can_name(small, name):
    small.edit("  pixels: {}", f"  deep: {{protocol: dgm-eval-{name}, weights: random}}")
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 0, outcome.stderr
    shown = CliRunner().invoke(main, ["show", f"dgm-eval-{name}"])
    assert "arXiv:2306.04675" in shown.output


@pytest.mark.parametrize("name", ["swav", "simclr", "convnext"])
def test_the_dimensions_that_protocols_name_are_those_of_their_encoders(name):
    facts = load(f"dgm-eval-{name}").encoder
    made = registry.make("encoders", facts["use"], {**facts.get("parameters", {}), "weights": "random"}, Path.cwd())
    assert made.dim == facts["dim"]
