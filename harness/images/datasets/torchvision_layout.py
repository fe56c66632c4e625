"""Where torchvision expects the files of its data sets, and what to place there; torchvision itself is not imported.

Addresses, folders and MD5 are those of torchvision 0.27, `torchvision.datasets`; a test compares them with the one
that is installed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Name = Literal["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "KMNIST", "STL10", "SVHN"]
Part = Literal["train", "test"]

_CIFAR10 = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_STL10 = ("train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one data set: all of them are needed for either part, unless `parts` names those of each.

    folder  relative to the root; "" for the root itself
    url     the archive that holds the files, or with a trailing slash the folder that each file lies in as `.gz`
    md5     of the archive
    """

    folder: str
    files: tuple[str, ...]
    url: str
    md5: str | None = None
    parts: Mapping[str, str] | None = None


LAYOUTS: Mapping[Name, Layout] = {
    "CIFAR10": Layout(
        "cifar-10-batches-py",
        _CIFAR10,
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    ),
    "CIFAR100": Layout(
        "cifar-100-python",
        ("train", "test", "meta"),
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
    ),
    "MNIST": Layout("MNIST/raw", _IDX, "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    "FashionMNIST": Layout("FashionMNIST/raw", _IDX, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
    "KMNIST": Layout("KMNIST/raw", _IDX, "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
    "STL10": Layout(
        "stl10_binary",
        _STL10,
        "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
        "91f7769df0f17e558f3565bffb0c7dfb",
    ),
    "SVHN": Layout(
        "",
        ("train_32x32.mat", "test_32x32.mat"),
        "http://ufldl.stanford.edu/housenumbers/",
        parts={"train": "train_32x32.mat", "test": "test_32x32.mat"},
    ),
}


def missing(name: Name, root: Path, part: Part) -> str | None:
    """What to place where, as a sentence, when files of a data set are not below `root`; None when all are there."""
    layout = LAYOUTS[name]
    needed = layout.files if layout.parts is None else (layout.parts[part],)
    absent = [file for file in needed if not (root / layout.folder / file).is_file()]
    if not absent:
        return None
    some = "" if len(absent) == len(needed) else f" (missing: {', '.join(absent)})"
    return f"{name} not found{some}: {remedy(name, root, part)}"


def files_of(parameters: Mapping[str, Any], split: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files that a split is read from, as a `datasets.yaml` in `folder` declares it."""
    layout = LAYOUTS[parameters["dataset"]]
    needed = layout.files if layout.parts is None else (layout.parts[split["split"]],)
    root = folder.absolute() / os.path.expanduser(parameters["root"])
    return [root / layout.folder / file for file in needed]


def absent(parameters: Mapping[str, Any], split: Mapping[str, Any], folder: Path) -> str | None:
    """As `missing`, of a split as a `datasets.yaml` in `folder` declares it; None where its parameters are wrong."""
    if "root" not in parameters:
        return None
    return missing(parameters["dataset"], folder / os.path.expanduser(parameters["root"]), split["split"])


def remedy(name: Name, root: Path, part: Part) -> str:
    """What to place where, as the second half of a sentence."""
    layout = LAYOUTS[name]
    folder = root / layout.folder
    if layout.parts is not None:
        return f"save {layout.url}{layout.parts[part]} as {folder / layout.parts[part]}"
    if layout.md5 is not None:
        return f"unpack {layout.url} (MD5 {layout.md5}) into {folder}"
    return f"download and unpack {layout.url}{{{','.join(layout.files)}}}.gz into {folder}"
