"""Files that hold networks, of encoders and generators: TorchScript and ONNX. Nothing is downloaded."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import Count, Parameters, PathText, UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn


TORCHSCRIPT = "it is TorchScript, use `use: torchscript`"


class NetworkFile(Parameters):
    """Parameters of an encoder that is a file with a whole network: the file, and how many features it gives."""

    paths = ("file",)
    file: PathText
    dim: Count


def held_instead(path: Path) -> str | None:
    """What a file that did not load is instead, by its members alone; None where that is not the trouble."""
    if not path.is_file():
        return None
    try:
        if not zipfile.is_zipfile(path):
            return "it is not a zip archive, as files of torch.jit.save are"
        with zipfile.ZipFile(path) as archive:
            members = {name.rpartition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        return f"it is a damaged zip archive ({' '.join(str(problem).split())[:80]})"
    if "constants.pkl" in members:
        return TORCHSCRIPT
    return "it holds what torch.save wrote, such as a state dict; torch.jit.save writes TorchScript"


def load_torchscript(path: Path) -> Any:
    """The network of a TorchScript file, on the CPU; UsageError where it is none."""
    import torch

    try:
        return torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as problem:  # torch's reader answers damage with almost any exception
        held = held_instead(path)
        reason = held if held and held != TORCHSCRIPT else " ".join(str(problem).split())[:160]
        raise UsageError(f"{path} does not load as TorchScript: {reason}") from problem


def load_onnx(path: Path) -> Any:
    """A session of onnxruntime for an ONNX file, on the CPU and one thread; UsageError where it is none."""
    runtime = needs("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: exporters note the batch they traced, which is then warned about each time
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:
        raise UsageError(f"{path} does not load as ONNX: {' '.join(str(problem).split())[:160]}") from problem


def fill(network: nn.Module, state: Mapping[str, torch.Tensor], what: str, *, take: bool = False) -> None:
    """Load weights into a network; UsageError, with the first misfit, where they are not its own.

    With `take` the network, which may lie on `meta`, holds the tensors given in place of copies, in its own types.
    """
    try:
        if take:
            own = network.state_dict()
            state = {name: tensor.to(own[name].dtype) if name in own else tensor for name, tensor in state.items()}
        network.load_state_dict(dict(state), assign=take)
    except RuntimeError as problem:
        raise UsageError(
            f"these are not the weights of {what}: {str(problem).splitlines()[1].strip()[:200]}"
        ) from problem


def needs(package: str, install: str) -> Any:
    """An optional package, or a UsageError that says how to install it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UsageError(f"this component needs the package {package}: pip install {install}") from None
