"""What every family keeps: an image of its seed alone, a state that is the model, classes by any label, its costs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.base.keys import derive_seed
from harness.generators.families.consistency import Consistency
from harness.generators.families.conv_vae import ConvVAE
from harness.generators.families.diffusion import Diffusion
from harness.generators.families.energy import Energy
from harness.generators.families.flow import NormalisingFlow
from harness.generators.families.flow_matching import FlowMatching
from harness.generators.families.gan import GAN
from harness.generators.families.latent_diffusion import LatentDiffusion
from harness.generators.families.ncsn import NCSN
from harness.generators.families.pixelcnn import PixelCNN
from harness.generators.families.wgan_gp import WGANGP
from harness.generators.table import GENERATORS
from harness.generators.trained import KeptModel
from harness.images.datasets.digits import Digits

MADE = {
    "conv_vae": (ConvVAE, {"latent": 3, "width": 4, "iterations": 2}, 1),
    "gan": (GAN, {"latent": 3, "width": 4, "iterations": 2}, 1),
    "wgan_gp": (WGANGP, {"latent": 3, "width": 4, "iterations": 1}, 1),
    "flow": (NormalisingFlow, {"steps": 2, "width": 8, "iterations": 2}, 1),
    "energy": (Energy, {"steps": 3, "chain": 2, "width": 4, "iterations": 2}, 3),
    "pixelcnn": (PixelCNN, {"width": 8, "layers": 2, "components": 2, "iterations": 2}, 64),
    "diffusion": (Diffusion, {"steps": 2, "width": 8, "iterations": 3}, 2),
    "ncsn": (NCSN, {"levels": 2, "steps": 1, "width": 8, "iterations": 3}, 3),
    "flow_matching": (FlowMatching, {"steps": 1, "width": 8, "iterations": 3}, 2),
    "consistency": (Consistency, {"distillation": 2, "width": 8, "iterations": 3}, 2),
    "latent_diffusion": (LatentDiffusion, {"autoencoding": 2, "steps": 2, "width": 8, "iterations": 3}, 2),
}
SCORED = {"conv_vae": "bound", "flow": "exact", "pixelcnn": "exact"}  # those that need the labels to score
SEEDS = [derive_seed("families", i) for i in range(70)]  # more than one block


@pytest.fixture(scope="module")
def digits():
    train = Digits(split_seed=0).load("train")
    return train.images[:96], train.labels[:96]


def fit(name, images, labels, *, seed=1, **more):
    family, few, _ = MADE[name]
    made = family(**few | more)
    made.fit(images, labels, seed=seed)
    return made


@pytest.fixture(scope="module", params=MADE)
def fitted(request, digits):
    return request.param, fit(request.param, *digits)


def test_the_class_and_its_declared_parameters_have_the_same_defaults():
    for name, (family, _, _) in MADE.items():
        facts = next(facts for facts in GENERATORS if facts.name == name)
        assert facts.trained, name
        assert set(facts.sampling) < set(facts.parameters.model_fields), name
        defaults = facts.parameters().model_dump()
        made = family(**defaults)
        assert {key: value for key, value in vars(made).items() if key in defaults} == defaults, name
        assert {key: value for key, value in vars(family()).items() if key in defaults} == defaults, name


def test_an_image_is_the_same_alone_and_in_any_company(fitted):
    _, made = fitted
    whole = made.sample(SEEDS)
    assert (whole.shape, whole.dtype) == ((70, 8, 8, 1), np.uint8)
    assert len(np.unique(whole.reshape(70, -1), axis=0)) == 70
    assert np.array_equal(made.sample(SEEDS[:60:-1]), whole[:60:-1])
    assert np.array_equal(made.sample(SEEDS[3:4]), whole[3:4])
    assert made.sample([]).shape == (0, 8, 8, 1)


def test_a_restored_state_is_the_model_bit_for_bit(fitted):
    name, made = fitted
    assert isinstance(made, KeptModel)
    state = {key: np.array(value) for key, value in made.state().items()}  # as they come back from a file
    family, few, evaluations = MADE[name]
    again = family(**few)
    again.restore(state)
    assert np.array_equal(again.sample(SEEDS[:9]), made.sample(SEEDS[:9]))
    assert again.parameters == made.parameters > 0
    assert again.evaluations == made.evaluations == evaluations
    assert {key: array.tolist() for key, array in again.state().items()} == {k: a.tolist() for k, a in state.items()}


def test_the_training_seed_decides_the_model(digits, fitted):
    name, made = fitted
    assert np.array_equal(fit(name, *digits).sample(SEEDS[:5]), made.sample(SEEDS[:5]))
    assert not np.array_equal(fit(name, *digits, seed=2).sample(SEEDS[:5]), made.sample(SEEDS[:5]))


def test_labels_may_be_any_numbers(digits, fitted):
    name, made = fitted
    images, labels = digits
    odd = fit(name, images, 10 * labels - 7)  # -7, 3, … 83: neither from 0 on nor all in between
    assert np.array_equal(odd.sample(SEEDS[:5]), made.sample(SEEDS[:5]))
    if name in SCORED:
        found = odd.likelihood(images[:3], 10 * labels[:3] - 7).bits_per_dim
        assert np.array_equal(found, made.likelihood(images[:3], labels[:3]).bits_per_dim)
        with pytest.raises(UsageError, match="cannot score label 1, not one of the training labels"):
            odd.likelihood(images[:1], np.array([1]))


def test_no_labels_are_needed(digits, fitted):
    name, _ = fitted
    made = fit(name, digits[0], None)
    assert made.sample(SEEDS[:2]).shape == (2, 8, 8, 1)
    if name in SCORED:
        assert np.isfinite(made.likelihood(digits[0][:3], None).bits_per_dim).all()


@pytest.mark.parametrize("name", ["conv_vae", "gan", "wgan_gp", "flow", "energy", "pixelcnn"])
def test_labels_that_are_not_to_be_used_change_nothing(name, digits):
    without = fit(name, digits[0], None)
    unused = fit(name, *digits, conditional=False)
    assert np.array_equal(unused.sample(SEEDS[:3]), without.sample(SEEDS[:3]))


@pytest.mark.parametrize("name", SCORED)
def test_bits_per_dim_of_an_image_are_its_own(name, digits):
    images, labels = digits
    made = fit(name, images, labels)
    whole = made.likelihood(images[:70], labels[:70])
    first = made.likelihood(images[:1], labels[:1])
    assert whole.kind == SCORED[name]
    assert whole.bits_per_dim.shape == (70,)
    np.testing.assert_allclose(first.bits_per_dim, whole.bits_per_dim[:1], rtol=1e-5)
    with pytest.raises(UsageError, match="cannot score images without the training labels"):
        made.likelihood(images[:2], None)


def test_classes_come_with_their_share_of_the_training_images(digits):
    images, labels = digits[0], np.repeat([2, 5, 9], [48, 30, 18])  # shares 0.5, 0.3125, 0.1875
    made = fit("gan", images, labels)
    asked = []
    made._network.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    made.sample(range(6400))
    counts = np.bincount(np.concatenate(asked), minlength=3)
    np.testing.assert_allclose(counts / 6400, [0.5, 0.3125, 0.1875], atol=0.025)  # four standard errors


@pytest.mark.parametrize(("name", "sides"), [("gan", 4), ("latent_diffusion", 4), ("pixelcnn", 2)])
def test_sides_that_do_not_halve_are_refused(name, sides, digits):
    with pytest.raises(UsageError, match=rf"needs images whose sides are multiples of {sides}, found 7 × 8"):
        fit(name, digits[0][:, :7], digits[1])
