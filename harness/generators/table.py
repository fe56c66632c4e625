"""The built-in generators: their parameters and facts, importing none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.base import (
    ARRAYS,
    FILES,
    SKLEARN,
    TORCH,
    Classes,
    Component,
    Count,
    Parameters,
    Paths,
    PathText,
    Positive,
    found,
)


class KernelDensity(Parameters):
    """Parameters of `kde`."""

    bandwidth: Positive = 0.12


class GaussianMixture(Parameters):
    """Parameters of `gaussian_mixture`."""

    components: Count = 10
    covariance: Literal["full", "tied", "diag", "spherical"] = "full"


class ProbabilisticPCA(Parameters):
    """Parameters of `ppca`."""

    components: Count = 16


class VAE(Parameters):
    """Parameters of `vae`."""

    latent: Count = 16
    hidden: Count = 128
    epochs: Count = 120
    learning_rate: Positive = 1e-2


class DDPM(Parameters):
    """Parameters of `ddpm`."""

    timesteps: Annotated[int, Field(ge=2)] = 100
    hidden: Count = 160
    iterations: Count = 1000
    learning_rate: Positive = 5e-3


class Holdout(Parameters):
    """Parameters of `holdout`: the split whose images it shows."""

    split: str = "holdout"


class Blur(Holdout):
    """Parameters of `blur`: standard deviation in pixels."""

    sigma: Positive = 0.5


class Noise(Holdout):
    """Parameters of `noise`: standard deviation in grey levels of 0..255."""

    sd: Positive = 255.0


class ModeDrop(Holdout):
    """Parameters of `mode_drop`: the classes it keeps."""

    keep: Classes


class Memorise(Parameters):
    """Parameters of `memorise`: the split whose images it copies."""

    split: str = "train"


class Files(Parameters):
    """Where images lie, relative to the YAML file."""

    path: PathText


class Array(Files):
    """Parameters of the generator `npz`: the file, and which of its arrays where it has several."""

    array: str | None = None


class Shards(Parameters):
    """Parameters of the generator `tar`: a path, a list of paths or a brace pattern."""

    path: Paths


class Columns(Shards):
    """Parameters of `parquet` and `arrow`: the files, and which column holds the images, `image` by default."""

    column: str | None = None


def _known_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is not None and given not in ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)):
        raise ValueError(f"found {list(given)}; [-1, 1], [0, 1] or [0, 255] is allowed")
    return given


def _latent(value: Any) -> Any:
    shape = list(value) if isinstance(value, list | tuple) else [value]
    if not 1 <= len(shape) <= 4 or any(type(side) is not int or side < 1 for side in shape):
        raise ValueError(f"{found(value)}; a whole number such as 128, or a shape such as [4, 32, 32], is needed")
    return value if isinstance(value, int) else tuple(shape)


OutputRange = Annotated[tuple[float, float] | None, Field(strict=False), AfterValidator(_known_range)]

# One message for both forms, where a union would tell of each by itself.
Latent = Annotated[Any, AfterValidator(_latent)]

ModuleThing = Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]


class NetworkGenerator(Parameters):
    """Parameters of a generator that is a network in a file: what it takes, what it gives, how that becomes uint8.

    latent        shape of one image's latent: 128 or [4, 32, 32]
    distribution  `normal`, standard; `uniform` on [-1, 1)
    truncation    multiplies the latent
    range         of the output: [-1, 1], [0, 1] or [0, 255]; values outside are clipped
    quantise      how it becomes uint8: `round`, `truncate`, `adm`, see `harness.generators.levels`; `network` where
                  the network gives uint8 itself
    classes       how many there are, where the network takes a label after the latent
    labels        `drawn` evenly from each image's seed, or `balanced`: cycled by the image's place in its set, which
                  intervals then count as strata
    label_form    `index` (int64) or `onehot` (float32)
    """

    paths = ("file",)
    file: PathText
    latent: Latent = Field(description="the shape of one image's latent, such as 128 or [4, 32, 32]")
    distribution: Literal["normal", "uniform"] = "normal"
    truncation: Annotated[float, Field(gt=0, le=1)] = 1.0
    range: OutputRange = None
    quantise: Literal["round", "truncate", "adm", "network"] = Field(
        description="how the output becomes uint8: round, truncate, adm, or network where it is uint8 already"
    )
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"
    label_form: Literal["index", "onehot"] = "index"

    @model_validator(mode="after")
    def _a_range_where_it_is_read(self) -> NetworkGenerator:
        if (self.range is None) != (self.quantise == "network"):
            raise ValueError("give `range`, [-1, 1], [0, 1] or [0, 255], except with `quantise: network`")
        if self.classes is None and {"labels", "label_form"} & self.model_fields_set:
            raise ValueError("`labels` and `label_form` are for networks with `classes`; add it or leave them out")
        return self


class TorchModule(NetworkGenerator):
    """Parameters of `torch_module`: the class that makes the network, its `arguments`, and its state dict in `file`."""

    modules = ("network",)
    network: ModuleThing = Field(description="the class that makes the network, as module:thing")
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class Diffusers(Parameters):
    """Parameters of `diffusers`: a pipeline's folder; null `steps` and `guidance` are the pipeline's own.

    With `prompts`, a text file with one in each line, image i shows one of them, and the images of one prompt count as
    one cluster: intervals speak about other prompts of the same kind too. Where these prompts are all that is asked
    about, `groups: none` in the entry takes images with drawn prompts as independent, and `groups: strata` counts
    balanced ones as strata.

    With `classes`, for pipelines that are called with `class_labels`, an image shows one of so many, numbered from 0.
    """

    paths = ("folder", "prompts")
    folder: PathText
    steps: Count | None = None
    guidance: Annotated[float, Field(ge=0)] | None = None
    quantise: Literal["round", "truncate", "adm"] = "round"
    prompts: PathText | None = None
    classes: Count | None = None
    labels: Literal["drawn", "balanced"] = "drawn"

    @model_validator(mode="after")
    def _labels_of_something(self) -> Diffusers:
        if self.prompts is not None and self.classes is not None:
            raise ValueError("found both `prompts` and `classes`; a pipeline is called with one of them")
        if self.prompts is None and self.classes is None and "labels" in self.model_fields_set:
            raise ValueError("`labels` says how `prompts` or `classes` are given out; add one of them or leave it out")
        return self


def _generator(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("generators", name, f"harness.generators.{target}", summary, parameters, **facts)


GENERATORS: tuple[Component, ...] = (
    _generator(
        "kde",
        "density:KernelDensity",
        KernelDensity,
        "kernel density estimate of the pixels",
        libraries=SKLEARN,
        trained=True,
        one_size=True,
    ),
    _generator(
        "gaussian_mixture",
        "density:GaussianMixture",
        GaussianMixture,
        "mixture of Gaussians on the pixels",
        libraries=SKLEARN,
        trained=True,
        one_size=True,
    ),
    _generator(
        "ppca",
        "density:ProbabilisticPCA",
        ProbabilisticPCA,
        "probabilistic PCA of the pixels",
        libraries=SKLEARN,
        trained=True,
        one_size=True,
    ),
    _generator(
        "vae",
        "vae:VAE",
        VAE,
        "variational autoencoder, trained from scratch",
        libraries=TORCH,
        trained=True,
        one_size=True,
    ),
    _generator(
        "ddpm",
        "ddpm:DDPM",
        DDPM,
        "denoising diffusion model, trained from scratch",
        libraries=TORCH,
        trained=True,
        one_size=True,
    ),
    _generator(
        "holdout",
        "controls:Holdout",
        Holdout,
        "control: real images that nothing was trained on",
        libraries=ARRAYS,
        pool="split",
    ),
    _generator(
        "blur", "controls:Blur", Blur, "control: real images, blurred", libraries=ARRAYS, pool="split", one_size=True
    ),
    _generator(
        "noise",
        "controls:Noise",
        Noise,
        "control: real images under Gaussian noise",
        libraries=ARRAYS,
        pool="split",
        one_size=True,
    ),
    _generator(
        "mode_drop",
        "controls:ModeDrop",
        ModeDrop,
        "control: real images of some classes only",
        libraries=ARRAYS,
        pool="classes",
    ),
    _generator(
        "memorise", "controls:Memorise", Memorise, "control: copies of training images", libraries=ARRAYS, pool="split"
    ),
    _generator(
        "folder", "files:Folder", Files, "the images in a folder", libraries=FILES, pool="files", files="folder"
    ),
    _generator("zip", "files:Zip", Files, "the images in a zip archive", libraries=FILES, pool="files", files="zip"),
    _generator("npz", "files:Npz", Array, "the images in a NumPy archive", libraries=FILES, pool="files", files="npz"),
    _generator(
        "torchscript",
        "torchfiles:TorchScript",
        NetworkGenerator,
        "a TorchScript file: latents to NCHW images",
        libraries=TORCH,
    ),
    _generator(
        "onnx",
        "onnxfile:Onnx",
        NetworkGenerator,
        "an ONNX file: latents to NCHW images",
        libraries=("numpy", "onnxruntime"),
    ),
    _generator(
        "torch_module",
        "torchfiles:TorchModule",
        TorchModule,
        "a network class of your own with a state dict: latents to NCHW images",
        libraries=TORCH,
    ),
    _generator(
        "diffusers",
        "pipelines:Diffusers",
        Diffusers,
        "a diffusers pipeline in a folder",
        libraries=(*TORCH, "diffusers", "transformers"),
    ),
    _generator("npy", "files:Npy", Files, "the images in a NumPy file", libraries=FILES, pool="files", files="npy"),
    _generator(
        "tar",
        "files:Tar",
        Shards,
        "the images in tar files, WebDataset's shards",
        libraries=FILES,
        pool="files",
        files="tar",
    ),
    _generator(
        "parquet",
        "files:Parquet",
        Columns,
        "a column of images in Parquet files",
        libraries=FILES,
        pool="files",
        files="parquet",
    ),
    _generator(
        "arrow",
        "files:Arrow",
        Columns,
        "a column of images as Hugging Face's save_to_disk leaves it",
        libraries=FILES,
        pool="files",
        files="arrow",
    ),
)
