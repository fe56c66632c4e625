"""Generators that are PyTorch networks: TorchScript files, and module classes with a state dict."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from harness.base import TORCH, Component, PathText, Quiet, UsageError
from harness.encoders import drawn, exact, fill, load_torchscript, read_checkpoint
from harness.generators.latents import Network, NetworkParameters, refusal

if TYPE_CHECKING:
    import numpy as np
    import torch

ModuleThing = Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]


class ModuleParameters(NetworkParameters, Quiet):
    """Parameters of `torch_module`: the class that makes the network, its `arguments`, and its state dict in `file`.

    `key` says which of the file's state dicts is meant where it holds several, such as raw weights and their EMA.
    """

    modules = ("network",)
    quiet = ("key",)
    network: ModuleThing = Field(description="class of the network, as module:thing")
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    key: PathText | None = None


SCRIPT = Component(
    "generators",
    "torchscript",
    f"{__name__}:TorchScript",
    "a TorchScript file: latents to NCHW images",
    NetworkParameters,
    libraries=TORCH,
)
MODULE = Component(
    "generators",
    "torch_module",
    f"{__name__}:TorchModule",
    "a network class of your own with a state dict: latents to NCHW images",
    ModuleParameters,
    libraries=TORCH,
)


class _Torch(Network):
    """What TorchScript and PyTorch modules share."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._network = self._load().eval()
        self._device = "cpu"

    @abstractmethod
    def _load(self) -> Any: ...

    def to(self, device: str) -> None:
        """Compute on a device from now on; latents and labels are drawn on the CPU all the same."""
        self._network.to(device)
        self._device = device

    def _run(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        import torch

        with exact(), torch.inference_mode():
            try:
                given = self._network(*[torch.from_numpy(rows).to(self._device) for rows in inputs])
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, TypeError, IndexError) as problem:
                raise refusal(self.file, inputs, problem) from problem
            if not isinstance(given, torch.Tensor):
                raise UsageError(f"{self.file} gives a {type(given).__name__}, expected one tensor of images")
            half = given.dtype in (torch.float16, torch.bfloat16)  # NumPy has no bfloat16
            rows: np.ndarray = (given.float() if half else given).cpu().numpy()
            return rows


class TorchScript(_Torch):
    """A TorchScript file: forward(latents) or, with `classes`, forward(latents, labels) → images (n, C, H, W)."""

    def _load(self) -> Any:
        return load_torchscript(Path(self.file))


@dataclass(kw_only=True)
class TorchModule(_Torch):
    """A torch.nn.Module with the state dict in `file`, in float32; called as a TorchScript file is.

    `network` is what makes it, called with `arguments`: a class or a function. A module that is made already is copied.
    Of several state dicts in the file `key` says which; `weights_key` is that of the one that was read.
    """

    network: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    def _load(self) -> Any:
        import torch

        name = getattr(self.network, "__name__", type(self.network).__name__)
        if isinstance(self.network, torch.nn.Module):
            if self.arguments:
                raise UsageError(f"network {name} is an instance; `arguments` need a class or a function")
            return self._filled(copy.deepcopy(self.network), name)
        try:
            # What it draws itself and keeps out of its state dict, such as constant noise, is then always the same.
            with drawn(0):
                made = self.network(**self.arguments)
        except TypeError as problem:
            raise UsageError(f"network {name} cannot be built with {dict(self.arguments)}: {problem}") from problem
        if not isinstance(made, torch.nn.Module):
            raise UsageError(f"network {name} gives a {type(made).__name__}; expected a torch.nn.Module")
        return self._filled(made, name)

    def _filled(self, made: torch.nn.Module, name: str) -> torch.nn.Module:
        found = read_checkpoint(Path(self.file)).of(made, key=self.key)
        fill(made, found.state, f"the network {name}")
        self.weights_key = found.key
        return made.float()
