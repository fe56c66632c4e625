"""Encoders: a row depends on its image alone, the shipped weights are what the command makes, random ones say so."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from safetensors import safe_open

from harness.base.keys import canonical_json
from harness.encoders import train_digits_convnet
from harness.encoders.contract import Encoder
from harness.encoders.convnet import WEIGHTS, DigitsConvNet, RandomConvNet, convnet
from harness.encoders.pixels import Pixels
from harness.images.datasets.digits import Digits
from harness.images.datasets.split import content_digest

# Origin: `python -m harness.encoders.train_digits_convnet` with torch 2.15.0 on an AVX-512 Xeon. New weights mean new
# numbers under this encoder: announce them.
WEIGHTS_SHA256 = "509ff606e573424d3e991759f7aed5fdc4e98b45b57561b1d420645b0be48a42"

ENCODERS = {
    "digits_convnet": (DigitsConvNet, 32),
    "random_convnet": (RandomConvNet, 32),
    "random_convnet of 24": (lambda: RandomConvNet(dim=24, seed=5), 24),
    "pixels": (Pixels, 64),
}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return (Digits(split_seed=0).load("reference").images / 255).astype(np.float32)


@pytest.fixture(params=ENCODERS)
def encoder(request) -> Encoder:
    return ENCODERS[request.param][0]()


@pytest.mark.parametrize(("make", "dim"), ENCODERS.values(), ids=ENCODERS)
def test_features_are_float32_rows_of_dim(make, dim, images):
    encoder = make()
    features = encoder.encode(images)
    assert isinstance(encoder, Encoder)
    assert features.shape == (400, dim)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert encoder.dim == dim


def test_a_row_is_the_same_bits_whatever_the_batch_and_the_order(encoder, images):
    whole = encoder.encode(images)
    for size, n in ((1, 40), (7, 200), (256, 400)):
        parts = [encoder.encode(images[start : min(start + size, n)]) for start in range(0, n, size)]
        assert np.array_equal(np.concatenate(parts), whole[:n]), size
    shuffled = np.random.default_rng(0).permutation(len(images))
    assert np.array_equal(encoder.encode(images[shuffled]), whole[shuffled])


def test_an_encoder_made_anew_gives_the_same_bits(encoder, images):
    again = type(encoder)() if encoder.dim != 24 else RandomConvNet(dim=24, seed=5)
    assert canonical_json(dict(again.identity)) == canonical_json(dict(encoder.identity))
    assert np.array_equal(again.encode(images), encoder.encode(images))


def test_no_images_give_no_rows(encoder, images):
    encoder.encode(images[:1])
    assert encoder.encode(images[:0]).shape == (0, encoder.dim)


def test_features_of_the_trained_convnet_span_all_32_dimensions(images):
    spectrum = np.linalg.eigvalsh(np.cov(DigitsConvNet().encode(images).T))
    assert spectrum[0] / spectrum[-1] > 1e-4


def test_the_shipped_weights_are_small_pinned_and_named_by_the_identity():
    content = WEIGHTS.read_bytes()
    assert len(content) < 1_000_000
    assert hashlib.sha256(content).hexdigest() == WEIGHTS_SHA256
    assert DigitsConvNet().identity["weights"] == WEIGHTS_SHA256


def test_the_shipped_weights_say_what_they_were_trained_on():
    with safe_open(WEIGHTS, framework="np") as weights:
        training = json.loads(weights.metadata()["training"])
    assert training["split"] == content_digest(Digits(split_seed=0).load("train").images)
    assert training["epochs"] == train_digits_convnet.EPOCHS
    assert training["seed"] == train_digits_convnet.SEED


def test_the_trained_features_tell_unseen_digits_apart():
    from sklearn.neighbors import KNeighborsClassifier

    digits, encoder = Digits(split_seed=0), DigitsConvNet()
    train, holdout = digits.load("train"), digits.load("holdout")
    rows = [encoder.encode((split.images / 255).astype(np.float32)) for split in (train, holdout)]
    nearest = KNeighborsClassifier(5).fit(rows[0], train.labels)
    assert nearest.score(rows[1], holdout.labels) > 0.96


@pytest.mark.slow
def test_the_training_command_makes_the_shipped_weights(tmp_path, images, monkeypatch):
    import torch
    from safetensors.torch import load_file

    file = tmp_path / "weights.safetensors"
    monkeypatch.setattr("sys.argv", ["train_digits_convnet", str(file)])
    train_digits_convnet.main()
    if file.read_bytes() == WEIGHTS.read_bytes():
        return
    # Another processor or torch: float64 training leaves differences of rounding only.
    trained = load_file(file)
    network = convnet(channels=1, dim=32)
    network.load_state_dict({name: tensor for name, tensor in trained.items() if name[:4] != "head"})
    with torch.no_grad():
        features = network.double()(torch.from_numpy(images).permute(0, 3, 1, 2).double()).numpy()
    assert np.abs(features - DigitsConvNet().encode(images)).max() < 1e-4


def test_random_weights_are_labelled_and_follow_the_seed(images):
    first, second = RandomConvNet(seed=0), RandomConvNet(seed=1)
    assert RandomConvNet.random
    assert not DigitsConvNet.random
    assert "random weights" in first.identity["architecture"]
    assert first.identity["weights"] != second.identity["weights"]
    assert not np.array_equal(first.encode(images), second.encode(images))


def test_the_random_convnet_takes_colour_and_other_sizes():
    colour = np.random.default_rng(0).random((3, 28, 20, 3), dtype=np.float32)
    assert RandomConvNet(channels=3).encode(colour).shape == (3, 32)


def test_pixels_are_the_image_row_by_row():
    images = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    assert Pixels().encode(images).tolist() == [list(range(18)), list(range(18, 36))]


def test_pixels_say_how_many_values_the_latest_images_have(images):
    pixels = Pixels()
    assert (pixels.encode(images).shape[1], pixels.dim) == (64, 64)
    assert (pixels.encode(images[:, :4, :4]).shape[1], pixels.dim) == (16, 16)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :4], r"`images` must be \(n, \*\(8, 8, 1\)\)"),
        (lambda x: x.repeat(3, axis=3), r"`images` must be \(n, \*\(8, 8, 1\)\)"),
        (lambda x: (x * 255).astype(np.uint8), "must be floats in \\[0, 1\\], not uint8"),
        (lambda x: x * 255, "must lie in \\[0, 1\\], found 0 to 255"),
        (lambda x: x * 2 - 1, "must lie in \\[0, 1\\], found -1 to 1"),
        (lambda x: np.where(x > 0.9, np.nan, x), "must lie in \\[0, 1\\], found nan"),
    ],
)
def test_images_that_the_convnet_was_not_made_for_are_refused(spoil, message, images):
    with pytest.raises(ValueError, match=message):
        DigitsConvNet().encode(spoil(images))
