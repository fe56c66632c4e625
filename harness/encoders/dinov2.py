"""DINOv2 with its authors' weights, at the size of FD-DINOv2 or any other."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from harness.base import UsageError
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import State, TorchEncoder, filled, weights_digest

DINOV2 = {"vits14": ("small", 384), "vitb14": ("base", 768), "vitl14": ("large", 1024), "vitg14": ("giant", 1536)}
PATCH = 14


class DINOv2(TorchEncoder):
    """The class token after the last norm, as FD-DINOv2 takes it (Oquab et al. 2023; Stein et al. 2023).

    Images `side` × `side` with ImageNet's normalisation. Position embeddings are resized by the authors' own rule,
    which libraries change: bicubic with 0.1 added to the grid's side, antialiased only with registers.
    """

    def __init__(
        self,
        *,
        architecture: str = "vitl14",
        registers: bool = False,
        weights: str = "official",
        seed: int = 0,
        side: int = 224,
        dtype: str = "float32",
    ) -> None:
        timm = needs("timm", "timm")
        if side % PATCH:
            raise UsageError(f"dinov2: side is {side}; it must be a multiple of {PATCH}")
        size, dim = DINOV2[architecture]
        name = f"vit_{size}_patch14{'_reg4' if registers else ''}_dinov2"
        network = filled(
            lambda: timm.create_model(name, pretrained=False, num_classes=0, img_size=side),
            f"DINOv2 {architecture}",
            lambda state, network: adapted(state, network, side, registers),
            weights=dinov2_file(architecture, registers) if weights == "official" else "random",
            seed=seed,
        )
        super().__init__(network, network, dim=dim, side=side, dtype=dtype)
        self.identity = {"architecture": f"{name} at {side}", "weights": weights_digest(network)}


def dinov2_file(architecture: str, registers: bool) -> str:
    """The registered file of an architecture."""
    return f"dinov2_{architecture}{'_reg4' if registers else ''}_pretrain.pth"


def adapted(state: State, network: Any, side: int, registers: bool) -> State:
    """The authors' state dict in timm's names, its position embeddings resized to the grid of `side`."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    positions = state["pos_embed"]
    grid, wanted = round((positions.shape[1] - 1) ** 0.5), side // PATCH
    if grid != wanted:
        own = positions[:, 1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        # DinoVisionTransformer.interpolate_pos_encoding of facebookresearch/dinov2.
        options: dict[str, Any] = {"size": (wanted, wanted), "antialias": True}
        if not registers:
            options = {"scale_factor": ((wanted + 0.1) / grid,) * 2, "antialias": False}
        own = functional.interpolate(own, mode="bicubic", **options)
        state = {**state, "pos_embed": torch.cat([positions[:, :1], own.permute(0, 2, 3, 1).flatten(1, 2)], 1)}
    state.setdefault("mask_token", torch.zeros(1))  # what tells timm whose file this is
    return dict(checkpoint_filter_fn(dict(state), network))
