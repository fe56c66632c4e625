"""SwAV's ResNet-50."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from harness.base import VISION, Component, Expects, Seed
from harness.encoders.torchnet import Given, Origin, OwnWeights, State, TorchEncoder, filled, weights_digest, without

if TYPE_CHECKING:
    from torch import nn


class SwAVParameters(OwnWeights):
    """Parameters of `swav`."""

    weights: Literal["swav_800ep_pretrain.pth.tar", "file", "random"] = "swav_800ep_pretrain.pth.tar"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "swav",
    f"{__name__}:SwAV",
    "SwAV's ResNet-50, pooled, 2048 features",
    SwAVParameters,
    libraries=VISION,
    dim=2048,
    expects=Expects(None, (224, 224), 3),
    registered="{weights}",
)
PREFIX = "module."  # of every name in the authors' file, which their data-parallel training left there


class SwAV(TorchEncoder):
    """Pooled features (2048) of SwAV's ResNet-50 (Caron et al. 2020), below its projection head; dgm-eval's `swav`.

    224×224 images with ImageNet's normalisation. The authors' src/resnet50.py pads by one before a first convolution
    that pads by two: torchvision's network to the last bit. dgm-eval loads with strict=False, so a file that does not
    fit leaves it with random weights; here that is a UsageError.
    """

    def __init__(
        self,
        *,
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        from torch import nn

        network = filled(_headless, "SwAV's ResNet-50", _body, Origin.of(given, "swav_800ep_pretrain.pth.tar"))
        network.fc = nn.Identity()
        super().__init__(network, network, dim=2048, side=224, dtype=dtype)
        self.identity = {"architecture": "SwAV ResNet-50, pooled", "weights": weights_digest(network)}


def _headless() -> nn.Module:
    from torchvision import models

    network: nn.Module = models.resnet50(weights=None)
    del network.fc
    return network


def _body(state: State, network: nn.Module) -> State:
    named = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
    return without(named, "projection_head.", "prototypes.", "fc.")
