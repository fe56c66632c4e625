"""CLIPScore: the cosine between an image and its prompt, as torchmetrics scales it and as it was published.

It is blind to what CLIP is: counts, spatial relations, negation, and anything behind the 75th token.
"""

from __future__ import annotations

from harness.encoders.judges.contract import Judge, JudgeFacts, cosine
from harness.encoders.judges.towers import Towers, openai


def clip_score(towers: Towers, network: str, *, scale: float, prefix: str, name: str, weights: str) -> Judge:
    """`scale` · max(cos, 0) for each image (Hessel et al. 2021, equation 1), in [0, `scale`]."""
    return Judge(
        name,
        towers,
        lambda seen, read: scale * cosine(seen, read).clamp(min=0),
        {
            "judge": f"{scale:g} max(cos, 0)",
            "network": f"CLIP {network}",
            "prefix": prefix,
            "weights": towers.digest,
        },
        weights,
        prefix=prefix,
    )


def _torchmetrics(weights: str, seed: int) -> Judge:
    towers = openai("ViT-L-14", weights=weights, seed=seed)
    return clip_score(towers, "ViT-L-14", scale=100.0, prefix="", name="clip_score", weights=weights)


def _published(weights: str, seed: int) -> Judge:
    towers = openai("ViT-B-32", weights=weights, seed=seed)
    return clip_score(
        towers, "ViT-B-32", scale=2.5, prefix="A photo depicts ", name="clip_score_published", weights=weights
    )


FACTS = JudgeFacts(
    "clip_score",
    "100 max(cos, 0) of CLIP ViT-L/14, as torchmetrics has it",
    "Hessel et al. 2021, arXiv:2104.08718; torchmetrics 1.9, CLIPScore",
    True,
    ("ViT-L-14.pt",),
    _torchmetrics,
)
PUBLISHED = JudgeFacts(
    "clip_score_published",
    "2.5 max(cos, 0) of CLIP ViT-B/32 and 'A photo depicts …'",
    "Hessel et al. 2021, arXiv:2104.08718, equation 1",
    True,
    ("ViT-B-32.pt",),
    _published,
)
