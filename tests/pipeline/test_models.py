"""Trained models in the store: fitted once for all cells that differ only in how they sample."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import benchmark
from harness.base import UsageError, derive_seed
from harness.benchmark import registry
from harness.pipeline import likelihoods, models
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.sample import make_fakes
from harness.pipeline.store import CorruptEntryWarning
from tests.conftest import ROOT

BENCH = """\
name: kept
seed: 7
dataset: digits
datasets: {datasets}
n_real: 60
n_fake: 20
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  few: {{use: "{module}:Walk", steps: 1}}
  many: {{use: "{module}:Walk", steps: 5}}
  wider: {{use: "{module}:Walk", width: 2}}
  kde: {{}}
training_seeds: [0, 1]
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""

MODULE = """\
import numpy as np
from harness.generators import Likelihood

FITS, TOLD = [], []


class Walk:
    def __init__(self, *, width=1, steps=1):
        self.width, self.steps = width, steps

    def fit(self, images, labels, *, seed):
        FITS.append(seed)
        self.mean = images.mean(0) + np.random.default_rng(seed).normal(size=images.shape[1:])

    def state(self):
        return {"mean": self.mean, "scalar": np.array(3)}

    def restore(self, state):
        assert state["scalar"].shape == ()
        self.mean = state["mean"]

    def likelihood(self, images, labels):
        TOLD.append((self.steps, len(images), len(labels)))
        return Likelihood(np.full(len(images), float(self.width)), "bound", "none")

    def sample(self, seeds):
        noise = np.stack([np.random.default_rng(s).normal(size=self.mean.shape) for s in seeds])
        return np.clip(self.mean + self.steps * noise, 0, 255).astype(np.uint8)
"""


def walking(folder: Path) -> tuple[Plan, list[int]]:
    """A plan of generators that share a model, as built-in ones with `sampling` do, and the seeds of all fits."""
    module = "walk_" + folder.name.replace("-", "_")
    (folder / f"{module}.py").write_text(MODULE)
    (folder / "bench.yaml").write_text(BENCH.format(datasets=ROOT / "datasets.yaml", module=module))
    plan = Plan(benchmark.load(folder / "bench.yaml"), folder / "store")
    for name in ("few", "many", "wider"):
        entry = plan.benchmark.generators[name]
        shared = entry.model_copy(update={"component": replace(entry.component, sampling=("steps",))})
        dict.__setitem__(plan.benchmark.generators, name, shared)
    fits: list[int] = registry.load("generators", f"{module}:FITS", folder)
    return plan, fits


def images(plan: Plan, name: str, seed: int | None = 0) -> np.ndarray[Any, Any]:
    [entry] = make_fakes(plan, name, seed, [0])
    return entry.arrays()["images"]


def test_cells_that_differ_in_sampling_alone_share_one_fit(tmp_path):
    plan, fits = walking(tmp_path)
    few, many = images(plan, "few"), images(plan, "many")
    assert len(fits) == 1
    assert not np.array_equal(few, many)
    images(plan, "few", 1)
    images(plan, "wider")
    assert len(fits) == 3  # another training seed, another model
    assert plan.model_key("few", 0) == plan.model_key("many", 0)
    assert len({plan.model_key("few", 0), plan.model_key("few", 1), plan.model_key("wider", 0)}) == 3


def test_a_training_seed_without_sampling_parameters_is_what_it_was(tmp_path):
    plan, _ = walking(tmp_path)
    assert plan.training_seed("kde", 1) == derive_seed(7, "training", plan.generator_label("kde"), 1)


def test_a_kept_model_gives_the_same_images_as_one_just_fitted(tmp_path):
    plan, fits = walking(tmp_path)
    first = images(plan, "few")
    plan.store.forget("images", plan.image_key(FakeSet("few", 0, 0)))
    assert np.array_equal(images(plan, "few"), first)
    assert len(fits) == 1


def test_a_damaged_model_is_fitted_again(tmp_path):
    plan, fits = walking(tmp_path)
    first = images(plan, "few")
    [shard] = plan.store.folder("models", plan.model_key("few", 0)).glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    plan.store.forget("images", plan.image_key(FakeSet("few", 0, 0)))
    with pytest.warns(CorruptEntryWarning):
        assert np.array_equal(images(plan, "few"), first)
    assert len(fits) == 2


def test_who_comes_second_waits_for_the_model_and_does_not_train_it(tmp_path, monkeypatch):
    plan, fits = walking(tmp_path)
    training, go_on = threading.Event(), threading.Event()
    fit = models._fit

    def slow(*arguments: Any) -> float:
        training.set()
        assert go_on.wait(30)
        return fit(*arguments)

    monkeypatch.setattr(models, "_fit", slow)
    first = threading.Thread(target=images, args=(plan, "few"))
    first.start()
    assert training.wait(30)
    other = Plan(plan.benchmark, plan.store_root)
    second = threading.Thread(target=images, args=(other, "many"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        second.start()
        second.join(1)
        assert second.is_alive()
        go_on.set()
        second.join(30)
    first.join(30)
    assert models.WaitingForModelWarning in [warning.category for warning in said]
    assert len(fits) == 1


def test_a_likelihood_is_asked_once_a_model_at_the_defaults_of_its_sampling(tmp_path):
    plan, _ = walking(tmp_path)
    for name in ("many", "few", "wider"):
        images(plan, name)
    told = registry.load("generators", f"walk_{tmp_path.name.replace('-', '_')}:TOLD", tmp_path)
    assert told == [(1, 60, 60), (1, 60, 60)]  # of two models, on all of the reference
    assert likelihoods.of_generator(plan, "many") is None  # the other training seed is not there
    images(plan, "many", 1)
    assert likelihoods.of_generator(plan, "many")["value"] == 1
    assert likelihoods.read(plan, "few", 1) is not None


def test_what_is_no_likelihood_is_refused(tmp_path, monkeypatch):
    plan, _ = walking(tmp_path)
    monkeypatch.setattr(likelihoods, "KINDS", ("exact", "ode"))
    with pytest.raises(UsageError, match=r"must give a harness.generators.Likelihood of kind exact, ode with one"):
        images(plan, "few")
