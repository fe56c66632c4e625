"""SimCLRv2's ResNets with selective kernels, which no library carries.

The modules are named as in the files that Separius/SimCLRv2-Pytorch converts from Google's checkpoints, so that those
load as they are; `convert.py` there writes `{"resnet": …, "head": …}`.
"""

from __future__ import annotations

import re

import torch
from torch import nn
from torch.nn import functional

from harness.base import UsageError

BLOCKS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}
NAME = re.compile(r"r(50|101|152)_([123])x_sk([01])")
# resnet.py of google-research/simclr: mixing weights pass through a sixteenth of the channels, at least 32.
SK_RATIO, SK_LEAST = 1 / 16, 32


def resnet(architecture: str) -> _ResNet:
    """The network of a checkpoint's name, weights drawn. Raises UsageError for a name that is none."""
    found = NAME.fullmatch(architecture)
    if found is None:
        raise UsageError(
            f"simclr: no architecture '{architecture}'; a depth of 50, 101 or 152, a width of 1 to 3 and sk0 or sk1 "
            "make one, as in r50_1x_sk1"
        )
    depth, width, selective = found.groups()
    return _ResNet(BLOCKS[depth], int(width), selective == "1")


def _convolution(n_in: int, n_out: int, side: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, side, stride=stride, padding=side // 2, bias=False)


def _normed(channels: int, *, relu: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), *([nn.ReLU()] if relu else []))


class _ResNet(nn.Module):
    def __init__(self, blocks: tuple[int, ...], width: int, selective: bool) -> None:
        super().__init__()
        channels, groups = 64 * width, []
        n_in = channels
        for i, count in enumerate(blocks):
            group = nn.Module()
            n_out = channels * 2**i
            group.blocks = nn.Sequential()
            for j in range(count):
                group.blocks.append(_Block(n_in, n_out, 2 if i and not j else 1, selective, first=not j))
                n_in = 4 * n_out
            groups.append(group)
        self.net = nn.Sequential(_stem(channels, selective), *groups)
        self.dim = n_in

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.net[0](x)
        for group in self.net[1:]:
            x = group.get_submodule("blocks")(x)
        return x.mean((2, 3))


def _stem(channels: int, selective: bool) -> nn.Sequential:
    half = channels // 2
    steps: list[nn.Module] = [_convolution(3, channels, 7, stride=2)]
    if selective:  # three small convolutions instead of a large one: ResNet-D
        steps = [_convolution(3, half, 3, stride=2), _normed(half), _convolution(half, half, 3), _normed(half)]
        steps.append(_convolution(half, channels, 3))
    return nn.Sequential(*steps, _normed(channels), nn.MaxPool2d(3, stride=2, padding=1))


class _Block(nn.Module):
    """A bottleneck, 1×1, 3×3, 1×1, around which the input goes as it is or, in the `first` of a group, projected."""

    def __init__(self, n_in: int, channels: int, stride: int, selective: bool, *, first: bool) -> None:
        super().__init__()
        self.projection = _Projection(n_in, 4 * channels, stride, selective) if first else nn.Identity()
        middle: list[nn.Module] = [_SelectiveKernel(channels, stride)]
        if not selective:
            middle = [_convolution(channels, channels, 3, stride), _normed(channels)]
        self.net = nn.Sequential(
            _convolution(n_in, channels, 1),
            _normed(channels),
            *middle,
            _convolution(channels, 4 * channels, 1),
            _normed(4 * channels, relu=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.projection(x) + self.net(x))


class _Projection(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int, selective: bool) -> None:
        super().__init__()
        self.shortcut: nn.Module = _convolution(n_in, n_out, 1, stride)
        if selective:  # a mean of 2×2 in place of every second pixel; zeros below and at the right count in it
            pool = nn.AvgPool2d(2, stride=stride)
            self.shortcut = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), pool, _convolution(n_in, n_out, 1))
        self.bn = _normed(n_out, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.bn(self.shortcut(x))
        return normed


class _SelectiveKernel(nn.Module):
    """Two 3×3 convolutions, mixed channel by channel with weights that the image decides (Li et al. 2019)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        middle = max(int(channels * SK_RATIO), SK_LEAST)
        self.main_conv = nn.Sequential(_convolution(channels, 2 * channels, 3, stride), _normed(2 * channels))
        self.mixing_conv = nn.Sequential(
            _convolution(channels, middle, 1), _normed(middle), _convolution(middle, 2 * channels, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.main_conv(x).unflatten(1, (2, -1))
        shares = self.mixing_conv(both.sum(1).mean((2, 3), keepdim=True)).unflatten(1, (2, -1))
        mixed: torch.Tensor = (both * shares.softmax(1)).sum(1)
        return mixed
