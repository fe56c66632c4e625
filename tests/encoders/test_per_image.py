"""Encoders that say their features are the same bits in batches of any size: audits need not try another size."""

import numpy as np
import pytest

from harness.benchmark import registry
from harness.encoders.table import ENCODERS

NAMED = [one for one in ENCODERS if one.per_image]


def test_the_encoders_that_say_so_are_those_without_a_network_file():
    assert [one.name for one in NAMED] == ["digits_convnet", "random_convnet", "mnist_convnet", "pixels"]


@pytest.mark.parametrize("one", NAMED, ids=lambda one: one.name)
def test_features_are_the_same_bits_in_batches_of_any_size(one, tmp_path):
    parameters = one.parameters().model_dump()
    encoder = registry.make("encoders", one.name, parameters, tmp_path)
    side = one.expects.size[0] if one.expects and one.expects.size else 8
    images = np.random.default_rng(0).random((70, side, side, 1), np.float32)
    whole = encoder.encode(images)
    for size in (1, 7, 64, 69):
        parts = [encoder.encode(images[start : start + size]) for start in range(0, len(images), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
