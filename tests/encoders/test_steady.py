"""A network in training mode is refused before its features are stored; one that rounds is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from harness.base import UsageError
from harness.encoders.convnet import RandomConvNet
from harness.encoders.inception import RandomInception
from harness.encoders.onnx import Onnx
from harness.encoders.pixels import Pixels
from harness.encoders.steady import refuse_unsteady
from harness.encoders.torchscript import TorchScript

IMAGES = np.random.default_rng(0).uniform(0, 1, (20, 8, 8, 3)).astype(np.float32)


class Own:
    """A user's encoder around a network that is used as it is left."""

    identity = {"architecture": "own"}  # noqa: RUF012

    def __init__(self, network, dim=6):
        self.network, self.dim = network, dim

    def encode(self, images):
        with torch.no_grad():
            return self.network(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()).numpy()


def network(*extra):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), *extra, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def check(encoder, images=None):
    images = IMAGES if images is None else images
    refuse_unsteady(encoder, images, np.array(encoder.encode(images)), "mine")


RANDOM = r"encoder mine gives different features for the same images \(by .* dropout in training mode"
BATCH = r"encoder mine gives an image different features alone and in a batch \(by .* batch norm in training"


@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize(
    ("layer", "reason"),
    [(nn.Dropout(0.1), RANDOM), (nn.Dropout2d(0.5), RANDOM), (nn.BatchNorm2d(6), BATCH)],
    ids=["dropout", "dropout of channels", "batch norm"],
)
def test_a_forgotten_eval_is_refused(layer, reason, size):
    with pytest.raises(UsageError, match=reason):
        check(Own(network(layer).train()), IMAGES[:size])
    check(Own(network(layer).eval()), IMAGES[:size])


def test_a_network_that_fails_on_one_image_alone_is_refused_in_words():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.BatchNorm1d(6))
    with pytest.raises(UsageError, match=r"works on 4 images but fails on one .* training mode"):
        check(Own(flat.train()))
    check(Own(flat.eval()))


def test_a_torchscript_file_traced_in_training_mode_is_refused(tmp_path):
    example = torch.from_numpy(IMAGES[:4]).permute(0, 3, 1, 2)
    for mode in (True, False):
        net = network(nn.BatchNorm2d(6), nn.Dropout(0.3)).train(mode)
        with torch.no_grad():
            torch.jit.trace(net, example, check_trace=False).save(str(tmp_path / "net.pt"))
        encoder = TorchScript(file=str(tmp_path / "net.pt"), dim=6)
        if mode:
            with pytest.raises(UsageError, match="encoder mine gives"):
                check(encoder)
        else:
            check(encoder)


def test_an_onnx_file_exported_in_training_mode_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
    for training in (True, False):
        constants = [
            onnx.numpy_helper.from_array(np.full(3, value, np.float32), name)
            for name, value in (("scale", 1), ("shift", 0), ("mean", 0.5), ("var", 0.1))
        ]
        outputs = ["y", "m", "v"] if training else ["y"]
        nodes = [
            helper.make_node(
                "BatchNormalization", ["x", "scale", "shift", "mean", "var"], outputs, training_mode=int(training)
            ),
            helper.make_node("Flatten", ["y"], ["z"]),
        ]
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", numbers, ["n", 3, 8, 8])],
            [helper.make_tensor_value_info("z", numbers, ["n", 192])],
            constants,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]), tmp_path / "net.onnx")
        encoder = Onnx(file=str(tmp_path / "net.onnx"), dim=192)
        if training:
            with pytest.raises(UsageError, match=BATCH):
                check(encoder)
        else:
            check(encoder)


def test_rounding_is_not_mistaken_for_training_mode():
    """Float32 moves with the batch by 1e-6 or so of the distance between images; near copies are no exception."""
    wide = np.random.default_rng(1).uniform(-1, 1, (5, 299, 299, 3)).astype(np.float32)
    encoder = RandomInception(layer="192")
    check(encoder, wide)
    check(encoder, np.repeat(wide[:1], 3, axis=0))
    check(RandomInception(layer="192", dtype="bfloat16"), wide[:3])
    check(RandomConvNet(channels=3))
    check(Pixels(), np.zeros_like(IMAGES))


class Jitters(Own):
    def encode(self, images):
        rows = super().encode(images)
        return rows * (1 + self.dim * 1e-3 * len(images))


def test_the_tolerance_is_a_twentieth_of_the_distance_between_images():
    encoder = Jitters(network().eval(), dim=6)
    rows = encoder.encode(IMAGES[:4])
    gap = np.median([np.linalg.norm(a - b) for i, a in enumerate(rows) for b in rows[:i]])
    moved = np.linalg.norm(rows[0] - encoder.encode(IMAGES[:1])[0])
    for share, refused in ((0.9 * 0.05, False), (1.1 * 0.05, True)):
        encoder.dim = 6 * share * gap / moved
        few = IMAGES[:4]
        if refused:
            with pytest.raises(UsageError, match="alone and in a batch"):
                check(encoder, few)
        else:
            check(encoder, few)
