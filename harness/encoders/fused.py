"""A convolution with its batch norm and ReLU as one layer: on a CPU one call of oneDNN, elsewhere PyTorch's own.

PyTorch sends a small batch of narrow convolutions past oneDNN (use_mkldnn of ATen/native/Convolution.cpp), reorders
weights at every call and passes over the result once more for the ReLU. The operator that torch.compile puts in their
place does none of the three, and with it a row has the same bits whatever its batch.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold(module: nn.Module) -> None:
    """Replace every convolution with its batch norm (torchvision's BasicConv2d) by a `Convolution`, in place."""
    from torchvision.models import inception as tv

    for name, child in module.named_children():
        if isinstance(child, tv.BasicConv2d):
            setattr(module, name, Convolution(fuse_conv_bn_eval(child.conv, child.bn)))
        else:
            fold(child)


class Convolution(nn.Module):
    """relu(conv(x)). Where oneDNN computes, the weights are held in its layout alone, not twice."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self._packed: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """relu(conv(x))."""
        return self._of(x, "relu") if _fuses(x) else functional.relu_(self.conv(x))

    def linear(self, x: torch.Tensor) -> torch.Tensor:
        """conv(x), without the ReLU."""
        return self._of(x, "none") if _fuses(x) else self.conv(x)

    def _of(self, x: torch.Tensor, after: str) -> torch.Tensor:
        conv = self.conv
        where = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        if self._packed is None:
            weight = conv.weight.detach()
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *where, list(x.shape))
            conv.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)
        made: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, None if conv.bias is None else conv.bias.detach(), *where, after, [], ""
        )
        return made

    def _apply(self, fn: Any, recurse: bool = True) -> Convolution:
        # What moves or casts a module sees its own weights again.
        if self._packed is not None:
            own = self._packed.to_dense().contiguous(memory_format=torch.channels_last)
            self.conv.weight = nn.Parameter(own, requires_grad=False)
            self._packed = None
        return super()._apply(fn, recurse)  # type: ignore[no-any-return,no-untyped-call]


def _fuses(x: torch.Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and _here()


@cache
def _here() -> bool:
    """Whether this build of PyTorch has oneDNN and the operators, which are not promised to stay."""
    names = ("_convolution_pointwise", "_reorder_convolution_weight")
    found: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return found and all(hasattr(torch.ops.mkldnn, name) for name in names)
