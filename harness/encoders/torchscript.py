"""Networks that are TorchScript files: any, and NVIDIA's FID Inception."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Unpack

from harness.base import TORCH, VISION, Component, Expects, Inference, Seed, UsageError, digest_file
from harness.encoders.inception import Inception
from harness.encoders.networkfiles import NetworkFile, load_torchscript
from harness.encoders.torchnet import Given, Origin, OwnWeights, TorchEncoder


class TorchScriptParameters(NetworkFile, Inference):
    """Parameters of `torchscript`: the file, how many features it gives, and the numbers that it computes in."""


class NvidiaParameters(OwnWeights):
    """Parameters of `inception_nvidia`, whose file holds the network too; random weights are those of `inception`."""

    weights: Literal["inception-2015-12-05.pt", "file", "random"] = "inception-2015-12-05.pt"
    seed: Seed = 0


FACTS = Component(
    "encoders",
    "torchscript",
    f"{__name__}:TorchScript",
    "a TorchScript file: NCHW floats to features",
    TorchScriptParameters,
    libraries=TORCH,
    expects=Expects(None, None, 3),
    of_a_file=True,
)
NVIDIA = Component(
    "encoders",
    "inception_nvidia",
    f"{__name__}:InceptionNvidia",
    "the same network as NVIDIA's TorchScript file: 2048 features",
    NvidiaParameters,
    libraries=VISION,
    dim=2048,
    expects=Expects(None, (299, 299), 3),
    registered="{weights}",
)


class TorchScript(TorchEncoder):
    """A TorchScript file whose forward takes float NCHW images as the recipe makes them and gives (n, dim)."""

    def __init__(self, *, file: str, dim: int, dtype: str = "float32") -> None:
        network = load_torchscript(Path(file))
        super().__init__(network, network, dim=dim, side=None, dtype=dtype)
        self.identity = {"architecture": "TorchScript file", "weights": digest_file(Path(file))}


class InceptionNvidia(Inception):
    """Pooled features (2048) of NVIDIA's TorchScript of the FID Inception, from 299×299 images as (x - 128) / 128.

    The file's own forward takes [0, 255], resizes as TensorFlow 1 does, scales, and calls its `layers`; here `layers`
    are called, as clean-fid does (inception_torchscript.py), so that the recipe alone resizes. On 299×299 images that
    equals `forward(x, return_features=True)`. `weights: random` draws `inception`'s instead: no measure of quality.
    """

    def __init__(
        self,
        *,
        dtype: str = "float32",
        **given: Unpack[Given],
    ) -> None:
        origin = Origin.of(given, "inception-2015-12-05.pt")
        if origin.weights == "random":
            super().__init__(dtype=dtype, weights="random", seed=origin.seed)
            return
        path = origin.path()
        network = load_torchscript(path)
        if not hasattr(network, "layers"):
            raise UsageError(
                f"{path} is TorchScript without `layers`, so it is not NVIDIA's Inception; use `use: torchscript`"
            )
        layers = network.layers
        TorchEncoder.__init__(self, network, lambda x: layers(x).flatten(1), dim=2048, side=299, dtype=dtype)
        self.identity = {"architecture": "FID Inception-v3, NVIDIA's TorchScript", "weights": digest_file(path)}
