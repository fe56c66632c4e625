"""ConvNeXt, trained on ImageNet-22k with labels."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from harness.base import TORCH, Component, Expects, Seed
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import Given, Origin, OwnWeights, State, TorchEncoder, filled, weights_digest, without


class ConvNeXtParameters(OwnWeights):
    """Parameters of `convnext`."""

    architecture: Literal["small", "base", "large", "xlarge"] = "large"
    weights: Literal["official", "file", "random"] = "official"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "convnext",
    f"{__name__}:ConvNeXt",
    "ConvNeXt of ImageNet-22k, pooled",
    ConvNeXtParameters,
    libraries=(*TORCH, "timm"),
    expects=Expects(None, (224, 224), 3),
    registered="convnext_{architecture}_22k_224.pth",
)
DIMS = {"small": 768, "base": 1024, "large": 1536, "xlarge": 2048}


class ConvNeXt(TorchEncoder):
    """Features after the global pool and its norm, before the classifier (Liu et al. 2022); dgm-eval takes large.

    224×224 images with ImageNet's normalisation. Files in the authors' names or in timm's.
    """

    def __init__(
        self,
        *,
        architecture: str = "large",
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        timm = needs("timm", "timm")

        def body(state: State, network: Any) -> State:
            rename = needs("timm.models.convnext", "timm").checkpoint_filter_fn
            return without(rename(state, network), "head.fc.")

        network = filled(
            lambda: timm.create_model(f"convnext_{architecture}", pretrained=False, num_classes=0),
            f"ConvNeXt {architecture}",
            body,
            Origin.of(given, f"convnext_{architecture}_22k_224.pth"),
        )
        super().__init__(network, network, dim=DIMS[architecture], side=224, dtype=dtype)
        self.identity = {"architecture": f"ConvNeXt {architecture}, pooled, normed", "weights": weights_digest(network)}
