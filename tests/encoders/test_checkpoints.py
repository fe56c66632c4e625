"""Files of weights as training leaves them: a network's own state dict is found, none is chosen for the user."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from harness.base import UsageError
from harness.encoders.anytimm import Timm
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.torchnet import OwnWeights
from harness.generators.from_torch import TorchModule


class Net(nn.Module):
    """A generator with batch statistics: 4 → 3×2×2."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 12), nn.BatchNorm1d(12))

    def forward(self, z):
        return torch.tanh(self.body(z)).view(-1, 3, 2, 2)


def weights(level: float) -> OrderedDict:
    """A state dict of which every parameter is `level`, and the batch statistics 0 and 1."""
    net = Net()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(level)
    return net.state_dict()


RAW, EMA = weights(0.1), weights(0.7)
PARAMETERS = [name for name, _ in Net().named_parameters()]


def below(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def read(tmp_path, content, key=None):
    torch.save(content, tmp_path / "net.pth")
    return read_checkpoint(tmp_path / "net.pth").of(Net(), key=key)


def level(found):
    return round(float(found.state["body.0.weight"][0, 0]), 3)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (RAW, ""),
        ({"ema": RAW}, "ema"),
        ({"anything": {"deeper": RAW}, "epoch": 3, "args": {"lr": 0.1}}, "anything.deeper"),
        (below("module.", RAW), "module"),  # DistributedDataParallel
        ({"state_dict": below("model.", RAW), "optimizer_states": [], "loops": {}}, "state_dict.model"),  # Lightning
        ({"model": below("module._orig_mod.", RAW)}, "model.module._orig_mod"),
        ({"model": RAW, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}}, "model"),
        ({"model": RAW, "optimizer": {"state": below("x.", EMA)}}, "model"),
        ({"netG": RAW, "netD": {"body.0.weight": torch.ones(5, 5), "body.0.bias": torch.ones(5)}}, "netG"),
        ({"model": RAW, "model_copy": {name: tensor.clone() for name, tensor in RAW.items()}}, "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_single_state_dict_is_read_from_below_any_key_and_wrapper(tmp_path, content, key):
    found = read(tmp_path, content)
    assert (level(found), found.key) == (0.1, key)
    made = Net()
    made.load_state_dict(found.state)  # strictly


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"model": RAW, "ema": EMA}, ("model", "ema")),
        ({"state_dict": RAW, "model_ema": EMA}, ("state_dict", "model_ema")),
        ({"state_dict": below("model.", RAW) | below("ema.", EMA)}, ("state_dict.model", "state_dict.ema")),
        (below("online_model.", RAW) | below("ema_model.", EMA), ("online_model", "ema_model")),  # ema_pytorch
        ({**RAW, "ema": EMA}, (".", "ema")),
        # LitEma of latent diffusion, in one state dict with the raw weights; its names have lost their dots.
        (
            {
                "state_dict": below("model.", RAW)
                | {"model_ema." + name.replace(".", ""): EMA[name] for name in PARAMETERS}
                | {"model_ema.decay": torch.tensor(0.999)}
            },
            ("state_dict.model", "state_dict.model_ema"),
        ),
        # torch_ema and diffusers' EMAModel: a list of tensors in the order of the parameters.
        (
            {"model": RAW, "ema": {"decay": 0.999, "shadow_params": [EMA[name] for name in PARAMETERS]}},
            ("model", "ema.shadow_params"),
        ),
        ({"model": RAW, "ema": {name: EMA[name] for name in PARAMETERS}}, ("model", "ema")),  # parameters alone
    ],
    ids=["model+ema", "state_dict+model_ema", "lightning", "ema_pytorch", "top", "litema", "shadow", "no buffers"],
)
def test_of_several_state_dicts_none_is_chosen_without_a_key(tmp_path, content, keys):
    with pytest.raises(UsageError, match="holds 2 sets of weights: ") as refused:
        read(tmp_path, content)
    assert all(key in str(refused.value) for key in keys)
    for key, expected in zip(keys, (0.1, 0.7), strict=True):
        found = read(tmp_path, content, key)
        assert level(found) == expected
        assert found.key == ("" if key == "." else key)
        made = Net()
        made.load_state_dict(found.state)  # with the batch statistics, where an average leaves them out
    with pytest.raises(UsageError, match="no weights under key 'emma'; it holds "):
        read(tmp_path, content, "emma")


def test_old_files_without_counters_of_batches_are_read(tmp_path):
    old = {name: tensor for name, tensor in RAW.items() if "num_batches" not in name}
    found = read(tmp_path, {"model": old, "ema": {name: EMA[name] for name in old}}, "ema")
    Net().load_state_dict(found.state)


def test_a_generator_reads_the_average_that_its_key_names(tmp_path):
    torch.save({"model": RAW, "ema": EMA}, tmp_path / "net.pth")
    given = {"file": str(tmp_path / "net.pth"), "latent": 4, "range": (-1, 1), "quantise": "round", "network": Net}
    with pytest.raises(UsageError, match="holds 2 sets of weights: model, ema; choose one with `key`"):
        TorchModule(**given)
    torch.save(EMA, tmp_path / "ema.pth")
    alone = TorchModule(**{**given, "file": str(tmp_path / "ema.pth")})
    chosen = TorchModule(**given, key="ema")
    assert chosen.weights_key == "ema"
    assert np.array_equal(chosen.sample([1, 2]), alone.sample([1, 2]))
    assert not np.array_equal(chosen.sample([1, 2]), TorchModule(**given, key="model").sample([1, 2]))


def test_an_encoder_reads_the_average_that_its_key_names(tmp_path):
    timm = pytest.importorskip("timm")
    one, other = (timm.create_model("test_resnet", num_classes=0) for _ in range(2))
    torch.save({"state_dict": one.state_dict(), "state_dict_ema": other.state_dict()}, tmp_path / "net.pth")
    given = {"model": "test_resnet", "file": str(tmp_path / "net.pth")}
    with pytest.raises(UsageError, match="holds 2 sets of weights: state_dict, state_dict_ema; choose one"):
        Timm(**given)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 160, 160, 3)).astype(np.float32)
    encoder = Timm(**given, key="state_dict_ema")
    assert encoder.weights_key == "state_dict_ema"
    with torch.no_grad():
        wanted = other.eval()(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert np.allclose(encoder.encode(images), wanted, atol=1e-4)


def test_a_teacher_beside_its_student_is_refused_where_names_are_the_authors(tmp_path):
    """Where a library renames the file's names, the network's own are nowhere in it."""
    torch.save({"student": {"a.w": torch.ones(2)}, "teacher": {"a.w": torch.zeros(2)}}, tmp_path / "net.pth")
    with pytest.raises(UsageError, match="holds 2 sets of weights: student, teacher"):
        read_checkpoint(tmp_path / "net.pth").of(Net())
    found = read_checkpoint(tmp_path / "net.pth").of(Net(), key="teacher")
    assert list(found.state) == ["a.w"]
    assert found.key == "teacher"


def test_a_key_without_a_file_of_ones_own_is_refused():
    with pytest.raises(ValueError, match="found key, which need `weights: file`"):
        OwnWeights(weights="official", key="ema")
    assert "key" not in OwnWeights(weights="official").model_dump()  # who does not use it keeps every digest
