"""The built-in encoders, in the order in which they are listed: a new one is a line here and a file beside this one."""

from __future__ import annotations

from harness.base import Component
from harness.encoders import (
    anytimm,
    clip,
    convnet,
    convnext,
    data2vec,
    dinov2,
    fdloss,
    inception,
    mae,
    mnist_convnet,
    onnx,
    pixels,
    simclr,
    swav,
    torchscript,
    vision,
)

ENCODERS: tuple[Component, ...] = (
    convnet.DIGITS,
    convnet.RANDOM,
    mnist_convnet.FACTS,
    inception.FACTS,
    torchscript.NVIDIA,
    vision.INCEPTION,
    vision.VGG,
    dinov2.FACTS,
    clip.FACTS,
    swav.FACTS,
    simclr.FACTS,
    mae.FACTS,
    convnext.FACTS,
    data2vec.FACTS,
    fdloss.FACTS,
    vision.RANDOM_VGG,
    inception.RANDOM,
    anytimm.FACTS,
    torchscript.FACTS,
    onnx.FACTS,
    pixels.FACTS,
)
