"""Features of Inception-v3 as FID knows it, whose network is in `inception_graph`.

`encode` never resizes: 299×299 floats as the recipe's `range` makes them, [-1, 1] for pytorch-fid, (x - 128) / 128 for
the TensorFlow line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Unpack

from harness.base import VISION, Component, Expects, Inference, Seed, UsageError
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.networkfiles import fill
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder, weights_digest

if TYPE_CHECKING:
    import torch

SIDE = 299
USUAL = "pt_inception-2015-12-05-6726825d.pth"
# Where each output is read, and its width.
DIMS = {"pool3": 2048, "64": 64, "192": 192, "768": 768, "logits": 1008, "logits_unbiased": 1008, "sfid": 2023}
Layer = Literal["pool3", "64", "192", "768", "logits", "logits_unbiased", "sfid"]


class InceptionParameters(OwnWeights):
    """Parameters of `inception`; `seed` is for random weights."""

    weights: Literal["pt_inception-2015-12-05-6726825d.pth", "file", "random"] = "pt_inception-2015-12-05-6726825d.pth"
    layer: Layer = "pool3"
    seed: Seed = 0


class RandomInceptionParameters(Inference):
    """Parameters of `random_inception`."""

    layer: Layer = "pool3"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "inception",
    f"{__name__}:Inception",
    "Inception-v3 of FID: features of one layer",
    InceptionParameters,
    libraries=VISION,
    layers=tuple(DIMS.items()),
    expects=Expects(None, (SIDE, SIDE), 3),
    registered="{weights}",
)
RANDOM = Component(
    "encoders",
    "random_inception",
    f"{__name__}:RandomInception",
    "the Inception-v3 of FID with random weights",
    RandomInceptionParameters,
    libraries=VISION,
    layers=tuple(DIMS.items()),
    random=True,
    expects=Expects(None, (SIDE, SIDE), 3),
)


class Inception(TorchEncoder):
    """Features of the FID Inception at one layer, float32 (n, d), from float images (n, 299, 299, 3).

    weights  a registered file (`harness weights list`), `file` with a `file` of the same key names and its `sha256`, or
             `random` with a `seed`: no measure of quality
    layer    pool3 (2048), 64, 192, 768: averages over positions; logits, logits_unbiased (1008); sfid (2023)

    Batch norms are folded into the convolutions and images lie channels last, which is faster on some processors (1.8
    times on one without AVX-512, 1.1 times on one with); features stay within 2e-6 of the largest one.
    """

    def __init__(
        self,
        *,
        layer: str = "pool3",
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        import torch

        from harness.encoders.inception_graph import network, random_state

        origin = Origin.of(given, USUAL)
        if origin.weights == "random":
            self._load(random_state(origin.seed), layer, dtype=dtype)
            return
        with torch.device("meta"):
            names = network()
        found = read_checkpoint(origin.path()).of(names, key=origin.key)
        self._load(found.state, layer, dtype=dtype)
        self.weights_key = found.key

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor], *, layer: str = "pool3", fold: bool = True) -> Inception:
        """The encoder with given weights, in the key names of the weight file."""
        made = cls.__new__(cls)
        made._load(state, layer, fold)
        return made

    def _load(self, state: Mapping[str, torch.Tensor], layer: str, fold: bool = True, dtype: str = "float32") -> None:
        import torch

        from harness.encoders import inception_graph as graph
        from harness.encoders.fused import fold as fold_norms

        if layer not in DIMS:
            raise UsageError(f"inception has no layer '{layer}'; it has {', '.join(DIMS)}")
        with torch.device("meta"):  # no weights are drawn that others take the place of
            made = graph.network()
        fill(made, state, "the FID Inception", take=True)
        weights = weights_digest(made)
        made.eval()
        if fold:
            if dtype == "float64":
                made.double()  # before the products of folding are rounded
            fold_norms(made)
            made = made.to(memory_format=torch.channels_last)
        super().__init__(made, lambda x: graph.features(made, layer, x), dim=DIMS[layer], side=SIDE, dtype=dtype)
        self.identity = {
            "architecture": f"FID Inception-v3, {dtype}{', batch norms folded' if fold else ''}",
            "layer": layer,
            "weights": weights,
        }


class RandomInception(Inception):
    """The FID Inception's features at one layer, with weights drawn from `seed`: see `inception_graph.random_state`.

    299×299 images in [-1, 1]. No measure of quality: tables say so.
    """

    random = True

    def __init__(self, *, layer: str = "pool3", seed: int = 0, dtype: str = "float32") -> None:
        from harness.encoders.inception_graph import random_state

        self._load(random_state(seed), layer, dtype=dtype)
        self.identity = {**self.identity, "architecture": f"{self.identity['architecture']}, random weights"}
