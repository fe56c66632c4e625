"""CLIP's two networks, of images and of texts, into one space; in OpenAI's weights or in a file of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import RANDOM
from harness.encoders.arithmetic import drawn
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.networkfiles import fill, needs
from harness.encoders.torchnet import weights_digest

if TYPE_CHECKING:
    import torch

CONTEXT = 77  # tokens that the text network reads, its two ends among them
CHUNK = 8  # images or prompts a pass


@dataclass(frozen=True)
class Towers:
    """Both networks on one device. `side` is that of the square images; `digest` SHA-256 of all weights."""

    network: Any
    image: Callable[[torch.Tensor], torch.Tensor]
    text: Callable[[torch.Tensor], torch.Tensor]
    side: int
    digest: str

    def texts(self, prompts: Sequence[str], device: str) -> torch.Tensor:
        """Embeddings (n, d) of length 1; what of a prompt goes beyond CONTEXT tokens is not read."""
        import torch
        from torch.nn import functional

        tokens = tokenised(prompts).to(device)
        return torch.cat([functional.normalize(self.text(part), dim=1) for part in torch.split(tokens, CHUNK)])

    def images(self, x: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, d) of length 1."""
        import torch
        from torch.nn import functional

        return torch.cat([functional.normalize(self.image(part), dim=1) for part in torch.split(x, CHUNK)])


def tokenised(prompts: Sequence[str]) -> torch.Tensor:
    """OpenAI's byte-pair tokens, int64 (n, CONTEXT); open_clip has its vocabulary in the package."""
    found: torch.Tensor = _tokenizer()(list(prompts), context_length=CONTEXT)
    return found


def too_long(prompts: Sequence[str]) -> list[str]:
    """The prompts of which a part is not read."""
    encode = _tokenizer().encode
    return [prompt for prompt in prompts if len(encode(prompt)) > CONTEXT - 2]


@cache
def _tokenizer() -> Any:
    return needs("open_clip.tokenizer", "open_clip_torch").SimpleTokenizer()


def of_open_clip(model: Any) -> Towers:
    """The towers of a model of open_clip, in evaluation."""
    model.eval()
    side = model.visual.image_size
    return Towers(
        model,
        model.encode_image,
        model.encode_text,
        side if isinstance(side, int) else int(side[0]),
        weights_digest(model),
    )


def openai(architecture: str, *, weights: str = "official", seed: int = 0) -> Towers:
    """The towers of one of OpenAI's CLIPs, from its registered file or with weights drawn from the seed.

    Raises UsageError, with what to place where, for a file that is not here.
    """
    open_clip = needs("open_clip", "open_clip_torch")
    if weights == RANDOM:
        with drawn(seed):
            return of_open_clip(
                open_clip.create_model(f"{architecture}-quickgelu", pretrained=None, precision="fp32", device="cpu")
            )
    from harness.encoders.weights import locate

    path = locate(f"{architecture}.pt")
    return of_open_clip(open_clip.load_openai_model(str(path), precision="fp32", device="cpu"))


def of_transformers(config: dict[str, Any], *, file: Path | None, what: str, seed: int = 0) -> Towers:
    """The towers of transformers' CLIPModel of a configuration, from its file or with weights drawn from the seed."""
    transformers = needs("transformers", "transformers")
    with drawn(seed):
        model = transformers.CLIPModel(transformers.CLIPConfig(**config)).eval()
    if file is not None:
        # Positions count up; earlier versions of the library wrote them down as weights.
        state = {name: x for name, x in read_checkpoint(file).of(model).state.items() if "position_ids" not in name}
        fill(model, state, what)

    def projected(found: Any) -> Any:
        return found if hasattr(found, "dim") else found.pooler_output  # from transformers 5 on it is an output

    def text(tokens: torch.Tensor) -> torch.Tensor:
        # Ends of text are the largest number, which is where the embedding is read; what follows is not looked at.
        read: torch.Tensor = projected(model.get_text_features(input_ids=tokens))
        return read

    return Towers(
        model,
        lambda x: projected(model.get_image_features(pixel_values=x)),
        text,
        int(model.config.vision_config.image_size),
        weights_digest(model),
    )
