"""data2vec's vision transformers, as the transformers library has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from harness.base import TORCH, Component, Expects, Seed
from harness.encoders.networkfiles import needs
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, filled, its_own, weights_digest

if TYPE_CHECKING:
    import torch


class Data2VecParameters(OwnWeights):
    """Parameters of `data2vec`."""

    architecture: Literal["base", "large"] = "large"
    weights: Literal["file", "random"] = "file"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "data2vec",
    f"{__name__}:Data2Vec",
    "data2vec-vision's class token",
    Data2VecParameters,
    libraries=(*TORCH, "transformers"),
    expects=Expects(None, (224, 224), 3),
)
# hidden_size, num_hidden_layers, num_attention_heads, intermediate_size
SIZES = {"base": (768, 12, 12, 3072), "large": (1024, 24, 16, 4096)}


class Data2Vec(TorchEncoder):
    """The class token after the last norm of data2vec-vision, not fine-tuned (Baevski et al. 2022).

    That is the `pooler_output` that dgm-eval takes of facebook/data2vec-vision-large, whose configuration has no mean
    pooling. 224×224 images in [-1, 1]. Position biases are shared by all layers, as only the pre-trained files have it:
    a fine-tuned one (ft1k) does not load.
    """

    def __init__(
        self,
        *,
        architecture: str = "large",
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        transformers = needs("transformers", "transformers")
        network = filled(
            lambda: transformers.Data2VecVisionModel(configuration(architecture), add_pooling_layer=True),
            f"data2vec-vision-{architecture}",
            its_own,  # the files also hold a mask token, and indices that are computed, not learnt
            Origin.of(given, "file"),
        )

        def forward(x: torch.Tensor) -> torch.Tensor:
            return network(x).pooler_output  # type: ignore[no-any-return]

        super().__init__(network, forward, dim=SIZES[architecture][0], side=224, dtype=dtype)
        self.identity = {
            "architecture": f"data2vec-vision-{architecture}, class token",
            "weights": weights_digest(network),
        }


def configuration(architecture: str) -> Any:
    """The configuration of a pre-trained data2vec-vision.

    From `convert_data2vec_vision_original_pytorch_checkpoint_to_pytorch.py` of huggingface/transformers, which made
    the published files.
    """
    hidden, layers, heads, intermediate = SIZES[architecture]
    return needs("transformers", "transformers").Data2VecVisionConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        use_relative_position_bias=False,
        use_shared_relative_position_bias=True,
        use_mean_pooling=False,
    )
