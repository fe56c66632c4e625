"""Generators: an image depends on its seed alone, training on its own seed, and each control is what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from harness.base.errors import UsageError
from harness.base.keys import derive_seed
from harness.encoders.convnet import DigitsConvNet
from harness.generators.contract import Generator, Pool, TrainedGenerator, image_rng, quantised
from harness.generators.controls import Blur, Holdout, Memorise, ModeDrop, Noise
from harness.generators.ddpm import DDPM
from harness.generators.density import GaussianMixture, KernelDensity, ProbabilisticPCA
from harness.generators.vae import VAE
from harness.images.datasets.digits import Digits
from harness.images.datasets.split import Images, content_digest
from harness.metrics.frechet.distance import frechet_distance

# Trained briefly: these tests are about seeds and batches, the slow one below is about quality.
TRAINED = {
    "kde": KernelDensity,
    "gaussian_mixture": GaussianMixture,
    "ppca": ProbabilisticPCA,
    "vae": lambda: VAE(epochs=3),
    "ddpm": lambda: DDPM(iterations=40, timesteps=20),
}
SEEDS = [derive_seed("test", i) for i in range(300)]


@pytest.fixture(scope="module")
def train() -> Images:
    return Digits(split_seed=0).load("train")


@pytest.fixture(scope="module")
def holdout() -> Images:
    return Digits(split_seed=0).load("holdout")


@pytest.fixture(scope="module", params=TRAINED)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def fitted(name, train) -> TrainedGenerator:
    return fit(name, train, seed=0)


def fit(name: str, train: Images, *, seed: int) -> TrainedGenerator:
    generator = TRAINED[name]()
    generator.fit(train.images, train.labels, seed=seed)
    return generator


def test_trained_generators_keep_the_protocol_and_make_uint8_images_of_the_training_shape(fitted):
    images = fitted.sample(SEEDS[:5])
    assert isinstance(fitted, TrainedGenerator)
    assert not isinstance(fitted, Pool)
    assert images.shape == (5, 8, 8, 1)
    assert images.dtype == np.uint8
    assert fitted.sample([]).shape == (0, 8, 8, 1)


def test_an_image_is_the_same_bytes_whatever_the_batch_and_the_order(fitted):
    whole = fitted.sample(SEEDS)
    for size in (1, 7, 256):
        parts = [fitted.sample(SEEDS[start : start + size]) for start in range(0, len(SEEDS), size)]
        assert np.array_equal(np.concatenate(parts), whole), size
    assert np.array_equal(fitted.sample(SEEDS[::-1]), whole[::-1])


def test_different_seeds_give_different_images(fitted):
    assert len(np.unique(fitted.sample(SEEDS).reshape(300, -1), axis=0)) == 300


def test_the_same_training_seed_gives_the_same_bytes_and_another_gives_others(name, fitted, train):
    images = fitted.sample(SEEDS[:50])
    torch.manual_seed(99)  # neither the process-wide generators nor what ran before may matter
    np.random.seed(99)  # noqa: NPY002
    assert np.array_equal(fit(name, train, seed=0).sample(SEEDS[:50]), images)
    assert not np.array_equal(fit(name, train, seed=1).sample(SEEDS[:50]), images)


def test_two_threads_give_the_same_bytes_and_stay_two(name, fitted, train):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert np.array_equal(fit(name, train, seed=0).sample(SEEDS[:50]), fitted.sample(SEEDS[:50]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_training_does_not_disturb_its_images(name, train):
    before = content_digest(train.images)
    fit(name, train, seed=0)
    assert content_digest(train.images) == before


def test_generators_learn_colour_images_that_are_not_square():
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 6, 3), dtype=np.uint8)
    for generator in (
        KernelDensity(),
        GaussianMixture(components=2),
        ProbabilisticPCA(components=3),
        VAE(epochs=1),
        DDPM(iterations=5, timesteps=5),
    ):
        generator.fit(images, None, seed=0)
        assert generator.sample(SEEDS[:3]).shape == (3, 4, 6, 3)


def test_kernel_density_of_no_width_copies_training_images(train):
    generator = KernelDensity(bandwidth=1e-6)
    generator.fit(train.images, None, seed=0)
    known = {image.tobytes() for image in train.images}
    assert all(image.tobytes() in known for image in generator.sample(SEEDS))


def test_kernel_density_adds_noise_of_its_bandwidth(train):
    grey = np.full((100, 8, 8, 1), 128, np.uint8)
    generator = KernelDensity(bandwidth=0.1)
    generator.fit(grey, None, seed=0)
    assert generator.sample(SEEDS).std() == pytest.approx(25.5, rel=0.02)


def test_probabilistic_pca_has_the_mean_and_the_covariance_of_its_data():
    rng = np.random.default_rng(0)
    tilt = rng.standard_normal((2, 16)) * 12
    vectors = 128 + rng.standard_normal((4000, 2)) @ tilt + 8 * rng.standard_normal((4000, 16))
    generator = ProbabilisticPCA(components=2)
    generator.fit(quantised(vectors / 255).reshape(-1, 4, 4, 1), None, seed=0)
    fake = generator.sample([derive_seed(i) for i in range(4000)]).reshape(4000, 16).astype(float)
    assert np.abs(fake.mean(0) - vectors.mean(0)).max() < 2
    expected = tilt.T @ tilt + 64 * np.eye(16)
    assert np.linalg.norm(np.cov(fake.T) - expected) / np.linalg.norm(expected) < 0.1


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_a_gaussian_mixture_finds_two_clusters_with_every_covariance(covariance):
    rng = np.random.default_rng(0)
    clusters = np.where(rng.random(1000) < 0.3, 60, 190)[:, None] + 5 * rng.standard_normal((1000, 16))
    generator = GaussianMixture(components=2, covariance=covariance)
    generator.fit(quantised(clusters / 255).reshape(-1, 4, 4, 1), None, seed=0)
    fake = generator.sample([derive_seed(i) for i in range(2000)]).reshape(2000, 16).astype(float)
    dark = fake.mean(1) < 125
    assert dark.mean() == pytest.approx((clusters.mean(1) < 125).mean(), abs=0.04)
    assert fake[dark].mean() == pytest.approx(60, abs=1.5)
    assert fake[~dark].mean() == pytest.approx(190, abs=1.5)
    assert fake[~dark].std(axis=0).mean() == pytest.approx(5.1, rel=0.1)  # and 2.5 on the diagonal, in quadrature


@pytest.mark.slow
def test_the_trained_networks_draw_digits(train, holdout):
    encoder = DigitsConvNet()
    real = encoder.encode((Digits(split_seed=0).load("reference").images / 255).astype(np.float32))

    def distance(images: np.ndarray) -> float:
        return frechet_distance(real, encoder.encode((images / 255).astype(np.float32)))

    floor = distance(holdout.images[:400])
    one_gaussian = fit("ppca", train, seed=0)
    seeds = [derive_seed("quality", i) for i in range(400)]
    for network in (VAE(), DDPM()):
        network.fit(train.images, None, seed=0)
        assert floor < distance(network.sample(seeds)) < 0.75 * distance(one_gaussian.sample(seeds))


CONTROLS = {
    "holdout": Holdout,
    "memorise": Memorise,
    "blur": Blur,
    "noise": Noise,
    "mode_drop": lambda: ModeDrop(keep=[1, 3, 5, 7, 9]),
}


def control(make, split: Images) -> Pool:
    made = make()
    made.fit(split.images, split.labels, seed=0)
    return made


@pytest.mark.parametrize("make", CONTROLS.values(), ids=CONTROLS)
def test_a_control_is_a_pool_whose_images_do_not_depend_on_the_batch(make, holdout):
    pool = control(make, holdout)
    assert isinstance(pool, Pool)
    whole = pool.sample(range(pool.size))
    assert whole.shape == (pool.size, 8, 8, 1)
    assert whole.dtype == np.uint8
    parts = [pool.sample(range(start, min(start + 7, pool.size))) for start in range(0, pool.size, 7)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(pool.sample([5, 3]), whole[[5, 3]])
    assert pool.sample([]).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("make", CONTROLS.values(), ids=CONTROLS)
def test_indices_outside_the_pool_are_refused(make, holdout):
    pool = control(make, holdout)
    for index in (-1, pool.size):
        with pytest.raises(IndexError, match=rf"must be in \[0, {pool.size}\)"):
            pool.sample([0, index])


def test_holdout_and_memorise_show_their_split_untouched(train, holdout):
    assert (Holdout().split, Memorise().split) == ("holdout", "train")
    assert np.array_equal(control(Holdout, holdout).sample(range(800)), holdout.images)
    assert np.array_equal(control(Memorise, train).sample(range(597)), train.images)


def test_blur_is_a_gaussian_filter_of_each_image_alone(holdout):
    one = np.rint(gaussian_filter(holdout.images[17, :, :, 0].astype(float), 0.8, mode="nearest"))
    assert np.array_equal(control(lambda: Blur(sigma=0.8), holdout).sample([17])[0, :, :, 0], one)


def test_noise_has_the_declared_sd_in_grey_levels():
    grey = Images(np.full((200, 8, 8, 1), 128, np.uint8))
    added = control(lambda: Noise(sd=20.0), grey).sample(range(200)).astype(float) - 128
    assert added.std() == pytest.approx(20, rel=0.02)
    assert added.mean() == pytest.approx(0, abs=0.5)
    assert len(np.unique(added.reshape(200, -1), axis=0)) == 200


def test_mode_drop_keeps_all_images_of_its_classes_and_no_others(holdout):
    pool = control(lambda: ModeDrop(keep=[1, 3, 5, 7, 9]), holdout)
    kept = holdout.images[np.isin(holdout.labels, [1, 3, 5, 7, 9])]
    assert pool.size == len(kept) == 430
    assert np.array_equal(pool.sample(range(430)), kept)


def test_mode_drop_without_labels_or_with_classes_that_are_not_there_is_the_users_mistake(holdout):
    with pytest.raises(UsageError, match="split 'holdout' has no labels"):
        ModeDrop(keep=[1]).fit(holdout.images, None, seed=0)
    with pytest.raises(UsageError, match=r"keep is \[3, 12\], but the classes of 'holdout' are \[0, 1, 2"):
        ModeDrop(keep=[3, 12]).fit(holdout.images, holdout.labels, seed=0)
    with pytest.raises(UsageError, match=r"keep is \[\]"):
        ModeDrop(keep=[]).fit(holdout.images, holdout.labels, seed=0)


def test_the_generator_of_the_documentation_is_a_generator():
    class Static:
        def sample(self, seeds):
            return np.stack([quantised(image_rng(seed).random((8, 8, 1))) for seed in seeds])

    assert isinstance(Static(), Generator)
    assert np.array_equal(Static().sample([3, 4])[1], Static().sample([4])[0])


def test_quantising_clips_rounds_and_refuses_nan():
    assert quantised(np.array([-1.0, 0.0, 0.5, 0.9999, 2.0])).tolist() == [0, 0, 128, 255, 255]
    with pytest.raises(ValueError, match="NaN"):
        quantised(np.array([0.5, np.nan]))
