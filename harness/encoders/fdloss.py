"""The five networks of timm that FDr6 averages over beside Inception, pooled as its authors pool them.

timm pads what its patches do not fill and resizes position embeddings to any image: 256 pixels make 19 × 19 patches of
14. That and the layer are what tells these from the encoders of the same networks elsewhere in this folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

from harness.base import TORCH, Component, Expects, Seed
from harness.encoders.anytimm import named_by_timm
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, filled, weights_digest

if TYPE_CHECKING:
    import torch

Network = Literal["mae", "dinov2", "clip", "siglip", "convnextv2"]


class FDLossParameters(OwnWeights):
    """Parameters of `fd_loss`."""

    architecture: Network
    weights: Literal["official", "file", "random"] = "official"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "fd_loss",
    f"{__name__}:FDLoss",
    "one of the five networks of FDr6 beside Inception",
    FDLossParameters,
    libraries=(*TORCH, "timm"),
    expects=Expects(None, None, 3),
    registered="fdr6_{architecture}.safetensors",
)


@dataclass(frozen=True)
class Taken:
    """timm's name of a network, how many features it gives, and the side of the square images that it is given."""

    model: str
    dim: int
    side: int


NETWORKS: dict[str, Taken] = {
    "mae": Taken("vit_large_patch16_224.mae", 1024, 224),
    "dinov2": Taken("vit_large_patch14_dinov2.lvd142m", 1024, 256),
    "clip": Taken("vit_large_patch14_clip_224.openai", 1024, 256),
    "siglip": Taken("vit_so400m_patch16_siglip_256.v2_webli", 1152, 224),
    "convnextv2": Taken("convnextv2_base.fcmae_ft_in22k_in1k", 1024, 224),
}


class FDLoss(TorchEncoder):
    """Features of one of the networks (arXiv:2604.28190), in the images' own size.

    The first token after the last norm where there is one (MAE, DINOv2, CLIP, whose embedding is not projected); the
    attention pool of SigLIP; the mean over positions of ConvNeXt V2, before the norm of its head.
    """

    def __init__(self, *, architecture: str, dtype: str = "float32", **given: Unpack[Given]) -> None:
        taken = NETWORKS[architecture]
        made = filled(
            lambda: created(taken.model),
            taken.model,
            named_by_timm,
            Origin.of(given, f"fdr6_{architecture}.safetensors"),
        )
        super().__init__(made, lambda x: pooled(made, x), dim=taken.dim, side=taken.side, dtype=dtype)
        self.identity = {
            "architecture": f"timm {taken.model} at {taken.side}, padded, pooled as FDr6",
            "weights": weights_digest(made),
        }


def created(model: str) -> Any:
    """timm's network without its classifier, for images of any size where it is made of patches."""
    timm = needs("timm", "timm")
    sizes = {} if model.startswith(("convnext", "test_convnext")) else {"dynamic_img_size": True}
    if sizes:
        sizes["dynamic_img_pad"] = True
    return timm.create_model(model, pretrained=False, num_classes=0, **sizes)


def pooled(network: Any, x: torch.Tensor) -> torch.Tensor:
    """One row an image of what a network makes of its positions."""
    found: torch.Tensor = network.forward_features(x)
    if found.ndim == 4:
        return found.mean(dim=(2, 3))
    if network.num_prefix_tokens:
        return found[:, 0]
    rows: torch.Tensor = network.attn_pool(found)
    return rows
