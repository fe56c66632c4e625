"""What a judge is: images and their prompts to one number each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.base import RANDOM
from harness.encoders.arithmetic import exact
from harness.encoders.judges.towers import Towers

if TYPE_CHECKING:
    import numpy as np
    import torch

RECIPE = "clip-fid"  # OpenAI's own transform of Pillow images, which all three judges take


@dataclass(frozen=True)
class JudgeFacts:
    """A judge by its name: what it says, where it is from, whether it reads prompts. Higher is better for all.

    files  the registered weight files that it reads
    make   from ("official" or "random", seed) to the judge; UsageError where a weight file is not here
    """

    name: str
    summary: str
    source: str
    needs_prompts: bool
    files: tuple[str, ...]
    make: Callable[[str, int], Judge]


@dataclass(frozen=True)
class Judge:
    """A judge with its weights.

    `identity` is all that decides its scores, as JSON: formula, network, SHA-256 of the weights. `measure` goes from
    embeddings (n, d) of length 1, of images and of texts (None where no prompts are read), to (n,).
    """

    name: str
    towers: Towers
    measure: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
    identity: Mapping[str, Any]
    weights: str = "official"
    needs_prompts: bool = True
    prefix: str = ""

    @property
    def label(self) -> str:
        """Its name, with a warning where the weights were drawn."""
        return f"{self.name} (random weights)" if self.weights == RANDOM else self.name

    def score(self, images: np.ndarray, prompts: Sequence[str] | None, *, device: str = "cpu") -> np.ndarray:
        """Scores float64 (n,), higher is better, of float images (n, side, side, 3) as RECIPE gives them.

        Each image's score depends on it and its prompt alone, but for rounding.
        """
        import numpy as np
        import torch

        self.towers.network.to(device)
        with exact(), torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(images, np.float32)).permute(0, 3, 1, 2).to(device)
            seen = self.towers.images(pixels)
            read = None
            if self.needs_prompts:
                assert prompts is not None
                each = list(dict.fromkeys(prompts))  # one pass a prompt, however many images show it
                known = self.towers.texts([self.prefix + prompt for prompt in each], device)
                read = known[[each.index(prompt) for prompt in prompts]]
            found: np.ndarray = self.measure(seen, read).double().cpu().numpy()
        return found


def cosine(seen: torch.Tensor, read: torch.Tensor | None) -> torch.Tensor:
    """Cosines of the angles between images and their texts, (n,)."""
    assert read is not None
    return (seen * read).sum(dim=1)
