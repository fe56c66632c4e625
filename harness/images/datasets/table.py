"""The built-in datasets: their parameters and facts, importing none of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.base import FILES, VISION, Component, NoParameters, Parameters, Paths, PathText, Row, Seed
from harness.images.datasets.torchvision_layout import Name as TorchvisionName
from harness.images.datasets.torchvision_layout import Part as TorchvisionPart


class SplitRows(Parameters):
    """Which images of a listing make a split: `rows` [start, stop] of it, after a shuffle by `order_seed`."""

    rows: Annotated[tuple[Row, Row], Field(strict=False)] | None = None
    order_seed: Seed | None = None


class SplitFiles(SplitRows):
    """A split in a folder or zip; labels are the names of its class folders, or there are none."""

    path: PathText
    labels: Literal["folders"] | None = None


class SplitArray(SplitRows):
    """A split in an npz: the names of its arrays of images and labels."""

    path: PathText
    array: str | None = None
    labels: str | None = None


class SplitIdx(SplitRows):
    """A split in IDX files, MNIST's format."""

    images: PathText
    labels: PathText | None = None


class SplitNpy(SplitRows):
    """A split in an npy file; labels are another."""

    path: PathText
    labels: PathText | None = None


class SplitTar(SplitRows):
    """A split in tar files; labels are WebDataset's `.cls` files or the names of class folders, or there are none."""

    path: Paths
    labels: Literal["cls", "folders"] | None = None


class SplitParquet(SplitRows):
    """A split in Parquet or Arrow files: the columns of images, `image` by default, and of labels."""

    path: Paths
    column: str | None = None
    labels: str | None = None


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


class Photographs(Parameters):
    """Parameters of the dataset `photographs`: pixels of a crop's side."""

    split_seed: Seed = 0
    side: Annotated[int, Field(ge=8, le=427)] = 112


def _dataset(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("datasets", name, f"harness.images.datasets.{target}", summary, parameters, **facts)


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
        "photographs",
        "photographs:Photographs",
        Photographs,
        "crops of scikit-learn's two colour photographs",
        libraries=("numpy", "scikit-learn"),
        split=NoParameters,
    ),
    _dataset(
        "folder",
        "files:Folder",
        NoParameters,
        "a folder of images for each split",
        libraries=FILES,
        files="folder",
        split=SplitFiles,
    ),
    _dataset(
        "zip",
        "files:Zip",
        NoParameters,
        "a zip archive of images for each split",
        libraries=FILES,
        files="zip",
        split=SplitFiles,
    ),
    _dataset(
        "npz",
        "files:Npz",
        NoParameters,
        "a NumPy archive for each split",
        libraries=FILES,
        files="npz",
        split=SplitArray,
    ),
    _dataset(
        "npy", "files:Npy", NoParameters, "a NumPy file for each split", libraries=FILES, files="npy", split=SplitNpy
    ),
    _dataset(
        "tar",
        "files:Tar",
        NoParameters,
        "tar files, WebDataset's shards, for each split",
        libraries=FILES,
        files="tar",
        split=SplitTar,
    ),
    _dataset(
        "parquet",
        "files:Parquet",
        NoParameters,
        "Parquet files of images for each split",
        libraries=FILES,
        files="parquet",
        split=SplitParquet,
    ),
    _dataset(
        "arrow",
        "files:Arrow",
        NoParameters,
        "a folder of save_to_disk, or Arrow files, for each split",
        libraries=FILES,
        files="arrow",
        split=SplitParquet,
    ),
    _dataset(
        "idx",
        "files:Idx",
        NoParameters,
        "IDX files, MNIST's format, for each split",
        libraries=FILES,
        files="idx",
        split=SplitIdx,
    ),
    _dataset(
        "torchvision",
        "torchvision:Torchvision",
        Torchvision,
        "CIFAR10, MNIST … as torchvision keeps them on disk",
        libraries=VISION,
        split=SplitTorchvision,
    ),
)
