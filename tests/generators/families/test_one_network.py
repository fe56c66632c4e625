"""What every family of one network keeps: an image of its seed alone, a state that is the model, its costs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.generators.families.conv_vae import ConvVAE
from harness.generators.families.energy import Energy
from harness.generators.families.flow import NormalisingFlow
from harness.generators.families.gan import GAN
from harness.generators.families.pixelcnn import PixelCNN
from harness.generators.families.wgan_gp import WGANGP
from harness.images.datasets.digits import Digits

SMALL = {
    "conv_vae": lambda **more: ConvVAE(latent=3, width=4, iterations=2, **more),
    "gan": lambda **more: GAN(latent=3, width=4, iterations=2, **more),
    "wgan_gp": lambda **more: WGANGP(latent=3, width=4, iterations=1, critic_steps=2, **more),
    "flow": lambda **more: NormalisingFlow(steps=2, width=8, iterations=2, **more),
    "energy": lambda **more: Energy(steps=3, chain=2, width=4, iterations=2, **more),
    "pixelcnn": lambda **more: PixelCNN(width=8, layers=2, components=2, iterations=2, **more),
}
EVALUATIONS = {"conv_vae": 1, "gan": 1, "wgan_gp": 1, "flow": 1, "energy": 3, "pixelcnn": 64}
SEEDS = [3, 2**62, 5, 0, 77, 78, 79]


@pytest.fixture(scope="module")
def digits():
    train = Digits(split_seed=0).load("train")
    return train.images[:96], train.labels[:96]


@pytest.fixture(scope="module", params=SMALL)
def fitted(request, digits):
    made = SMALL[request.param]()
    made.fit(*digits, seed=1)
    return request.param, made


def test_an_image_is_the_same_alone_and_in_any_company(fitted):
    _, made = fitted
    whole = made.sample(SEEDS)
    assert whole.shape == (7, 8, 8, 1)
    assert whole.dtype == np.uint8
    assert np.array_equal(np.concatenate([made.sample([seed]) for seed in SEEDS]), whole)
    assert np.array_equal(made.sample(SEEDS[::-1]), whole[::-1])
    assert made.sample([]).shape == (0, 8, 8, 1)


def test_a_restored_state_is_the_model_bit_for_bit(fitted):
    name, made = fitted
    state = {key: np.array(value) for key, value in made.state().items()}  # as they come back from a file
    again = SMALL[name]()
    again.restore(state)
    assert np.array_equal(again.sample(SEEDS), made.sample(SEEDS))
    assert again.parameters == made.parameters > 0
    assert again.evaluations == made.evaluations == EVALUATIONS[name]
    assert all(array.dtype in (np.float64, np.int64) for array in state.values())
    assert {key: array.tolist() for key, array in again.state().items()} == {k: a.tolist() for k, a in state.items()}


def test_the_training_seed_decides_the_model(digits, fitted):
    name, made = fitted
    same, other = SMALL[name](), SMALL[name]()
    same.fit(*digits, seed=1)
    other.fit(*digits, seed=2)
    assert np.array_equal(same.sample(SEEDS), made.sample(SEEDS))
    assert not np.array_equal(other.sample(SEEDS), made.sample(SEEDS))


@pytest.mark.parametrize("name", SMALL)
def test_without_classes_no_labels_are_needed(name, digits):
    made = SMALL[name](conditional=False)
    made.fit(digits[0], None, seed=0)
    assert made.sample(SEEDS[:2]).shape == (2, 8, 8, 1)
    if hasattr(made, "likelihood"):
        assert np.isfinite(made.likelihood(digits[0][:3], None).bits_per_dim).all()


@pytest.mark.parametrize("name", ["conv_vae", "flow", "pixelcnn"])
def test_bits_per_dim_of_an_image_are_its_own(name, digits):
    images, labels = digits
    made = SMALL[name]()
    made.fit(images, labels, seed=0)
    whole = made.likelihood(images[:5], labels[:5])
    first = made.likelihood(images[:1], labels[:1])
    assert whole.kind == {"conv_vae": "bound", "flow": "exact", "pixelcnn": "exact"}[name]
    assert whole.bits_per_dim.shape == (5,)
    np.testing.assert_allclose(first.bits_per_dim, whole.bits_per_dim[:1], rtol=1e-12)
    with pytest.raises(UsageError, match="scored with their labels"):
        made.likelihood(images[:2], None)


def test_classes_come_with_their_share_of_the_training_images():
    made = SMALL["gan"]()
    made._shares = np.array([0.5, 0.0, 0.3, 0.2])
    counts = np.bincount(made._classes(range(4000)).numpy(), minlength=4)
    np.testing.assert_allclose(counts / 4000, made._shares, atol=0.03)  # four standard errors
    assert counts[1] == 0


def test_sides_that_do_not_halve_are_refused(digits):
    with pytest.raises(UsageError, match=r"GAN halves images 2 times: sides must be multiples of 4, found 6 × 8"):
        SMALL["gan"]().fit(digits[0][:, :6], digits[1], seed=0)
