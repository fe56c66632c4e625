"""Whatever user code gives back may be a buffer that it fills again: what is kept is a copy, and digested as stored."""

from __future__ import annotations

import numpy as np
import pytest

from harness import content_digest
from harness.base import UsageError
from harness.benchmark import load
from harness.metrics import value_of
from harness.pipeline.encode import load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.sample import _checked, make_fakes
from harness.uncertainty import MetricCall
from tests.support.tiny import tiny

CODE = """
import numpy as np


def fresh(seeds):
    return np.stack([np.random.default_rng(seed).integers(0, 256, (8, 8, 1), np.uint8) for seed in seeds])


class Refilled:
    def __init__(self):
        self.buffer = np.zeros((100, 8, 8, 1), np.uint8)

    def sample(self, seeds):
        self.buffer[: len(seeds)] = fresh(seeds)
        return self.buffer[: len(seeds)]


class OneByOne:
    def __init__(self):
        self.buffer = [np.zeros((8, 8), np.uint8) for _ in range(100)]

    def sample(self, seeds):
        for image, new in zip(self.buffer, fresh(seeds)):
            image[:] = new[..., 0]
        return self.buffer[: len(seeds)]


class Columns:
    identity = {"name": "columns"}
    dim = 8

    def __init__(self):
        self.buffer = np.zeros((100, 8), np.float32)

    def encode(self, images):
        self.buffer[: len(images)] = images.mean(axis=(2, 3))
        return self.buffer[: len(images)]
"""


@pytest.fixture
def plan(tmp_path):
    generators = {name: {"use": f"mine:{name}"} for name in ("fresh", "Refilled", "OneByOne")}
    bench = tiny(tmp_path, CODE, generators, encoders={"pixels": {}, "columns": {"use": "mine:Columns"}})
    return Plan(load(bench), tmp_path / "store")


@pytest.mark.parametrize("name", ["Refilled", "OneByOne"])
def test_a_generator_that_fills_the_same_buffer_again_is_stored_image_by_image(plan, name):
    right, entry = (make_fakes(plan, one, None, [0])[0] for one in ("fresh", name))
    stored = entry.arrays()["images"]
    assert len(np.unique(stored.reshape(len(stored), -1), axis=0)) == 200
    assert entry.facts["content"] == content_digest(stored)
    seeds = [plan.seed("image", plan.generator_label(name), None, 0, i) for i in range(200)]
    assert (stored == plan.component("generators", "fresh")(seeds)).all()
    assert right.facts["content"] == content_digest(right.arrays()["images"])


def test_an_encoder_that_fills_the_same_buffer_again_gives_each_image_its_own_row(plan):
    images = make_fakes(plan, "fresh", None, [0])[0].arrays()["images"]
    rows = load_features(plan, FakeSet("fresh", None, 0), "columns").rows
    np.testing.assert_allclose(rows, images.mean(axis=(2, 3)) / 255, rtol=1e-5)


def test_images_are_kept_apart_from_what_the_generator_does_next():
    buffer = np.zeros((2, 4, 4, 1), np.uint8)
    kept = _checked(lambda seeds: buffer, [1, 2], 0)
    buffer += 1
    assert not np.asarray(kept).any()
    listed = [np.zeros((4, 4, 1), np.uint8), np.zeros((5, 5, 1), np.uint8)]
    mixed = _checked(lambda seeds: listed, [1, 2], 0)
    listed[0] += 1
    assert not mixed[0].any()
    with pytest.raises(UsageError, match="it must give uint8"):
        _checked(lambda seeds: buffer.astype(float), [1, 2], 0)


def test_a_metric_that_writes_into_its_rows_spoils_them_for_nobody():
    from harness.metrics import analyse

    def centred(real, fake):
        real -= real.mean(axis=0)
        return float(np.abs(real).mean() + np.abs(fake).mean())

    rng = np.random.default_rng(0)
    real, fake = rng.normal(5, 1, (64, 3)), rng.normal(5, 1, (64, 3))
    before = real.copy(), fake.copy()
    call = MetricCall("centred", {}, centred)
    first = analyse({"centred": call}, real, fake, real_seed=0, fake_seed=1)["centred"]
    assert (real == before[0]).all()
    assert first.value == value_of(call, real, fake)
    assert (real == before[0]).all()
