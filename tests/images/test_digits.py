"""The embedded digits: what was scanned, how it is split, and that a split is the same bytes everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.base.errors import UsageError
from harness.images.datasets.digits import SPLITS, Digits
from harness.images.datasets.split import Dataset, Images, content_digest

# Origin: the first run of this file, with scikit-learn 1.9.1.
DIGESTS = {
    "train": "sha256:a5d5d1204a6801470c80e5e691119b58cd937398a9f68e76e856dd96047d5b45",
    "reference": "sha256:241d65766663a60df5b282cf0d99934954351ff64ba91ff47d36ff8c8d16638d",
    "holdout": "sha256:0c7048848bfc78dd740ee573f68bc563661f8d255d8f873c1ed90acbe5060599",
}


@pytest.fixture(scope="module")
def splits() -> dict[str, Images]:
    return {name: Digits(split_seed=0).load(name) for name in SPLITS}


def test_digits_are_a_dataset():
    assert isinstance(Digits(), Dataset)


def test_images_are_grey_uint8_and_have_labels(splits):
    assert {name: len(split) for name, split in splits.items()} == {"train": 597, "reference": 400, "holdout": 800}
    for name, split in splits.items():
        assert split.images.shape == (SPLITS[name], 8, 8, 1)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert len(split.classes) == 10
        assert sum(split.classes) == SPLITS[name]


def test_the_splits_are_the_source_images_each_exactly_once(splits):
    source = load_digits()
    ours = np.concatenate([split.images for split in splits.values()]).reshape(1797, 64)
    labels = np.concatenate([split.labels for split in splits.values()])
    theirs = np.rint(source.data * 255 / 16).astype(np.uint8)
    assert sorted(zip(ours.tolist(), labels, strict=True)) == sorted(zip(theirs.tolist(), source.target, strict=True))


def test_the_darkest_and_brightest_grey_levels_are_0_and_255(splits):
    assert np.unique(splits["train"].images).tolist() == np.rint(np.arange(17) * 255 / 16).astype(int).tolist()


def test_splits_are_not_in_file_order(splits):
    first = np.rint(load_digits().images[:597] * 255 / 16).astype(np.uint8)[..., None]
    assert (splits["train"].images == first).all(axis=(1, 2, 3)).mean() < 0.02


def test_each_split_holds_every_class_in_fair_share(splits):
    for split in splits.values():
        share = np.array(split.classes) / len(split)
        assert share.min() > 0.08
        assert share.max() < 0.125


def test_the_content_digests_are_pinned(splits):
    assert {name: content_digest(split.images) for name, split in splits.items()} == DIGESTS


def test_another_split_seed_gives_another_split():
    assert content_digest(Digits(split_seed=1).load("train").images) != DIGESTS["train"]


def test_an_unknown_split_names_the_known_ones():
    with pytest.raises(UsageError, match=r"no split 'test'; it has train, reference, holdout"):
        Digits().load("test")


def test_the_digest_sees_order_shape_and_content_but_not_memory_layout(splits):
    images = splits["train"].images
    assert content_digest(np.asfortranarray(images)) == content_digest(images)
    assert content_digest(images[::-1]) != content_digest(images)
    assert content_digest(images.reshape(597, 4, 16, 1)) != content_digest(images)
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    assert content_digest(changed) != content_digest(images)


def test_images_of_the_wrong_type_shape_or_labels_are_refused():
    good = np.zeros((3, 8, 8, 1), np.uint8)
    assert Images(good).classes is None
    with pytest.raises(ValueError, match="`images` must be uint8"):
        Images(good.astype(np.float32))
    with pytest.raises(ValueError, match="C = 1 or 3"):
        Images(np.zeros((3, 8, 8, 2), np.uint8))
    with pytest.raises(ValueError, match="`labels` must be int64"):
        Images(good, np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="must not be negative"):
        Images(good, np.array([0, -1, 2]))
