"""The families of diffusion kind, trained for a few iterations at 8 × 8: samplers, guidance, likelihoods, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from harness.base.errors import UsageError
from harness.base.keys import derive_seed
from harness.generators.families.diffusion import Diffusion, DiffusionParameters
from harness.generators.families.flow_matching import FlowMatching
from harness.generators.families.latent_diffusion import LatentDiffusion, missed
from harness.generators.trained import HasLikelihood
from harness.images.datasets.digits import Digits

SMALL = {"width": 8, "iterations": 3}
SEEDS = [derive_seed("diffusion kind", i) for i in range(70)]


@pytest.fixture(scope="module")
def train():
    return Digits(split_seed=0).load("train")


@pytest.fixture(scope="module")
def diffusion(train):
    made = Diffusion(**SMALL, classifier=True, steps=2)
    made.fit(train.images, train.labels, seed=0)
    return made


def sampled(fitted, **parameters):
    """The same model sampled in another way: what a benchmark's cells of one training do."""
    made = Diffusion(**SMALL, classifier=True, **parameters)
    made.restore(fitted.state())
    return made.sample(SEEDS[:6])


def test_guidance_1_is_no_guidance_bit_for_bit_and_others_are_not(diffusion):
    plain = sampled(diffusion, steps=2)
    assert np.array_equal(sampled(diffusion, steps=2, guidance=1.0, classifier_guidance=0.0), plain)
    for guided in ({"guidance": 4.0}, {"guidance": 0.0}, {"classifier_guidance": 9.0}):
        assert not np.array_equal(sampled(diffusion, steps=2, **guided), plain), guided


def test_ddim_with_eta_1_gives_ddpms_images(diffusion):
    ddpm = sampled(diffusion, steps=5, sampler="ddpm").astype(int)
    assert np.abs(sampled(diffusion, steps=5, eta=1.0).astype(int) - ddpm).max() <= 1  # a rounding of float32
    assert np.abs(sampled(diffusion, steps=5).astype(int) - ddpm).max() > 20


def test_the_deterministic_samplers_agree_in_many_steps(diffusion):
    ode = sampled(diffusion, steps=20, sampler="ode").astype(int)
    for sampler in ("ddim", "dpm++"):
        assert np.abs(sampled(diffusion, steps=40, sampler=sampler).astype(int) - ode).mean() < 6, sampler


@pytest.mark.parametrize(
    ("parameters", "evaluations"),
    [({"steps": 7}, 7), ({"steps": 7, "guidance": 2.0}, 14), ({"steps": 7, "sampler": "ode"}, 13)],
)
def test_evaluations_count_the_calls_of_the_network(parameters, evaluations, diffusion):
    made = Diffusion(**SMALL, **parameters)
    made.restore({name: values for name, values in diffusion.state().items() if "classifier" not in name})
    calls = []
    made._network["denoiser"].register_forward_hook(lambda *_: calls.append(1))
    made.sample(SEEDS[:2])
    assert len(calls) == made.evaluations == evaluations


@pytest.mark.parametrize("nll", ["bound", "ode"])
def test_an_untrained_models_likelihood_is_that_of_noise_and_does_not_depend_on_the_batch(nll, train, monkeypatch):
    monkeypatch.setattr("harness.generators.families.diffusion.MOVES", 4)  # enough for what no training has shaped
    made = Diffusion(**SMALL, nll=nll)
    made.fit(train.images, train.labels, seed=0)
    assert isinstance(made, HasLikelihood)
    found = made.likelihood(train.images[:66], train.labels[:66])
    assert found.kind == nll
    assert found.bits_per_dim.shape == (66,)
    assert 7 < found.bits_per_dim.mean() < 10  # 8 bits, without a guess
    first = made.likelihood(train.images[:2], train.labels[:2]).bits_per_dim
    assert np.allclose(first, found.bits_per_dim[:2], atol=1e-4)
    assert not np.allclose(made.likelihood(train.images[:2], None).bits_per_dim, first, atol=1e-9)


def test_a_likelihood_given_labels_is_of_the_classes_that_training_called_so(train):
    made = Diffusion(**SMALL)
    made.fit(train.images, 10 * train.labels, seed=0)
    plain = Diffusion(**SMALL)
    plain.fit(train.images, train.labels, seed=0)
    images, labels = train.images[:9], train.labels[:9]
    bits = made.likelihood(images, 10 * labels).bits_per_dim
    assert np.array_equal(bits, plain.likelihood(images, labels).bits_per_dim)
    assert np.array_equal(
        made.likelihood(images, labels + 101).bits_per_dim, made.likelihood(images, None).bits_per_dim
    )


def test_a_flows_likelihood_is_of_the_ode(train, monkeypatch):
    monkeypatch.setattr("harness.generators.families.flow_matching.MOVES", 2)  # an exact trace takes long
    made = FlowMatching(**SMALL)
    made.fit(train.images[:, 2:6, 2:6], train.labels, seed=0)
    images, labels = train.images[:3, 2:6, 2:6], train.labels[:3]
    found = made.likelihood(images, labels)
    assert (found.kind, found.bits_per_dim.shape) == ("ode", (3,))
    exact = FlowMatching(**SMALL, probes=0)
    exact.restore(made.state())
    assert np.allclose(exact.likelihood(images, labels).bits_per_dim, found.bits_per_dim, atol=0.5)


def test_images_without_labels_in_colour_that_are_not_square_are_learnt_and_guidance_is_refused():
    images = np.random.default_rng(0).integers(0, 256, (70, 4, 6, 3), dtype=np.uint8)
    made = Diffusion(**SMALL, steps=1)
    made.fit(images, None, seed=0)
    assert made.sample(SEEDS[:3]).shape == (3, 4, 6, 3)
    guided = Diffusion(**SMALL, steps=1, guidance=2.0)
    guided.restore(made.state())
    with pytest.raises(UsageError, match="`guidance` needs classes"):
        guided.sample(SEEDS[:1])
    with pytest.raises(UsageError, match="multiples of 4"):
        LatentDiffusion(**SMALL).fit(images, None, seed=0)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"classifier_guidance": 1.0}, "add `classifier: true`"),
        ({"eta": 0.5, "sampler": "ddpm"}, "`eta` is for `sampler: ddim`"),
        ({"guidance": 2.0, "label_dropout": 0.0}, "raise `label_dropout`"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(given, says):
    with pytest.raises(ValidationError, match=says):
        DiffusionParameters(**given)


def test_an_autoencoder_whose_images_are_black_still_learns():
    """By squared error of tanh no gradient is left there: three of five seeds stayed black."""
    import torch

    logits = torch.full((4, 1, 8, 8), -30.0, requires_grad=True)
    white = torch.ones(4, 1, 8, 8)
    missed(logits, white).backward()
    assert torch.allclose(logits.grad, torch.full_like(logits, -1 / logits.numel()))
    squared = torch.full((4, 1, 8, 8), -30.0, requires_grad=True)
    ((squared / 2).tanh() - white).square().mean().backward()
    assert squared.grad.abs().max() < 1e-9, "the control: what it was before"
