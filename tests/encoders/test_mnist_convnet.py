"""The encoder of MNIST scans: pinned weights, trained on the train split alone, which tell unseen scans apart."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from harness.encoders import train_mnist_convnet
from harness.encoders.mnist_convnet import WEIGHTS, MnistConvNet
from harness.encoders.train_digits_convnet import accuracy, train
from harness.images.datasets.mnist5k import Mnist5k
from harness.images.datasets.split import Images, content_digest

# Origin: `python -m harness.encoders.train_mnist_convnet` with torch 2.15.0 on an AVX-512 Xeon, the same bytes
# twice. New weights mean new numbers under this encoder: announce them.
WEIGHTS_SHA256 = "dfae48826ac3dc1f336966b279c58b07c46731a3f696f542eebfb0a258e59cd6"


@pytest.fixture(scope="module")
def holdout() -> Images:
    whole = Mnist5k(split_seed=0).load("holdout")
    return Images(whole.images[:500], whole.labels[:500])


def test_the_shipped_weights_are_small_pinned_and_say_what_they_were_trained_on():
    content = WEIGHTS.read_bytes()
    assert len(content) < 200_000
    assert hashlib.sha256(content).hexdigest() == MnistConvNet().identity["weights"] == WEIGHTS_SHA256
    with safe_open(WEIGHTS, framework="np") as weights:
        training = json.loads(weights.metadata()["training"])
    assert training["split"] == content_digest(Mnist5k(split_seed=0).load("train").images)
    assert (training["epochs"], training["seed"]) == (train_mnist_convnet.EPOCHS, train_mnist_convnet.SEED)
    assert training["holdout_accuracy"] > 0.98


def test_its_classifier_names_unseen_scans_and_its_features_span_all_32_dimensions(holdout):
    network = train_mnist_convnet.classifier().double().eval()
    network.load_state_dict(load_file(WEIGHTS))
    assert accuracy(network, holdout) > 0.97
    features = MnistConvNet().encode((holdout.images / 255).astype(np.float32))
    spectrum = np.linalg.eigvalsh(np.cov(features.T))
    assert spectrum[0] / spectrum[-1] > 1e-4


def test_the_training_gives_the_same_weights_again(holdout):
    some = Images(holdout.images[:32], holdout.labels[:32])
    first, again = (train(train_mnist_convnet.classifier(), some, epochs=1, seed=0).state_dict() for _ in range(2))
    assert all(bool((first[name] == again[name]).all()) for name in first)


def test_other_sizes_are_refused(holdout):
    with pytest.raises(ValueError, match=r"`images` must be \(n, \*\(28, 28, 1\)\)"):
        MnistConvNet().encode((holdout.images[:2, :20] / 255).astype(np.float32))


def test_the_controls_come_out_as_known_under_it(holdout):
    from harness.generators.controls import Blur, Memorise, ModeDrop, Noise
    from harness.metrics.frechet.distance import frechet_distance

    scans = Mnist5k(split_seed=0)
    encoder = MnistConvNet()

    def features(images: np.ndarray) -> np.ndarray:
        return encoder.encode((images / 255).astype(np.float32)).astype(np.float64)

    real = features(scans.load("reference").images[:300])
    train = scans.load("train")
    made = {"unseen": holdout.images[:200]}
    for name, control, split in (
        ("memorise", Memorise(), train),
        ("blur", Blur(sigma=1.0), holdout),
        ("noise", Noise(sd=128), holdout),
        ("mode_drop", ModeDrop(keep=[0, 1, 2, 3, 4]), holdout),
    ):
        control.fit(split.images, split.labels, seed=0)
        made[name] = control.sample(range(200))
    distance = {name: frechet_distance(real, features(images)) for name, images in made.items()}
    assert distance["memorise"] < 2 * distance["unseen"] < 4 * distance["memorise"]  # copies look like unseen scans
    for spoilt in ("blur", "noise", "mode_drop"):
        assert distance[spoilt] > 4 * distance["unseen"]
