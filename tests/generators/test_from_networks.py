"""Generators that are networks in files: the same images as the network called directly, each from its own seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from harness.base.errors import UsageError
from harness.base.keys import derive_seed
from harness.generators.contract import Generator, PlacedGenerator, image_rng
from harness.generators.from_onnx import Onnx
from harness.generators.from_torch import TorchModule, TorchScript
from harness.generators.latents import choose, draw_latents

SEEDS = [derive_seed("networks", i) for i in range(40)]
TAKES = {"latent": 6, "range": (-1.0, 1.0), "quantise": "round"}


class Tiny(nn.Module):
    """Six numbers to 3×8×8 in [-1, 1]; with classes, a label moves them."""

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        self.enter = nn.Linear(6, 8 * 4 * 4)
        self.norm = nn.BatchNorm2d(8)
        self.leave = nn.ConvTranspose2d(8, 3, 4, 2, 1)
        self.classes = nn.Embedding(max(classes, 1), 6)

    def forward(self, z, y=None):
        if y is not None:
            z = z + 3 * self.classes(y)
        return torch.tanh(4 * self.leave(self.norm(self.enter(z).reshape(-1, 8, 4, 4))))


class Labelled(Tiny):
    def forward(self, z, y):
        return super().forward(z, y)


class Plain(Tiny):
    def forward(self, z):
        return super().forward(z)


class OverBatch(Plain):
    """Batch normalisation that kept its training mode."""

    def forward(self, z):
        return super().forward((z - z.mean(0)) / (z.square().mean(0).sqrt() + 0.1))


def network(kind=Plain, **arguments):
    torch.manual_seed(1)
    return kind(**arguments).eval()


def script(net, path, *examples):
    torch.jit.trace(net, examples or (torch.zeros(2, 6),), check_trace=False).save(str(path))
    return str(path)


def onnx(net, path, *examples, dynamic=True):
    names = ["z", "y"][: len(examples) or 1]
    axes = {name: {0: "n"} for name in names} if dynamic else None
    torch.onnx.export(
        net, examples or (torch.zeros(3, 6),), str(path), input_names=names, dynamic_axes=axes, dynamo=False
    )
    return str(path)


def directly(net, seeds=SEEDS, labels=None):
    z = torch.tensor(np.stack([image_rng(seed).standard_normal(6) for seed in seeds]), dtype=torch.float32)
    with torch.inference_mode():
        x = net(z) if labels is None else net(z, torch.from_numpy(labels))
    return (
        np.rint(np.clip(x.numpy() * np.float32(127.5) + np.float32(127.5), 0, 255))
        .astype(np.uint8)
        .transpose(0, 2, 3, 1)
    )


def apart(one, other):
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.fixture(scope="module", params=["torchscript", "onnx", "torch_module"])
def made(request, tmp_path_factory):
    folder, net = tmp_path_factory.mktemp("nets"), network()
    if request.param == "torchscript":
        return TorchScript(file=script(net, folder / "net.pt"), **TAKES)
    if request.param == "onnx":
        return Onnx(file=onnx(net, folder / "net.onnx"), **TAKES)
    torch.save(net.state_dict(), folder / "net.pth")
    return TorchModule(file=str(folder / "net.pth"), network=Plain, **TAKES)


def test_images_are_those_of_the_network_called_directly(made):
    images = made.sample(SEEDS)
    assert (images.shape, images.dtype) == ((40, 8, 8, 3), np.uint8)
    assert isinstance(made, Generator)
    assert images.std() > 30  # not a constant, which would agree with anything alike
    assert apart(images, directly(network())) <= 1


def test_an_image_depends_on_its_seed_alone(made):
    whole = made.sample(SEEDS)
    assert np.array_equal(made.sample(SEEDS), whole)  # clean-fid draws latents from an unseeded global generator
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert np.array_equal(made.sample(SEEDS), whole)
    assert apart(made.sample(SEEDS[::-1])[::-1], whole) <= 1
    for size in (1, 7):
        parts = [made.sample(SEEDS[start : start + size]) for start in range(0, 40, size)]
        assert apart(np.concatenate(parts), whole) <= 1
    assert len(np.unique(whole.reshape(40, -1), axis=0)) == 40


def test_onnx_files_of_one_batch_size_are_padded_to_it(tmp_path):
    fixed = Onnx(file=onnx(network(), tmp_path / "net.onnx", dynamic=False), **TAKES)
    assert apart(fixed.sample(SEEDS), directly(network())) <= 1


@pytest.mark.parametrize("form", ["index", "onehot"])
def test_class_conditional_networks_get_a_label_for_each_image(tmp_path, form):
    # torch-fidelity draws labels with dtype=np.int, which NumPy has not had since 1.24: there, none of this runs.
    net = network(Labelled, classes=5)
    example = torch.zeros(2, dtype=torch.int64)
    if form == "onehot":

        class OneHot(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = net

            def forward(self, z, y):
                return self.inner(z, y.argmax(1))

        called, example = OneHot().eval(), torch.eye(5)[:2]
    else:
        called = net
    parameters = {**TAKES, "classes": 5, "label_form": form}
    z = torch.zeros(2, 6)
    files = [
        TorchScript(file=script(called, tmp_path / "net.pt", z, example), **parameters),
        Onnx(file=onnx(called, tmp_path / "net.onnx", z, example), **parameters),
    ]
    drawn = choose(SEEDS, None, 5, how="drawn", what="label")
    assert (drawn.dtype, set(drawn)) == (np.int64, set(range(5)))
    for made in files:
        assert apart(made.sample(SEEDS), directly(net, labels=drawn)) <= 1
        assert apart(made.sample(SEEDS), directly(net, labels=(drawn + 1) % 5)) > 20  # the label is looked at
        assert apart(made.sample(SEEDS[7:9]), made.sample(SEEDS)[7:9]) <= 1


def test_balanced_labels_are_cycled_by_place_in_the_set_and_not_in_the_batch(tmp_path):
    net = network(Labelled, classes=5)
    file = script(net, tmp_path / "net.pt", torch.zeros(2, 6), torch.zeros(2, dtype=torch.int64))
    made = TorchScript(file=file, **TAKES, classes=5, labels="balanced")
    assert isinstance(made, PlacedGenerator)
    expected = directly(net, labels=np.arange(40) % 5)
    assert apart(made.sample_at(SEEDS, range(40)), expected) <= 1
    parts = [made.sample_at(SEEDS[i : i + 7], range(i, min(i + 7, 40))) for i in range(0, 40, 7)]
    assert apart(np.concatenate(parts), expected) <= 1
    with pytest.raises(UsageError, match="sample_at"):
        made.sample(SEEDS)


# ---------------------------------------------------------------- what is refused


def test_a_network_that_normalises_over_its_batch_is_refused(tmp_path):
    net = network(OverBatch)
    for made in (
        TorchScript(file=script(net, tmp_path / "net.pt"), **TAKES),
        Onnx(file=onnx(net, tmp_path / "net.onnx"), **TAKES),
    ):
        with pytest.raises(UsageError, match="depends on the batch"):
            made.sample(SEEDS)


def test_a_network_with_randomness_of_its_own_is_refused(tmp_path):
    class Noisy(Plain):
        def forward(self, z):
            x = super().forward(z)
            return x * 0.8 + 0.2 * torch.randn_like(x)

    for made in (
        TorchScript(file=script(network(Noisy), tmp_path / "net.pt"), **TAKES),
        Onnx(file=onnx(network(Noisy), tmp_path / "net.onnx"), **TAKES),
    ):
        for seeds in (SEEDS, SEEDS[:1]):
            with pytest.raises(UsageError, match="random beyond the seeds"):
                made.sample(seeds)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"latent": 7}, r"does not accept latents \(40, 7\)"),
        ({"range": (0.0, 255.0)}, "which is not `range"),
        ({"range": (0.0, 1.0)}, "which is not `range"),
        ({"quantise": "network", "range": None}, "gives float32, but `quantise` is network"),
        ({"classes": 3}, "does not accept latents .* and labels|has 1 inputs"),
    ],
)
def test_what_the_network_does_not_take_or_give_is_said(tmp_path, changed, match):
    net = network()
    with pytest.raises(UsageError, match=match):
        TorchScript(file=script(net, tmp_path / "net.pt"), **{**TAKES, **changed}).sample(SEEDS)
    with pytest.raises(UsageError, match=match):
        Onnx(file=onnx(net, tmp_path / "net.onnx"), **{**TAKES, **changed}).sample(SEEDS)


def test_files_that_are_no_networks_and_weights_of_another_are_refused(tmp_path):
    (tmp_path / "text").write_text("not a network")
    for kind in (TorchScript, Onnx):
        with pytest.raises(UsageError, match="does not load as"):
            kind(file=str(tmp_path / "text"), **TAKES)
    with pytest.raises(UsageError, match="does not load as weights"):
        TorchModule(file=str(tmp_path / "text"), network=Plain, **TAKES)
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UsageError, match="not the weights of the network Plain"):
        TorchModule(file=str(tmp_path / "other.pth"), network=Plain, **TAKES)
    with pytest.raises(UsageError, match=r"expected a torch\.nn\.Module"):
        TorchModule(file=str(tmp_path / "other.pth"), network=dict, **TAKES)


# ---------------------------------------------------------------- what else must not decide an image


def test_what_a_class_draws_for_itself_and_keeps_out_of_its_weights_is_always_the_same(tmp_path):
    class Grainy(Plain):
        def __init__(self):
            super().__init__()
            self.grain = torch.randn(8, 8)  # not in the state dict

        def forward(self, z):
            return super().forward(z) * 0.5 + self.grain.clamp(-1, 1) * 0.5

    torch.save(network().state_dict(), tmp_path / "net.pth")
    first, second = (TorchModule(file=str(tmp_path / "net.pth"), network=Grainy, **TAKES) for _ in range(2))
    assert not torch.equal(Grainy().grain, Grainy().grain)
    state = torch.random.get_rng_state()
    assert np.array_equal(first.sample(SEEDS), second.sample(SEEDS))
    TorchModule(file=str(tmp_path / "net.pth"), network=Grainy, **TAKES)
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws are moved


def test_a_module_that_is_made_already_is_copied_and_takes_no_arguments(tmp_path):
    torch.save(network().state_dict(), tmp_path / "net.pth")
    thing = Plain()
    before = thing.enter.weight.clone()
    images = TorchModule(file=str(tmp_path / "net.pth"), network=thing, **TAKES).sample(SEEDS)
    assert apart(images, directly(network())) <= 1
    assert torch.equal(thing.enter.weight, before)
    with pytest.raises(UsageError, match="is an instance"):
        TorchModule(file=str(tmp_path / "net.pth"), network=thing, arguments={"classes": 3}, **TAKES)


def test_half_precision_networks_are_levels_of_what_they_gave(tmp_path):
    class Half(Plain):
        def forward(self, z):
            return super().forward(z).to(torch.bfloat16)

    images = TorchScript(file=script(network(Half), tmp_path / "net.pt"), **TAKES).sample(SEEDS)
    z = torch.from_numpy(draw_latents(SEEDS, (6,), distribution="normal"))
    with torch.inference_mode():
        given = network(Half)(z).float().numpy()
    assert apart(images, np.rint(given * 127.5 + 127.5).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)) <= 1
    assert apart(images, directly(network())) <= 2  # bfloat16 keeps 8 bits


def test_truncation_and_distribution_reach_the_network(tmp_path):
    file = script(network(), tmp_path / "net.pt")
    whole = TorchScript(file=file, **TAKES).sample(SEEDS).astype(float)
    halved = TorchScript(file=file, **TAKES, truncation=0.5).sample(SEEDS).astype(float)
    uniform = TorchScript(file=file, **TAKES, distribution="uniform").sample(SEEDS).astype(float)
    spread = [images.std(0).mean() for images in (whole, halved, uniform)]
    assert spread[1] < 0.8 * spread[0]
    assert spread[2] < 0.8 * spread[0]
    assert apart(halved, uniform) > 20


def test_the_test_of_a_batch_is_made_once_for_one_image_and_once_for_several(tmp_path):
    made, calls = TorchScript(file=script(network(), tmp_path / "net.pt"), **TAKES), []
    run = made._run
    made._run = lambda inputs: calls.append(len(inputs[0])) or run(inputs)
    made.sample(SEEDS[:1])
    assert len(calls) > 1
    del calls[:]
    made.sample(SEEDS[1:2])
    assert calls == [1]
    made.sample(SEEDS)
    assert len(calls) > 2
    del calls[:]
    made.sample(SEEDS)
    assert calls == [40]
