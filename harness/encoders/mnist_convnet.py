"""A convnet trained on the MNIST scans of `mnist5k`, with the weights beside this file."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import TORCH, Component, Expects, NoParameters, UsageError
from harness.encoders.convnet import PADDED, ConvNet

if TYPE_CHECKING:
    from torch import nn

FACTS = Component(
    "encoders",
    "mnist_convnet",
    f"{__name__}:MnistConvNet",
    "convnet trained on mnist5k's train split, 32 features",
    NoParameters,
    libraries=TORCH,
    dim=32,
    expects=Expects((0.0, 1.0), (28, 28), 1),
    per_image=PADDED,
    weights="encoders/mnist_convnet.safetensors",
)
WEIGHTS = Path(__file__).with_name("mnist_convnet.safetensors")


def features() -> nn.Sequential:
    """Three 3×3 convolutions, halved twice and pooled to 3×3, then a linear layer: (n, 1, 28, 28) in [0, 1] → (n, 32).

    As in `convnet`, features are taken before any activation: after a ReLU some would be constantly zero.
    """
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1),
            pool1=nn.MaxPool2d(2),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, 3, padding=1),
            pool2=nn.MaxPool2d(2),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(32, 48, 3, padding=1),
            pool3=nn.AdaptiveMaxPool2d(3),
            relu3=nn.ReLU(),
            flatten=nn.Flatten(),
            features=nn.Linear(9 * 48, 32),
        )
    )


class MnistConvNet(ConvNet):
    """The 32 features below the classifier of a convnet trained on mnist5k's train split.

    Input: grey 28×28 images in [0, 1]. `python -m harness.encoders.train_mnist_convnet` makes the weights.
    """

    random = False

    def __init__(self) -> None:
        from safetensors.torch import load

        try:
            content = WEIGHTS.read_bytes()
            network = features()
            network.load_state_dict({name: tensor for name, tensor in load(content).items() if name[:4] != "head"})
        except Exception as problem:
            raise UsageError(f"{WEIGHTS}: the weights of mnist_convnet do not load; install again") from problem
        super().__init__(network, dim=32, channels=1, side=28)
        self.identity: Mapping[str, Any] = {
            "architecture": "convnet 16-32-48, 32 features before the classifier",
            "weights": hashlib.sha256(content).hexdigest(),
        }
