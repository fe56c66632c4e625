"""A convnet for small images: once trained on digits, with the weights beside this file, and once never trained."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.base import TORCH, Component, Count, Expects, NoParameters, Parameters, Seed, UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn


class RandomParameters(Parameters):
    """Parameters of `random_convnet`."""

    seed: Seed = 0
    dim: Count = 32
    channels: Literal[1, 3] = 1


CHUNK = 64  # images per forward pass; a short chunk is padded, so that each pass multiplies matrices of one shape
PADDED = f"each pass is padded to {CHUNK} images"

DIGITS = Component(
    "encoders",
    "digits_convnet",
    f"{__name__}:DigitsConvNet",
    "convnet trained on the digits' train split, 32 features",
    NoParameters,
    libraries=TORCH,
    dim=32,
    expects=Expects((0.0, 1.0), (8, 8), 1),
    per_image=PADDED,
    weights="encoders/digits_convnet.safetensors",
)
RANDOM = Component(
    "encoders",
    "random_convnet",
    f"{__name__}:RandomConvNet",
    "the same convnet with random weights",
    RandomParameters,
    libraries=TORCH,
    random=True,
    expects=Expects((0.0, 1.0)),
    per_image=PADDED,
)
WEIGHTS = Path(__file__).with_name("digits_convnet.safetensors")


def convnet(*, channels: int, dim: int) -> nn.Sequential:
    """Three 3×3 convolutions, halved twice, then a linear layer: NCHW in [0, 1] → (n, dim), before any activation.

    Features before the activation: a ReLU would leave some of them constantly zero and the covariance singular.
    """
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 24, 3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(24, 48, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(48, 48, 3, padding=1),
            relu3=nn.ReLU(),
            pool3=nn.AdaptiveMaxPool2d(2),
            flatten=nn.Flatten(),
            features=nn.Linear(4 * 48, dim),
        )
    )


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew from `generator` (normal, gain 2 per input: He et al. 2015); biases zero."""
    import torch

    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, (2 / parameter[0].numel()) ** 0.5, generator=generator)
            else:
                parameter.zero_()


class ConvNet:
    """Computes in float64 and rounds once: float32 sums would differ in their last bits with batch and machine.

    It stays on the CPU (no `to`), where a thousand images take less than a second and no device can change a bit.
    """

    def __init__(self, network: nn.Module, *, dim: int, channels: int, side: int | None) -> None:
        self.dim = dim
        self._channels = channels
        self._side = side
        self._network = network.double().eval().requires_grad_(False)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, dim) of float images (n, H, W, C) in [0, 1]."""
        import numpy as np
        import torch

        self._validate(images)
        features = np.empty((len(images), self.dim), dtype=np.float32)
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            padded = np.zeros((CHUNK, *chunk.shape[1:]))
            padded[: len(chunk)] = chunk
            rows = self._network(torch.from_numpy(padded).permute(0, 3, 1, 2).contiguous())
            features[start : start + CHUNK] = rows[: len(chunk)].numpy()
        return features

    def _validate(self, images: np.ndarray) -> None:
        wanted = f"({self._side or 'H'}, {self._side or 'W'}, {self._channels})"
        shape = images.shape[1:]
        if images.ndim != 4 or shape[2] != self._channels or (self._side and shape[:2] != (self._side, self._side)):
            raise ValueError(f"`images` must be (n, *{wanted}), not {images.shape}; set resize and channels")
        if images.dtype.kind != "f":
            raise ValueError(f"`images` must be floats in [0, 1], not {images.dtype}; set the preprocessing's range")
        # Resizing without quantisation may overshoot a little; a range of [-1, 1] or [0, 255] lies far outside.
        if len(images) and not (images.min() > -0.5 and images.max() < 1.5):
            raise ValueError(f"`images` must lie in [0, 1], found {images.min():.3g} to {images.max():.3g}")


class DigitsConvNet(ConvNet):
    """The 32 features below the classifier of a convnet trained on the digits' train split.

    Input: grey 8×8 images in [0, 1]. `python -m harness.encoders.train_digits_convnet` makes the weights.
    """

    random = False

    def __init__(self) -> None:
        from safetensors.torch import load

        try:
            content = WEIGHTS.read_bytes()
            weights = load(content)
            network = convnet(channels=1, dim=32)
            network.load_state_dict({name: tensor for name, tensor in weights.items() if name[:4] != "head"})
        except Exception as problem:
            raise UsageError(f"{WEIGHTS}: the weights of digits_convnet do not load; install again") from problem
        super().__init__(network, dim=32, channels=1, side=8)
        self.identity: Mapping[str, Any] = {
            "architecture": "convnet 24-48-48, 32 features before the classifier",
            "weights": hashlib.sha256(content).hexdigest(),
        }


class RandomConvNet(ConvNet):
    """The same convnet with weights that were drawn, not trained: a baseline that no data has touched.

    Input: images in [0, 1] with `channels` channels, of any size from 4×4.
    """

    random = True

    def __init__(self, *, seed: int = 0, dim: int = 32, channels: int = 1) -> None:
        import torch

        network = convnet(channels=channels, dim=dim)
        initialise(network, torch.Generator().manual_seed(seed))
        super().__init__(network, dim=dim, channels=channels, side=None)
        content = b"".join(tensor.detach().numpy().tobytes() for tensor in network.state_dict().values())
        self.identity: Mapping[str, Any] = {
            "architecture": f"convnet 24-48-48, {dim} features, random weights",
            "seed": seed,
            "channels": channels,
            "weights": hashlib.sha256(content).hexdigest(),
        }
