"""Inception-v3 as FID knows it: the TensorFlow graph of 2015-12-05 in PyTorch, whose pooling is not torchvision's.

Three things tell it from torchvision's ImageNet network: average pools leave the padding out, the last block pools by
maximum, and there are 1,008 classes. The weight file of pytorch-fid and torch-fidelity has its key names.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import inception as tv

from harness.encoders.fused import Convolution

CLASSES = 1008


def _pool(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _pooled(branch: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """branch(_pool(x)) for a 1×1 convolution: after it there are fewer channels to average, and the order is the same.

    An average over the positions that there are has weights of sum 1, so that even the bias passes through it.
    """
    return functional.relu_(_pool(branch.linear(x))) if isinstance(branch, Convolution) else branch(_pool(x))


class _A(tv.InceptionA):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, _pooled(self.branch_pool, x)]


class _C(tv.InceptionC):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return [self.branch1x1(x), seven, double, _pooled(self.branch_pool, x)]


class _E(tv.InceptionE):  # type: ignore[misc]
    largest = False  # whether its pool is a maximum

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        if self.largest:
            pooled = self.branch_pool(functional.max_pool2d(x, 3, stride=1, padding=1))
        else:
            pooled = _pooled(self.branch_pool, x)
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(three), self.branch3x3_2b(three)], 1),
            torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1),
            pooled,
        ]


class _LastE(_E):
    largest = True


def network() -> tv.Inception3:
    """The network, weights not yet loaded."""
    with torch.random.fork_rng(devices=[]):
        made = tv.Inception3(num_classes=CLASSES, aux_logits=False, transform_input=False, init_weights=False)
    made.Mixed_5b, made.Mixed_5c, made.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
    made.Mixed_6b, made.Mixed_6c, made.Mixed_6d, made.Mixed_6e = _C(768, 128), _C(768, 160), _C(768, 160), _C(768, 192)
    made.Mixed_7b, made.Mixed_7c = _E(1280), _LastE(2048)
    return made


def random_state(seed: int) -> dict[str, torch.Tensor]:
    """Weights that were drawn, not trained (He et al. 2015), with batch statistics of 0 and 1; the same for a seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = network().state_dict()
    state = {name: torch.zeros_like(tensor, device="cpu") for name, tensor in shapes.items()}
    for name, tensor in state.items():
        if name.endswith(("running_mean", "bias")):
            tensor.zero_()
        elif name.endswith("running_var") or tensor.ndim == 1:
            tensor.fill_(1)
        elif tensor.ndim > 1:
            tensor.normal_(0.0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
    return state


def features(net: Any, layer: str, x: torch.Tensor) -> Any:
    """One layer's features (n, d) of NCHW images.

    `sfid` is the graph's mixed_6/conv:0, first 7 of its channels, NHWC (Dhariwal & Nichol 2021,
    guided-diffusion/evaluations).
    """
    x = functional.max_pool2d(net.Conv2d_2b_3x3(net.Conv2d_2a_3x3(net.Conv2d_1a_3x3(x))), 3, stride=2)
    if layer == "64":
        return x.mean((2, 3))
    x = functional.max_pool2d(net.Conv2d_4a_3x3(net.Conv2d_3b_1x1(x)), 3, stride=2)
    if layer == "192":
        return x.mean((2, 3))
    x = net.Mixed_6c(net.Mixed_6b(net.Mixed_6a(net.Mixed_5d(net.Mixed_5c(net.Mixed_5b(x))))))
    if layer == "sfid":
        return net.Mixed_6d.branch1x1(x)[:, :7].permute(0, 2, 3, 1).flatten(1)
    x = net.Mixed_6e(net.Mixed_6d(x))
    if layer == "768":
        return x.mean((2, 3))
    x = net.Mixed_7c(net.Mixed_7b(net.Mixed_7a(x))).mean((2, 3))
    if layer == "pool3":
        return x
    return functional.linear(x, net.fc.weight, net.fc.bias if layer == "logits" else None)
