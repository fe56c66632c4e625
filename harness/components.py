"""The built-in table: generators, encoders, metrics, datasets, their parameters and facts, importing none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, Strict, model_validator
from pydantic_core import CoreSchema, core_schema

from harness.explain import found
from harness.networkparameters import Diffusers, NetworkGenerator, TorchModule
from harness.parametertypes import Count, Inference, Parameters, PathText
from harness.torchvisionfiles import Name as TorchvisionName
from harness.torchvisionfiles import Part as TorchvisionPart

Kind = Literal["generators", "encoders", "metrics", "datasets"]


def _no_class_twice(classes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(classes)) < len(classes):
        raise ValueError(f"found {list(classes)}; a class is named twice")
    return classes


def _path_or_paths(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    wrong = [path for path in listed if not (isinstance(path, str) and path)]
    if wrong or not listed:
        what = found(value) if not listed or wrong == [value] else f"{found(wrong[0])} in the list"
        raise ValueError(f"{what}; a path, a brace pattern such as part-{{000..012}}.tar, or a list of them is needed")
    return value if isinstance(value, str) else tuple(value)


RANDOM = "random"  # instead of a weight file
FILE = "file"  # a weight file of the user's own, instead of a registered one
KINDS: tuple[Kind, ...] = ("generators", "encoders", "metrics", "datasets")
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
ShortSeed = Annotated[int, Strict(), Field(ge=0, lt=2**32)]  # what numpy's RandomState takes
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Row = Annotated[int, Strict(), Field(ge=0)]
Classes = Annotated[tuple[Row, ...], Field(strict=False, min_length=1), AfterValidator(_no_class_twice)]
# One message for both forms, where a union would tell of each by itself.
Paths = Annotated[Any, AfterValidator(_path_or_paths)]


@dataclass(frozen=True, slots=True)
class Expects:
    """The images an encoder was made for; None where any will do."""

    range: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A name that a benchmark can use, and what is known about it before it is imported.

    target      "module:thing"
    parameters  model of its parameters; None for a user's own component, described by `takes` and `needs` instead
    takes       names of the keyword arguments of a user's component; None where its source does not tell
    libraries   distributions whose version can change the bytes it yields
    trained     a generator that learns from the training split, once per training seed
    pool        a generator with finitely many images: those of a `split`, of some `classes` of it, or its own `files`
    files       how a component that reads image files finds them: the `kind` of `imagelist`
    one_size    a generator that can learn from or spoil images of one size only
    split       model of what a dataset's split is given beside its size and digest
    random      an encoder with random weights
    dim         features of an encoder that has no parameter `dim`; "pixels" where the image size decides
    layers      features of each value of an encoder's parameter `layer`
    weights     file in the package that holds an encoder's weights
    registered  the registered weight file, with parameters in braces, of an encoder whose weights are not random
    better      which values of a metric are better
    reads       values of an encoder's parameter `layer` that alone a metric can read; empty where it reads any features
    limitless   a metric without a population value: it is always reported at the sizes of the sets
    """

    kind: Kind
    name: str
    target: str
    summary: str
    parameters: type[Parameters] | None = None
    takes: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    trained: bool = False
    pool: Literal["split", "classes", "files"] | None = None
    files: Literal["folder", "zip", "npz", "npy", "idx", "tar", "parquet"] | None = None
    one_size: bool = False
    split: type[Parameters] | None = None
    random: bool = False
    dim: int | Literal["pixels"] | None = None
    layers: tuple[tuple[str, int], ...] = ()
    expects: Expects | None = None
    weights: str | None = None
    registered: str | None = None
    better: Literal["lower", "higher"] | None = None
    reads: tuple[str, ...] = ()
    limitless: bool = False
    origin: Literal["built-in", "entry point", "module"] = "built-in"

    def weight_file(self, parameters: Mapping[str, Any]) -> str | None:
        """The registered weight file that an encoder with these parameters needs; None for others."""
        if self.registered is None or parameters.get("weights") in (RANDOM, FILE):
            return None
        named = {**parameters, "reg": "_reg4" if parameters.get("registers") else ""}
        return self.registered.format(**named)

    def paths(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The parameters that are paths of the user's own and are given, as declared; images' paths are `files`."""
        names = self.parameters.paths if self.parameters else ()
        return {name: parameters[name] for name in names if parameters.get(name) is not None}

    def modules(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The parameters that are `module:thing` and are given, as declared."""
        names = self.parameters.modules if self.parameters else ()
        return {name: parameters[name] for name in names if parameters.get(name) is not None}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A field of this type takes an instance as it is; a schema of all the above would cost a tenth of a second."""
        return core_schema.is_instance_schema(cls)


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
    """Parameters of the generator `parquet`: the files, and which column holds the images, `image` by default."""

    column: str | None = None


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
    """A split in Parquet files: the columns of images, `image` by default, and of labels."""

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


class NoParameters(Parameters):
    """For what has nothing to choose."""


class RandomConvNet(Parameters):
    """Parameters of `random_convnet`."""

    seed: Seed = 0
    dim: Count = 32
    channels: Literal[1, 3] = 1


class OwnWeights(Inference):
    """Weights that can be a file of the user's own: `weights: file`, its path, and the SHA-256 that it must have."""

    paths = ("file",)
    weights: str
    file: PathText | None = None
    sha256: Digest | None = None

    @model_validator(mode="after")
    def _a_file_and_its_digest_or_neither(self) -> OwnWeights:
        given = [name for name in ("file", "sha256") if getattr(self, name) is not None]
        if self.weights == FILE and len(given) < 2:
            raise ValueError("`weights: file` needs both `file`, a path, and `sha256`, the digest of that file")
        if self.weights != FILE and given:
            raise ValueError(f"found {' and '.join(given)}, which only `weights: file` reads; add it or leave them out")
        return self


class Inception(OwnWeights):
    """Parameters of `inception`; `seed` is for random weights."""

    weights: Literal["pt_inception-2015-12-05-6726825d.pth", "file", "random"] = "pt_inception-2015-12-05-6726825d.pth"
    layer: Literal["pool3", "64", "192", "768", "logits", "logits_unbiased", "sfid"] = "pool3"
    seed: Seed = 0


class InceptionNvidia(OwnWeights):
    """Parameters of `inception_nvidia`, whose file holds the network too: it cannot be drawn."""

    weights: Literal["inception-2015-12-05.pt", "file"] = "inception-2015-12-05.pt"


class InceptionTorchvision(OwnWeights):
    """Parameters of `inception_torchvision`."""

    weights: Literal["inception_v3_google-0cc3c7bd.pth", "file", "random"] = "inception_v3_google-0cc3c7bd.pth"
    seed: Seed = 0


class VGG16(Inference):
    """Parameters of `vgg16`."""

    weights: Literal["vgg16-397923af.pth", "random"] = "vgg16-397923af.pth"
    seed: Seed = 0


class DINOv2(Inference):
    """Parameters of `dinov2`; `side` is that of the images, a multiple of 14."""

    architecture: Literal["vits14", "vitb14", "vitl14", "vitg14"] = "vitl14"
    registers: bool = False
    weights: Literal["official", "random"] = "official"
    side: Annotated[int, Field(ge=14, multiple_of=14)] = 224
    seed: Seed = 0


class CLIP(Inference):
    """Parameters of `clip`; `normalise` scales each embedding to length 1."""

    architecture: Literal["ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336px"] = "ViT-B-32"
    weights: Literal["official", "random"] = "official"
    normalise: bool = False
    seed: Seed = 0


class Timm(Inference):
    """Parameters of `timm`: its name of a model, and a file with its state dict or random weights."""

    paths = ("file",)
    model: PathText
    file: PathText | None = None
    weights: Literal["file", "random"] = "file"
    side: Count | None = None
    pool: Literal["token", "avg", "map"] | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> Timm:
        if (self.file is None) == (self.weights == "file"):
            raise ValueError("give either `file`, a state dict, or `weights: random`")
        return self


class SwAV(OwnWeights):
    """Parameters of `swav`."""

    weights: Literal["swav_800ep_pretrain.pth.tar", "file", "random"] = "swav_800ep_pretrain.pth.tar"
    seed: Seed = 0


class SimCLRv2(OwnWeights):
    """Parameters of `simclr`: a checkpoint's name says depth, width and whether it has selective kernels."""

    architecture: Annotated[str, Field(pattern="^r(50|101|152)_[123]x_sk[01]$")] = "r50_1x_sk1"
    weights: Literal["file", "random"] = "file"
    seed: Seed = 0


class MAE(OwnWeights):
    """Parameters of `mae`."""

    architecture: Literal["base", "large"] = "large"
    weights: Literal["official", "file", "random"] = "official"
    seed: Seed = 0


class ConvNeXt(OwnWeights):
    """Parameters of `convnext`."""

    architecture: Literal["small", "base", "large", "xlarge"] = "large"
    weights: Literal["official", "file", "random"] = "official"
    seed: Seed = 0


class Data2Vec(OwnWeights):
    """Parameters of `data2vec`."""

    architecture: Literal["base", "large"] = "large"
    weights: Literal["file", "random"] = "file"
    seed: Seed = 0


class RandomVGG16(Inference):
    """Parameters of `random_vgg16`."""

    seed: Seed = 0
    dim: Count = 4096


class RandomInception(Inference):
    """Parameters of `random_inception`."""

    layer: Literal["pool3", "64", "192", "768", "logits", "logits_unbiased", "sfid"] = "pool3"
    seed: Seed = 0


class NetworkFile(Parameters):
    """Parameters of `onnx`: the file, and how many features it gives."""

    paths = ("file",)
    file: PathText
    dim: Count


class ScriptFile(NetworkFile, Inference):
    """Parameters of `torchscript`: the same, and the numbers that it computes in."""


class KernelDistance(Parameters):
    """Parameters of `kd`; `gamma` null is 1/d. Each kernel has its own and refuses the other's."""

    kernel: Literal["polynomial", "rbf"] = "polynomial"
    degree: Count = 3
    gamma: Positive | None = None
    coef: float = 1.0
    bandwidth: Positive | None = None

    @model_validator(mode="after")
    def _only_what_the_kernel_reads(self) -> KernelDistance:
        unread = {"polynomial": {"bandwidth"}, "rbf": {"degree", "gamma", "coef"}}[self.kernel]
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if ignored := sorted(unread & given):
            raise ValueError(f"the {self.kernel} kernel has no {' or '.join(ignored)}")
        if self.kernel == "rbf" and self.bandwidth is None:
            raise ValueError("the rbf kernel needs a bandwidth")
        return self


class KernelSubsets(Parameters):
    """Parameters of `kid_subsets`, with torch-fidelity's defaults; `first` is the set whose rows are drawn first."""

    subsets: Annotated[int, Field(ge=5)] = 100
    subset_size: Annotated[int, Field(ge=2)] = 1000
    degree: Count = 3
    gamma: Positive | None = None
    coef: float = 1.0
    seed: ShortSeed = 2020
    first: Literal["fake", "real"] = "fake"


class CMMD(Parameters):
    """Parameters of `cmmd`, as in Jayasumana et al. 2024."""

    bandwidth: Positive = 10.0
    scale: Positive = 1000.0


class InceptionScore(Parameters):
    """Parameters of `inception_score`: torch-fidelity's by default; ADM's are `split_size: 5000, shuffle: null`.

    `classes` vouches for encoders of one's own: their features are that many logits.
    """

    splits: Count = 10
    split_size: Annotated[int, Field(ge=2)] | None = None
    shuffle: ShortSeed | None = 2020
    classes: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _parts_are_counted_or_sized(self) -> InceptionScore:
        if self.split_size is not None and "splits" in self.model_fields_set:
            raise ValueError("found both splits and split_size; give one of them")
        return self


class ClosedBalls(Parameters):
    """Parameters of precision and recall, as in Kynkäänniemi et al. 2019."""

    k: Count = 3
    closed: bool = True


class OpenBalls(Parameters):
    """Parameters of density and coverage, as in Naeem et al. 2020."""

    k: Count = 5
    closed: bool = False


class Digits(Parameters):
    """Parameters of the dataset `digits`."""

    split_seed: Seed = 0


class Photographs(Parameters):
    """Parameters of the dataset `photographs`: pixels of a crop's side."""

    split_seed: Seed = 0
    side: Annotated[int, Field(ge=8, le=427)] = 112


_ARRAYS = ("numpy", "scipy")
_SKLEARN = (*_ARRAYS, "scikit-learn")
_TORCH = ("numpy", "torch")
_VISION = (*_TORCH, "torchvision")
_FILES = ("numpy", "pillow")
_INCEPTION_LAYERS = (
    ("pool3", 2048), ("64", 64), ("192", 192), ("768", 768),
    ("logits", 1008), ("logits_unbiased", 1008), ("sfid", 2023),
)  # fmt: skip


def _generator(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("generators", name, f"harness.generators.{target}", summary, parameters, **facts)


def _encoder(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("encoders", name, f"harness.encoders.{target}", summary, parameters, **facts)


def _metric(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("metrics", name, f"harness.metrics:{target}", summary, parameters, libraries=_ARRAYS, **facts)


def _dataset(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("datasets", name, f"harness.datasets.{target}", summary, parameters, **facts)


TABLE: tuple[Component, ...] = (
    _generator("kde", "density:KernelDensity", KernelDensity,
               "kernel density estimate of the pixels", libraries=_SKLEARN, trained=True, one_size=True),
    _generator("gaussian_mixture", "density:GaussianMixture", GaussianMixture,
               "mixture of Gaussians on the pixels", libraries=_SKLEARN, trained=True, one_size=True),
    _generator("ppca", "density:ProbabilisticPCA", ProbabilisticPCA,
               "probabilistic PCA of the pixels", libraries=_SKLEARN, trained=True, one_size=True),
    _generator("vae", "vae:VAE", VAE,
               "variational autoencoder, trained from scratch", libraries=_TORCH, trained=True, one_size=True),
    _generator("ddpm", "ddpm:DDPM", DDPM,
               "denoising diffusion model, trained from scratch", libraries=_TORCH, trained=True, one_size=True),
    _generator("holdout", "controls:Holdout", Holdout,
               "control: real images that nothing was trained on", libraries=_ARRAYS, pool="split"),
    _generator("blur", "controls:Blur", Blur,
               "control: real images, blurred", libraries=_ARRAYS, pool="split", one_size=True),
    _generator("noise", "controls:Noise", Noise,
               "control: real images under Gaussian noise", libraries=_ARRAYS, pool="split", one_size=True),
    _generator("mode_drop", "controls:ModeDrop", ModeDrop,
               "control: real images of some classes only", libraries=_ARRAYS, pool="classes"),
    _generator("memorise", "controls:Memorise", Memorise,
               "control: copies of training images", libraries=_ARRAYS, pool="split"),
    _generator("folder", "files:Folder", Files,
               "the images in a folder", libraries=_FILES, pool="files", files="folder"),
    _generator("zip", "files:Zip", Files,
               "the images in a zip archive", libraries=_FILES, pool="files", files="zip"),
    _generator("npz", "files:Npz", Array,
               "the images in a NumPy archive", libraries=_FILES, pool="files", files="npz"),
    _generator("torchscript", "torchfiles:TorchScript", NetworkGenerator,
               "a TorchScript file: latents to NCHW images", libraries=_TORCH),
    _generator("onnx", "onnxfile:Onnx", NetworkGenerator,
               "an ONNX file: latents to NCHW images", libraries=("numpy", "onnxruntime")),
    _generator("torch_module", "torchfiles:TorchModule", TorchModule,
               "a network class of your own with a state dict: latents to NCHW images", libraries=_TORCH),
    _generator("diffusers", "pipelines:Diffusers", Diffusers,
               "a diffusers pipeline in a folder", libraries=(*_TORCH, "diffusers", "transformers")),
    _generator("npy", "files:Npy", Files,
               "the images in a NumPy file", libraries=_FILES, pool="files", files="npy"),
    _generator("tar", "files:Tar", Shards,
               "the images in tar files, WebDataset's shards", libraries=_FILES, pool="files", files="tar"),
    _generator("parquet", "files:Parquet", Columns,
               "a column of images in Parquet files", libraries=_FILES, pool="files", files="parquet"),
    _encoder("digits_convnet", "convnet:DigitsConvNet", NoParameters,
             "convnet trained on the digits' train split, 32 features", libraries=_TORCH,
             dim=32, expects=Expects((0.0, 1.0), (8, 8), 1), weights="encoders/digits_convnet.safetensors"),
    _encoder("random_convnet", "convnet:RandomConvNet", RandomConvNet,
             "the same convnet with random weights", libraries=_TORCH, random=True, expects=Expects((0.0, 1.0))),
    _encoder("inception", "inception:Inception", Inception,
             "Inception-v3 of FID: features of one layer", libraries=_VISION, layers=_INCEPTION_LAYERS,
             expects=Expects(None, (299, 299), 3), registered="{weights}"),
    _encoder("inception_nvidia", "torchscript:InceptionNvidia", InceptionNvidia,
             "the same network as NVIDIA's TorchScript file: 2048 features", libraries=_TORCH, dim=2048,
             expects=Expects(None, (299, 299), 3), registered="{weights}"),
    _encoder("inception_torchvision", "vision:InceptionTorchvision", InceptionTorchvision,
             "torchvision's ImageNet Inception-v3, 2048 features: not FID's", libraries=_VISION, dim=2048,
             expects=Expects(None, (299, 299), 3), registered="{weights}"),
    _encoder("vgg16", "vision:VGG16", VGG16,
             "VGG16's second hidden layer, 4096 features", libraries=_VISION, dim=4096,
             expects=Expects(None, (224, 224), 3), registered="{weights}"),
    _encoder("dinov2", "dinov2:DINOv2", DINOv2,
             "DINOv2's class token", libraries=(*_TORCH, "timm"),
             expects=Expects(None, None, 3), registered="dinov2_{architecture}{reg}_pretrain.pth"),
    _encoder("clip", "clip:CLIP", CLIP,
             "CLIP's projected image embedding", libraries=(*_TORCH, "open_clip_torch"),
             expects=Expects(None, None, 3), registered="{architecture}.pt"),
    _encoder("swav", "swav:SwAV", SwAV,
             "SwAV's ResNet-50, pooled, 2048 features", libraries=_VISION, dim=2048,
             expects=Expects(None, (224, 224), 3), registered="{weights}"),
    _encoder("simclr", "simclr:SimCLRv2", SimCLRv2,
             "SimCLRv2's ResNet, pooled, 2048 features a width", libraries=_TORCH,
             expects=Expects(None, (224, 224), 3)),
    _encoder("mae", "mae:MAE", MAE,
             "a masked autoencoder's class token", libraries=(*_TORCH, "timm"),
             expects=Expects(None, (224, 224), 3), registered="mae_pretrain_vit_{architecture}.pth"),
    _encoder("convnext", "convnext:ConvNeXt", ConvNeXt,
             "ConvNeXt of ImageNet-22k, pooled", libraries=(*_TORCH, "timm"),
             expects=Expects(None, (224, 224), 3), registered="convnext_{architecture}_22k_224.pth"),
    _encoder("data2vec", "data2vec:Data2Vec", Data2Vec,
             "data2vec-vision's class token", libraries=(*_TORCH, "transformers"),
             expects=Expects(None, (224, 224), 3)),
    _encoder("random_vgg16", "vision:RandomVGG16", RandomVGG16,
             "VGG16's second hidden layer with random weights", libraries=_VISION, random=True,
             expects=Expects(None, (224, 224), 3)),
    _encoder("random_inception", "inception:RandomInception", RandomInception,
             "the Inception-v3 of FID with random weights", libraries=_VISION, layers=_INCEPTION_LAYERS, random=True,
             expects=Expects(None, (299, 299), 3)),
    _encoder("timm", "anytimm:Timm", Timm,
             "any model of timm, weights from a file", libraries=(*_TORCH, "timm"), expects=Expects(None, None, 3)),
    _encoder("torchscript", "torchscript:TorchScript", ScriptFile,
             "a TorchScript file: NCHW floats to features", libraries=_TORCH, expects=Expects(None, None, 3)),
    _encoder("onnx", "onnxfile:Onnx", NetworkFile,
             "an ONNX file: NCHW floats to features", libraries=("numpy", "onnxruntime")),
    _encoder("pixels", "pixels:Pixels", NoParameters,
             "the pixels themselves, flattened", libraries=("numpy",), dim="pixels"),
    _metric("fd", "frechet_distance", NoParameters,
            "Fréchet distance of Gaussians fitted to the features", better="lower"),
    _metric("kd", "kernel_distance", KernelDistance,
            "kernel distance: squared MMD, unbiased, all pairs", better="lower"),
    _metric("precision", "precision", ClosedBalls,
            "share of fakes inside the real images' k-NN balls", better="higher", limitless=True),
    _metric("recall", "recall", ClosedBalls,
            "share of real images inside the fakes' k-NN balls", better="higher", limitless=True),
    _metric("density", "density", OpenBalls,
            "real k-NN balls that each fake lies in, over k", better="higher", limitless=True),
    _metric("coverage", "coverage", OpenBalls,
            "share of real images whose k-NN ball holds a fake", better="higher", limitless=True),
    _metric("sfid", "sfid", NoParameters,
            "Fréchet distance of ADM's spatial features (sFID)", better="lower", reads=("sfid",)),
    _metric("kid_subsets", "kid_subsets", KernelSubsets,
            "kernel distance as the mean over random subsets, as KID is printed", better="lower"),
    _metric("cmmd", "cmmd", CMMD,
            "squared MMD, Gaussian kernel, V-statistic × 1000 (CMMD)", better="lower"),
    _metric("inception_score", "inception_score", InceptionScore,
            "Inception score of class logits", better="higher", reads=("logits", "logits_unbiased"), limitless=True),
    _metric("vendi", "vendi", NoParameters,
            "Vendi score: effective number of different fakes", better="higher", limitless=True),
    _dataset("digits", "digits:Digits", Digits,
             "scikit-learn's digits, 1,797 real 8×8 scans", libraries=("numpy", "scikit-learn"), split=NoParameters),
    _dataset("photographs", "photographs:Photographs", Photographs,
             "crops of scikit-learn's two colour photographs", libraries=("numpy", "scikit-learn"), split=NoParameters),
    _dataset("folder", "files:Folder", NoParameters,
             "a folder of images for each split", libraries=_FILES, files="folder", split=SplitFiles),
    _dataset("zip", "files:Zip", NoParameters,
             "a zip archive of images for each split", libraries=_FILES, files="zip", split=SplitFiles),
    _dataset("npz", "files:Npz", NoParameters,
             "a NumPy archive for each split", libraries=_FILES, files="npz", split=SplitArray),
    _dataset("npy", "files:Npy", NoParameters,
             "a NumPy file for each split", libraries=_FILES, files="npy", split=SplitNpy),
    _dataset("tar", "files:Tar", NoParameters,
             "tar files, WebDataset's shards, for each split", libraries=_FILES, files="tar", split=SplitTar),
    _dataset("parquet", "files:Parquet", NoParameters,
             "Parquet files of images for each split", libraries=_FILES, files="parquet", split=SplitParquet),
    _dataset("idx", "files:Idx", NoParameters,
             "IDX files, MNIST's format, for each split", libraries=_FILES, files="idx", split=SplitIdx),
    _dataset("torchvision", "torchvisionsets:Torchvision", Torchvision,
             "CIFAR10, MNIST … as torchvision keeps them on disk", libraries=_VISION, split=SplitTorchvision),
)  # fmt: skip
