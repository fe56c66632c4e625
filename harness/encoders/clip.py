"""CLIP's image embeddings with OpenAI's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from harness.base import TORCH, Component, Expects, Inference, Seed
from harness.encoders.arithmetic import drawn
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import TorchEncoder, weights_digest

if TYPE_CHECKING:
    import torch


class CLIPParameters(Inference):
    """Parameters of `clip`; `normalise` scales each embedding to length 1."""

    architecture: Literal["ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336px"] = "ViT-B-32"
    weights: Literal["official", "random"] = "official"
    normalise: bool = False
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "clip",
    f"{__name__}:CLIP",
    "CLIP's projected image embedding",
    CLIPParameters,
    libraries=(*TORCH, "open_clip_torch"),
    expects=Expects(None, None, 3),
    registered="{architecture}.pt",
)
CLIPS = {"ViT-B-32": (512, 224), "ViT-B-16": (512, 224), "ViT-L-14": (768, 224), "ViT-L-14-336px": (768, 336)}


class CLIP(TorchEncoder):
    """The projected image embedding (Radford et al. 2021), of length 1 with `normalise`, as CMMD takes it."""

    def __init__(
        self,
        *,
        architecture: str = "ViT-B-32",
        weights: str = "official",
        normalise: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        from torch.nn import functional

        open_clip = needs("open_clip", "open_clip_torch")
        dim, side = CLIPS[architecture]
        if weights == "official":
            from harness.encoders.weights import locate

            model = open_clip.load_openai_model(str(locate(f"{architecture}.pt")), precision="fp32", device="cpu")
        else:
            with drawn(seed):
                name = architecture.replace("-336px", "-336") + "-quickgelu"
                model = open_clip.create_model(name, pretrained=None, precision="fp32")
        visual = model.visual

        def forward(x: torch.Tensor) -> torch.Tensor:
            rows = visual(x)
            return functional.normalize(rows, dim=1) if normalise else rows

        super().__init__(visual, forward, dim=dim, side=side, dtype=dtype)
        self.identity = {
            "architecture": f"CLIP {architecture}{', normalised' if normalise else ''}",
            "weights": weights_digest(visual),
        }
