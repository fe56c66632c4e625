"""The built-in generators: their parameters and facts, importing none of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.components.base import ARRAYS, FILES, SKLEARN, TORCH, Classes, Component, Paths, Positive
from harness.networkparameters import Diffusers, NetworkGenerator, TorchModule
from harness.parametertypes import Count, Parameters, PathText


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


def _generator(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("generators", name, f"harness.generators.{target}", summary, parameters, **facts)


GENERATORS: tuple[Component, ...] = (
    _generator("kde", "density:KernelDensity", KernelDensity,
               "kernel density estimate of the pixels", libraries=SKLEARN, trained=True, one_size=True),
    _generator("gaussian_mixture", "density:GaussianMixture", GaussianMixture,
               "mixture of Gaussians on the pixels", libraries=SKLEARN, trained=True, one_size=True),
    _generator("ppca", "density:ProbabilisticPCA", ProbabilisticPCA,
               "probabilistic PCA of the pixels", libraries=SKLEARN, trained=True, one_size=True),
    _generator("vae", "vae:VAE", VAE,
               "variational autoencoder, trained from scratch", libraries=TORCH, trained=True, one_size=True),
    _generator("ddpm", "ddpm:DDPM", DDPM,
               "denoising diffusion model, trained from scratch", libraries=TORCH, trained=True, one_size=True),
    _generator("holdout", "controls:Holdout", Holdout,
               "control: real images that nothing was trained on", libraries=ARRAYS, pool="split"),
    _generator("blur", "controls:Blur", Blur,
               "control: real images, blurred", libraries=ARRAYS, pool="split", one_size=True),
    _generator("noise", "controls:Noise", Noise,
               "control: real images under Gaussian noise", libraries=ARRAYS, pool="split", one_size=True),
    _generator("mode_drop", "controls:ModeDrop", ModeDrop,
               "control: real images of some classes only", libraries=ARRAYS, pool="classes"),
    _generator("memorise", "controls:Memorise", Memorise,
               "control: copies of training images", libraries=ARRAYS, pool="split"),
    _generator("folder", "files:Folder", Files,
               "the images in a folder", libraries=FILES, pool="files", files="folder"),
    _generator("zip", "files:Zip", Files,
               "the images in a zip archive", libraries=FILES, pool="files", files="zip"),
    _generator("npz", "files:Npz", Array,
               "the images in a NumPy archive", libraries=FILES, pool="files", files="npz"),
    _generator("torchscript", "torchfiles:TorchScript", NetworkGenerator,
               "a TorchScript file: latents to NCHW images", libraries=TORCH),
    _generator("onnx", "onnxfile:Onnx", NetworkGenerator,
               "an ONNX file: latents to NCHW images", libraries=("numpy", "onnxruntime")),
    _generator("torch_module", "torchfiles:TorchModule", TorchModule,
               "a network class of your own with a state dict: latents to NCHW images", libraries=TORCH),
    _generator("diffusers", "pipelines:Diffusers", Diffusers,
               "a diffusers pipeline in a folder", libraries=(*TORCH, "diffusers", "transformers")),
    _generator("npy", "files:Npy", Files,
               "the images in a NumPy file", libraries=FILES, pool="files", files="npy"),
    _generator("tar", "files:Tar", Shards,
               "the images in tar files, WebDataset's shards", libraries=FILES, pool="files", files="tar"),
    _generator("parquet", "files:Parquet", Columns,
               "a column of images in Parquet files", libraries=FILES, pool="files", files="parquet"),
    _generator("arrow", "files:Arrow", Columns,
               "a column of images as Hugging Face's save_to_disk leaves it", libraries=FILES, pool="files",
               files="arrow"),
)  # fmt: skip
