"""SwAV's ResNet-50."""

from __future__ import annotations

from torch import nn
from torchvision import models

from harness.encoders.torchnet import TorchEncoder, drawn, weight_path, weights_digest
from harness.networkfiles import fill, read_state

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
        weights: str = "swav_800ep_pretrain.pth.tar",
        seed: int = 0,
        file: str | None = None,
        sha256: str | None = None,
        dtype: str = "float32",
    ) -> None:
        with drawn(seed):
            network = models.resnet50(weights=None)
        del network.fc
        if weights != "random":
            state = read_state(weight_path(weights, file, sha256))
            named = {name.removeprefix(PREFIX): tensor for name, tensor in state.items()}
            heads = ("projection_head.", "prototypes.", "fc.")
            body = {name: tensor for name, tensor in named.items() if not name.startswith(heads)}
            fill(network, body, "SwAV's ResNet-50")
        network.fc = nn.Identity()
        super().__init__(network, network, dim=2048, side=224, dtype=dtype)
        self.identity = {"architecture": "SwAV ResNet-50, pooled", "weights": weights_digest(network)}
