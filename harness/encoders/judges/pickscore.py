"""PickScore: CLIP ViT-H/14 tuned on which of two images of one prompt people picked.

Differences are log-odds: of two images of a prompt, one that scores 1 more is predicted to be picked by 73 %.
"""

from __future__ import annotations

from typing import Any

from harness.base import RANDOM
from harness.encoders.judges.contract import Judge, JudgeFacts, cosine
from harness.encoders.judges.towers import Towers, of_transformers

FILE_NAME = "pickscore_v1.safetensors"
# config.json of yuvalkirstain/PickScore_v1: OpenCLIP's ViT-H/14, whose activation is GELU.
CONFIG: dict[str, Any] = {
    "projection_dim": 1024,
    "text_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 1024,
    },
    "vision_config": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "patch_size": 14,
        "image_size": 224,
        "projection_dim": 1024,
    },
}


def pickscore(towers: Towers, *, weights: str) -> Judge:
    """exp(logit scale) · cos for each image (Kirstain et al. 2023, section 4): about 15 to 25."""
    scale = float(towers.network.logit_scale.detach().exp())
    return Judge(
        "pickscore",
        towers,
        lambda seen, read: scale * cosine(seen, read),
        {"judge": "exp(logit scale) cos", "network": "PickScore v1, CLIP ViT-H-14", "weights": towers.digest},
        weights,
    )


def _make(weights: str, seed: int) -> Judge:
    from harness.encoders.weights import locate

    path = None if weights == RANDOM else locate(FILE_NAME)
    return pickscore(of_transformers(CONFIG, file=path, what="PickScore v1", seed=seed), weights=weights)


FACTS = JudgeFacts(
    "pickscore",
    "PickScore v1, which of two images people pick",
    "Kirstain et al. 2023, arXiv:2305.01569; huggingface.co/yuvalkirstain/PickScore_v1",
    True,
    (FILE_NAME,),
    _make,
)
