"""DINOv2 with its authors' weights, at the size of FD-DINOv2 or any other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.base import TORCH, Component, Expects, Inference, Seed, UsageError
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import Origin, State, TorchEncoder, filled, weights_digest


class DINOv2Parameters(Inference):
    """Parameters of `dinov2`; `side` is that of the images, a multiple of 14."""

    architecture: Literal["vits14", "vitb14", "vitl14", "vitg14"] = "vitl14"
    registers: bool = False
    weights: Literal["official", "random"] = "official"
    side: Annotated[int, Field(ge=14, multiple_of=14)] = 224
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "dinov2",
    f"{__name__}:DINOv2",
    "DINOv2's class token",
    DINOv2Parameters,
    libraries=(*TORCH, "timm"),
    expects=Expects(None, None, 3),
    registered="dinov2_{architecture}{reg}_pretrain.pth",
)
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
            Origin(dinov2_file(architecture, registers) if weights == "official" else weights, seed),
        )
        super().__init__(network, network, dim=dim, side=side, dtype=dtype)
        self.identity = {"architecture": f"{name} at {side}", "weights": weights_digest(network)}


def dinov2_file(architecture: str, registers: bool) -> str:
    """The registered file of an architecture."""
    return f"dinov2_{architecture}{'_reg4' if registers else ''}_pretrain.pth"


def adapted(state: State, network: Any, side: int, registers: bool) -> State:
    """The authors' state dict in timm's names, its position embeddings resized to the grid of `side`."""
    import torch
    from timm.models.vision_transformer import checkpoint_filter_fn
    from torch.nn import functional

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
