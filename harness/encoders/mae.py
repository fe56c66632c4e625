"""The encoder of a masked autoencoder with its authors' weights."""

from __future__ import annotations

from typing import Literal, Unpack

from harness.base import TORCH, Component, Expects, Seed
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, filled, its_own, weights_digest


class MAEParameters(OwnWeights):
    """Parameters of `mae`."""

    architecture: Literal["base", "large"] = "large"
    weights: Literal["official", "file", "random"] = "official"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "mae",
    f"{__name__}:MAE",
    "a masked autoencoder's class token",
    MAEParameters,
    libraries=(*TORCH, "timm"),
    expects=Expects(None, (224, 224), 3),
    registered="mae_pretrain_vit_{architecture}.pth",
)
DIMS = {"base": 768, "large": 1024}


class MAE(TorchEncoder):
    """The class token after the last norm of MAE's ViT-B/16 or ViT-L/16, nothing masked (He et al. 2021).

    224×224 images with ImageNet's normalisation. dgm-eval takes ViT-L.
    """

    def __init__(
        self,
        *,
        architecture: str = "large",
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        timm = needs("timm", "timm")
        name = f"vit_{architecture}_patch16_224"
        network = filled(
            lambda: timm.create_model(name, pretrained=False, num_classes=0, global_pool="token"),
            f"MAE ViT-{architecture}",
            its_own,  # a file of the whole autoencoder has its decoder too
            Origin.of(given, f"mae_pretrain_vit_{architecture}.pth"),
        )
        super().__init__(network, network, dim=DIMS[architecture], side=224, dtype=dtype)
        self.identity = {"architecture": f"MAE {name}, class token", "weights": weights_digest(network)}
