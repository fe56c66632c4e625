"""What the user's own files hold counts, all of it and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.base.contents import digest_onnx, digest_path
from harness.base.errors import UsageError
from harness.base.keys import digest_file
from harness.benchmark import registry
from harness.encoders.onnx import Onnx as Encoder
from harness.generators.from_onnx import Onnx

TAKES = {"latent": 4, "range": (-1.0, 1.0), "quantise": "round"}


def saved(path: Path, scale: float, *, beside: str | None) -> Path:
    """tanh of a matrix product, as an image of 2×2; its weights in the file or beside it."""
    weights = numpy_helper.from_array(scale * np.random.default_rng(0).standard_normal((4, 4), np.float32), "w")
    shape = numpy_helper.from_array(np.array([-1, 1, 2, 2]), "shape")
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["y"]),
        helper.make_node("Tanh", ["y"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["x"]),
    ]
    takes = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4])
    gives = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 2, 2])
    graph = helper.make_graph(nodes, "net", [takes], [gives], [weights, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(exist_ok=True)
    held = {"save_as_external_data": True, "location": beside, "size_threshold": 90} if beside else {}
    onnx.save_model(model, str(path), **held)
    return path


@pytest.mark.parametrize("name", ["net.onnx.data", "w" * 200])
def test_weights_that_an_onnx_file_keeps_beside_it_count(tmp_path, name):
    one = saved(tmp_path / "one" / "net.onnx", 1.0, beside=name)
    other = saved(tmp_path / "other" / "net.onnx", 0.1, beside=name)
    assert one.read_bytes() == other.read_bytes()  # the files themselves do not tell them apart
    assert digest_onnx(one) != digest_onnx(other)
    images = [Onnx(file=str(path), **TAKES).sample(range(8)) for path in (one, other)]
    assert np.abs(images[0].astype(int) - images[1]).max() > 20
    for kind, parameters in (("generators", {**TAKES, "range": [-1, 1]}), ("encoders", {"dim": 4})):
        found = [registry.identity(kind, "onnx", {**parameters, "file": str(path)}, tmp_path) for path in (one, other)]
        assert found[0] != found[1]
        assert found[0]["source"] == found[1]["source"]
    same = saved(tmp_path / "same" / "net.onnx", 1.0, beside=name)
    assert digest_onnx(same) == digest_onnx(one)
    encoders = [Encoder(file=str(path), dim=4) for path in (one, other)]
    assert encoders[0].identity != encoders[1].identity


def test_an_onnx_file_that_is_whole_counts_as_any_file_whatever_lies_beside_it(tmp_path):
    path = saved(tmp_path / "net.onnx", 1.0, beside=None)
    (tmp_path / "net.onnx.data").write_text("nothing of it")
    assert digest_onnx(path) == digest_path(path) == digest_file(path)
    (tmp_path / "empty.onnx").touch()
    assert digest_onnx(tmp_path / "empty.onnx") == digest_file(tmp_path / "empty.onnx")


def test_weights_that_are_not_beside_it_are_missed_when_it_is_loaded(tmp_path):
    path = saved(tmp_path / "net.onnx", 1.0, beside="net.onnx.data")
    (tmp_path / "net.onnx.data").unlink()
    assert digest_onnx(path) == digest_file(path)
    with pytest.raises(UsageError, match="does not load as ONNX"):
        Onnx(file=str(path), **TAKES)


def test_an_input_that_cannot_be_given_is_named(tmp_path):
    taken = helper.make_tensor_value_info("z", TensorProto.STRING, ["n", 4])
    given = helper.make_tensor_value_info("x", TensorProto.STRING, ["n", 4])
    graph = helper.make_graph([helper.make_node("Identity", ["z"], ["x"])], "net", [taken], [given])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, str(tmp_path / "net.onnx"))
    with pytest.raises(UsageError, match=r"input z is tensor\(string\); tensor\(float\), .* are known"):
        Onnx(file=str(tmp_path / "net.onnx"), **TAKES)


def test_a_folder_counts_by_its_names_and_bytes_without_what_is_hidden(tmp_path):
    (tmp_path / "pipe" / "unet").mkdir(parents=True)
    (tmp_path / "pipe" / "unet" / "a.bin").write_text("1")
    before = digest_path(tmp_path / "pipe")
    (tmp_path / "pipe" / ".gitattributes").write_text("x")
    assert digest_path(tmp_path / "pipe") == before
    (tmp_path / "pipe" / "unet" / "a.bin").rename(tmp_path / "pipe" / "unet" / "b.bin")
    assert digest_path(tmp_path / "pipe") != before
    with pytest.raises(UsageError, match="no such file or folder"):
        digest_path(tmp_path / "none")


def test_what_a_networks_file_holds_decides_its_identity_and_where_it_lies_does_not(tmp_path):
    for folder, name in (("a", "one.pt"), ("b", "two.pt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("weights")
    of = lambda name: registry.identity("generators", "torchscript", {**TAKES, "file": name}, tmp_path)  # noqa: E731
    assert of("a/one.pt") == of("b/two.pt")
    (tmp_path / "b" / "two.pt").write_text("others")
    assert of("a/one.pt") != of("b/two.pt")
    with pytest.raises(UsageError, match="no such file"):
        of("c.pt")


def test_an_edited_rule_or_loader_of_the_harness_is_part_of_what_a_network_is(tmp_path):
    (tmp_path / "net").write_text("weights")
    for use in ("torchscript", "onnx", "torch_module"):
        extra = {"network": "harness.generators:quantised"} if use == "torch_module" else {}
        found = registry.identity("generators", use, {**TAKES, "file": "net", **extra}, tmp_path)
        assert {
            "harness/generators/levels.py",
            "harness/generators/latents.py",
            "harness/encoders/networkfiles.py",
        } <= set(found["source"])
