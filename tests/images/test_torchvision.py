"""torchvision's data sets on disk as a dataset of a benchmark, with labels; what is absent is named with its place."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from torchvision import datasets

from harness.base.errors import UsageError
from harness.images.datasets import torchvision_layout as torchvisionfiles
from harness.images.datasets.split import content_digest
from harness.images.datasets.torchvision import Torchvision, read
from harness.images.datasets.torchvision_layout import LAYOUTS, Name, missing
from tests.support.torchvision_layout import write_cifar10, write_mnist

ENTRY = """\
tiny:
  use: torchvision
  dataset: MNIST
  root: data
  source: made here
  licence: none
  image: [28, 28, 1]
  splits:
    train: {{split: train, size: 40, digest: {train}}}
    reference: {{split: test, size: 20, rows: [0, 20], digest: {reference}, classes: [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]}}
"""


def of_table(split):
    return {"split": split, "rows": None, "order_seed": None}


def test_cifar10_comes_with_its_labels_in_torchvisions_order(tmp_path, monkeypatch):
    held = write_cifar10(tmp_path, monkeypatch)
    for part, (images, labels) in held.items():
        found = read("CIFAR10", tmp_path, part)
        np.testing.assert_array_equal(found.images, images)
        assert found.labels.tolist() == labels


def test_mnist_is_grey_and_has_its_labels(tmp_path):
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        for part, (images, labels) in write_mnist(tmp_path, name).items():
            found = read(name, tmp_path, part)
            np.testing.assert_array_equal(found.images, images)
            assert found.labels.tolist() == labels


def test_svhn_has_its_channels_last_and_ten_as_nought(tmp_path, monkeypatch):
    import hashlib

    from scipy.io import savemat

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": np.array([[10], [1], [2], [9]], np.uint8)})
    digest = hashlib.md5((tmp_path / "test_32x32.mat").read_bytes()).hexdigest()
    monkeypatch.setitem(datasets.SVHN.split_list, "test", ["", "test_32x32.mat", digest])
    found = read("SVHN", tmp_path, "test")
    np.testing.assert_array_equal(found.images, pixels.transpose(3, 0, 1, 2))
    assert found.labels.tolist() == [0, 1, 2, 9]
    with pytest.raises(UsageError, match=r"save http://ufldl.stanford.edu/housenumbers/train_32x32.mat as .*/train_"):
        read("SVHN", tmp_path, "train")


def test_rows_are_taken_after_the_shuffle_and_labels_go_with_their_images(tmp_path):
    images, labels = write_mnist(tmp_path)["train"]
    splits = {
        "plain": {"split": "train", "rows": [5, 9], "order_seed": None},
        "shuffled": {"split": "train", "rows": None, "order_seed": 3},
        "wrong": {"split": "train", "rows": [30, 41], "order_seed": None},
    }
    made = Torchvision(dataset="MNIST", root=str(tmp_path), splits=splits)
    np.testing.assert_array_equal(made.load("plain").images, images[5:9])
    assert made.load("plain").labels.tolist() == labels[5:9]
    shuffled = made.load("shuffled")
    assert not np.array_equal(shuffled.images, images)
    by_pixels = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert [by_pixels[image.tobytes()] for image in shuffled.images] == shuffled.labels.tolist()
    with pytest.raises(UsageError, match=r"MNIST, train: rows \[30, 41\] out of range; it holds 40 images"):
        made.load("wrong")


def test_files_that_are_not_what_they_should_be_are_told_from_absent_ones(tmp_path, monkeypatch):
    write_cifar10(tmp_path, monkeypatch)
    assert missing("CIFAR10", tmp_path, "test") is None
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").unlink()
    with pytest.raises(
        UsageError, match=r"CIFAR10 not found \(missing: data_batch_2\): unpack https://.*python.tar.gz"
    ):
        read("CIFAR10", tmp_path, "test")
    write_mnist(tmp_path)
    (tmp_path / "MNIST/raw/t10k-images-idx3-ubyte").write_bytes(b"short")
    with pytest.raises(UsageError, match=r"MNIST is damaged .*\{train-images-idx3-ubyte,.*\}.gz into .*MNIST/raw"):
        read("MNIST", tmp_path, "test")
    made = Torchvision(dataset="MNIST", root=str(tmp_path), splits={"a": of_table("train")}, image=[32, 32, 3])
    with pytest.raises(UsageError, match="images are 28×28×1, declared 32×32×3"):
        made.load("a")


@pytest.mark.parametrize("name", get_args(Name))
def test_the_table_of_layouts_is_torchvisions(name, tmp_path):
    kind, layout = getattr(datasets, name), LAYOUTS[name]
    if hasattr(kind, "base_folder"):
        assert (kind.base_folder, kind.url, kind.tgz_md5) == (layout.folder, layout.url, layout.md5)
        files = {file for file, _ in (*kind.train_list, *kind.test_list)}
        assert files <= set(layout.files)
        assert len(layout.files) - len(files) == (0 if name == "STL10" else 1)  # the names of classes
    elif name == "SVHN":
        for part, file in layout.parts.items():
            assert kind.split_list[part][:2] == [layout.url + file, file]
    else:
        assert layout.url in kind.mirrors
        assert tuple(file.removesuffix(".gz") for file, _ in kind.resources) == layout.files
        assert layout.folder == f"{kind.__name__}/raw"
    assert str(tmp_path / layout.folder) in torchvisionfiles.missing(name, tmp_path, "train")


def benchmark(small, held):
    digests = {"train": content_digest(held["train"][0]), "reference": content_digest(held["test"][0][:20])}
    (small.folder / "tiny.yaml").write_text(ENTRY.format(**digests))
    small.edit("dataset: digits\n", "dataset: tiny\n")
    text = small.bench.read_text().splitlines()
    text = ["datasets: tiny.yaml" if line.startswith("datasets:") else line for line in text]
    text = [line for line in text if not line.startswith(("  digits_convnet", "  holdout", "  noise", "  mine"))]
    text = [line.replace("n_real: 120", "n_real: 20").replace("n_fake: 100", "n_fake: 20") for line in text]
    body = "\n".join(text) + "\n"
    body = body.replace("encoder: digits_convnet", "encoder: pixels").replace("fd: {}, kd: {}", "kd: {}")
    body = body.replace("  kde: {}", "  memorise: {}\n  mode_drop: {split: reference, keep: [0, 1, 2, 3, 4]}")
    body = body.replace("metric: fd", "metric: kd").replace("sampling_seeds: [0, 1]", "sampling_seeds: [0]")
    small.bench.write_text(
        body.replace("n_fake: 20", "n_fake: 10").replace("density: {}, coverage: {}", "density: {k: 3}")
    )


def test_check_says_what_to_place_where_before_anything_runs(small):
    held = write_mnist(small.folder / "elsewhere")
    benchmark(small, held)
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    lines = outcome.stderr.splitlines()
    assert len(lines) == 2
    assert all("tiny.yaml:" in line and "MNIST not found: download and unpack https://" in line for line in lines)
    assert str(Path("data") / "MNIST" / "raw") in lines[0]
    (small.folder / "elsewhere").rename(small.folder / "data")
    assert small.harness("check", "bench.yaml").returncode == 0


def test_a_misspelt_data_set_is_named_with_its_nearest(small):
    benchmark(small, write_mnist(small.folder / "data"))
    catalogue = small.folder / "tiny.yaml"
    catalogue.write_text(catalogue.read_text().replace("MNIST", "FashonMNIST").replace("split: test", "split: val"))
    outcome = small.harness("check", "bench.yaml")
    assert outcome.returncode == 2
    assert "did you mean 'FashionMNIST'" in outcome.stderr
    assert "Allowed: train, test" in outcome.stderr


@pytest.mark.slow
def test_a_benchmark_on_torchvisions_files_runs_and_knows_the_classes(small):
    benchmark(small, write_mnist(small.folder / "data"))
    outcome = small.harness("run", "bench.yaml", "--no-tracking", "--out", "out")
    assert outcome.returncode == 0, outcome.stderr
    assert "exact copies of training images" in outcome.stdout
    assert "mode_drop" in outcome.stdout
