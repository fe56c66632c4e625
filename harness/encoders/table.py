"""The built-in encoders: their parameters and facts, importing none of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.base import (
    FILE,
    TORCH,
    VISION,
    Component,
    Count,
    Digest,
    Expects,
    Inference,
    NoParameters,
    Parameters,
    PathText,
    Seed,
)


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
    """Parameters of `inception_nvidia`, whose file holds the network too; random weights are those of `inception`."""

    weights: Literal["inception-2015-12-05.pt", "file", "random"] = "inception-2015-12-05.pt"
    seed: Seed = 0


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


_INCEPTION_LAYERS = (
    ("pool3", 2048),
    ("64", 64),
    ("192", 192),
    ("768", 768),
    ("logits", 1008),
    ("logits_unbiased", 1008),
    ("sfid", 2023),
)


def _encoder(name: str, target: str, parameters: type[Parameters], summary: str, **facts: Any) -> Component:
    return Component("encoders", name, f"harness.encoders.{target}", summary, parameters, **facts)


ENCODERS: tuple[Component, ...] = (
    _encoder(
        "digits_convnet",
        "convnet:DigitsConvNet",
        NoParameters,
        "convnet trained on the digits' train split, 32 features",
        libraries=TORCH,
        dim=32,
        expects=Expects((0.0, 1.0), (8, 8), 1),
        weights="encoders/digits_convnet.safetensors",
    ),
    _encoder(
        "random_convnet",
        "convnet:RandomConvNet",
        RandomConvNet,
        "the same convnet with random weights",
        libraries=TORCH,
        random=True,
        expects=Expects((0.0, 1.0)),
    ),
    _encoder(
        "inception",
        "inception:Inception",
        Inception,
        "Inception-v3 of FID: features of one layer",
        libraries=VISION,
        layers=_INCEPTION_LAYERS,
        expects=Expects(None, (299, 299), 3),
        registered="{weights}",
    ),
    _encoder(
        "inception_nvidia",
        "torchscript:InceptionNvidia",
        InceptionNvidia,
        "the same network as NVIDIA's TorchScript file: 2048 features",
        libraries=VISION,
        dim=2048,
        expects=Expects(None, (299, 299), 3),
        registered="{weights}",
    ),
    _encoder(
        "inception_torchvision",
        "vision:InceptionTorchvision",
        InceptionTorchvision,
        "torchvision's ImageNet Inception-v3, 2048 features: not FID's",
        libraries=VISION,
        dim=2048,
        expects=Expects(None, (299, 299), 3),
        registered="{weights}",
    ),
    _encoder(
        "vgg16",
        "vision:VGG16",
        VGG16,
        "VGG16's second hidden layer, 4096 features",
        libraries=VISION,
        dim=4096,
        expects=Expects(None, (224, 224), 3),
        registered="{weights}",
    ),
    _encoder(
        "dinov2",
        "dinov2:DINOv2",
        DINOv2,
        "DINOv2's class token",
        libraries=(*TORCH, "timm"),
        expects=Expects(None, None, 3),
        registered="dinov2_{architecture}{reg}_pretrain.pth",
    ),
    _encoder(
        "clip",
        "clip:CLIP",
        CLIP,
        "CLIP's projected image embedding",
        libraries=(*TORCH, "open_clip_torch"),
        expects=Expects(None, None, 3),
        registered="{architecture}.pt",
    ),
    _encoder(
        "swav",
        "swav:SwAV",
        SwAV,
        "SwAV's ResNet-50, pooled, 2048 features",
        libraries=VISION,
        dim=2048,
        expects=Expects(None, (224, 224), 3),
        registered="{weights}",
    ),
    _encoder(
        "simclr",
        "simclr:SimCLRv2",
        SimCLRv2,
        "SimCLRv2's ResNet, pooled, 2048 features a width",
        libraries=TORCH,
        expects=Expects(None, (224, 224), 3),
    ),
    _encoder(
        "mae",
        "mae:MAE",
        MAE,
        "a masked autoencoder's class token",
        libraries=(*TORCH, "timm"),
        expects=Expects(None, (224, 224), 3),
        registered="mae_pretrain_vit_{architecture}.pth",
    ),
    _encoder(
        "convnext",
        "convnext:ConvNeXt",
        ConvNeXt,
        "ConvNeXt of ImageNet-22k, pooled",
        libraries=(*TORCH, "timm"),
        expects=Expects(None, (224, 224), 3),
        registered="convnext_{architecture}_22k_224.pth",
    ),
    _encoder(
        "data2vec",
        "data2vec:Data2Vec",
        Data2Vec,
        "data2vec-vision's class token",
        libraries=(*TORCH, "transformers"),
        expects=Expects(None, (224, 224), 3),
    ),
    _encoder(
        "random_vgg16",
        "vision:RandomVGG16",
        RandomVGG16,
        "VGG16's second hidden layer with random weights",
        libraries=VISION,
        random=True,
        expects=Expects(None, (224, 224), 3),
    ),
    _encoder(
        "random_inception",
        "inception:RandomInception",
        RandomInception,
        "the Inception-v3 of FID with random weights",
        libraries=VISION,
        layers=_INCEPTION_LAYERS,
        random=True,
        expects=Expects(None, (299, 299), 3),
    ),
    _encoder(
        "timm",
        "anytimm:Timm",
        Timm,
        "any model of timm, weights from a file",
        libraries=(*TORCH, "timm"),
        expects=Expects(None, None, 3),
    ),
    _encoder(
        "torchscript",
        "torchscript:TorchScript",
        ScriptFile,
        "a TorchScript file: NCHW floats to features",
        libraries=TORCH,
        expects=Expects(None, None, 3),
    ),
    _encoder(
        "onnx",
        "onnxfile:Onnx",
        NetworkFile,
        "an ONNX file: NCHW floats to features",
        libraries=("numpy", "onnxruntime"),
    ),
    _encoder(
        "pixels", "pixels:Pixels", NoParameters, "the pixels themselves, flattened", libraries=("numpy",), dim="pixels"
    ),
)
