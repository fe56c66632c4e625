"""LAION's aesthetic predictor, version 1: one linear layer on CLIP's embedding, trained on people's ratings 1 to 10.

It reads no prompt, and it likes what its raters liked: paintings, portraits, shallow focus.
"""

from __future__ import annotations

from typing import Any

from harness.base import RANDOM
from harness.encoders.arithmetic import drawn
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.judges.contract import Judge, JudgeFacts
from harness.encoders.judges.towers import Towers, openai
from harness.encoders.networkfiles import fill
from harness.encoders.torchnet import weights_digest

FILE_NAME = "sa_0_4_vit_l_14_linear.pth"
WIDTH = 768


def aesthetic(towers: Towers, head: Any, *, weights: str) -> Judge:
    """The head's value of each image's embedding of length 1: about 1 to 10."""

    def measure(seen: Any, _: Any) -> Any:
        return head.to(seen.device)(seen).squeeze(1)

    return Judge(
        "aesthetic",
        towers,
        measure,
        {
            "judge": "linear head on the embedding of length 1",
            "network": "CLIP ViT-L-14",
            "weights": towers.digest,
            "head": weights_digest(head),
        },
        weights,
        needs_prompts=False,
    )


def _make(weights: str, seed: int) -> Judge:
    from torch import nn

    from harness.encoders.weights import locate

    path = None if weights == RANDOM else locate(FILE_NAME)  # the small file first: both are missing together
    towers = openai("ViT-L-14", weights=weights, seed=seed)
    with drawn(seed):
        head = nn.Linear(WIDTH, 1)
    if path is not None:
        fill(head, read_checkpoint(path).of(head).state, "LAION's linear aesthetic head")
    return aesthetic(towers, head.eval(), weights=weights)


FACTS = JudgeFacts(
    "aesthetic",
    "LAION's aesthetic predictor 1, a linear head on CLIP ViT-L/14",
    "github.com/LAION-AI/aesthetic-predictor",
    False,
    (FILE_NAME, "ViT-L-14.pt"),
    _make,
)
