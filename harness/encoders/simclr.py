"""SimCLRv2's ResNets."""

from __future__ import annotations

from typing import Annotated, Literal, Unpack

from pydantic import Field

from harness.base import TORCH, Component, Expects, Seed
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, filled, weights_digest, without


class SimCLRParameters(OwnWeights):
    """Parameters of `simclr`: a checkpoint's name says depth, width and whether it has selective kernels."""

    architecture: Annotated[str, Field(pattern="^r(50|101|152)_[123]x_sk[01]$")] = "r50_1x_sk1"
    weights: Literal["file", "random"] = "file"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "simclr",
    f"{__name__}:SimCLRv2",
    "SimCLRv2's ResNet, pooled, 2048 features a width",
    SimCLRParameters,
    libraries=TORCH,
    expects=Expects(None, (224, 224), 3),
)


class SimCLRv2(TorchEncoder):
    """Pooled features (2048 × width) of a SimCLRv2 ResNet (Chen et al. 2020), below its projection head.

    `architecture` is depth, width and selective kernels as the checkpoints are named; dgm-eval takes r50_1x_sk1, on
    224×224 images with ImageNet's normalisation (Google trained on [0, 1]).
    """

    def __init__(
        self,
        *,
        architecture: str = "r50_1x_sk1",
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        from harness.encoders.simclr_resnet import resnet

        network = filled(
            lambda: resnet(architecture),
            f"SimCLRv2 {architecture}",
            lambda state, _: without(state, "fc."),
            Origin.of(given, "file"),
        )
        super().__init__(network, network, dim=network.dim, side=224, dtype=dtype)
        self.identity = {"architecture": f"SimCLRv2 {architecture}, pooled", "weights": weights_digest(network)}
