"""What encoders that are PyTorch networks share: how they compute, how weights are read, drawn and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.errors import UsageError

CHUNK = 8  # images per forward pass: larger ones are slower on a CPU


class TorchEncoder:
    """Runs a network in float32 without TF32: float images (n, side, side, 3) → float32 (n, dim).

    `side` None takes images of any size. Rows depend on the batch by rounding only.
    """

    def __init__(
        self, network: nn.Module, forward: Callable[[torch.Tensor], torch.Tensor], *, dim: int, side: int | None
    ) -> None:
        self._network = network.eval()
        self._forward = forward
        self._side = side
        self._device = "cpu"
        self.dim = dim
        self.identity: Mapping[str, Any] = {}

    def to(self, device: str) -> None:
        """Compute on a device from now on."""
        self._network.to(device)
        self._device = device

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, dim) of float images (n, H, W, 3) in the range that the recipe gives."""
        size = (self._side, self._side) if self._side else images.shape[1:3]
        if images.ndim != 4 or images.shape[3] != 3 or images.shape[1:3] != size or images.dtype.kind != "f":
            wanted = f"{self._side or 'H'}, {self._side or 'W'}"
            raise ValueError(
                f"`images` must be floats (n, {wanted}, 3), not {images.dtype} {images.shape}; set resize, "
                "channels and range"
            )
        if len(images) and not np.abs(images).max() < 20:
            raise ValueError(f"`images` reach {np.abs(images).max():.3g}: networks take about -3 to 3; set range")
        features = np.empty((len(images), self.dim), np.float32)
        with exact(), torch.inference_mode():
            for start in range(0, len(images), CHUNK):
                chunk = np.ascontiguousarray(images[start : start + CHUNK], np.float32)
                rows = self._forward(torch.from_numpy(chunk).permute(0, 3, 1, 2).to(self._device))
                if rows.ndim != 2 or rows.shape[1] != self.dim:
                    raise UsageError(f"the network gives {tuple(rows.shape)}, not (n, {self.dim}): one row an image")
                features[start : start + CHUNK] = rows.float().cpu().numpy()
        return features


@contextmanager
def exact() -> Iterator[None]:
    """Matrix products in full float32 on whatever device."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def drawn(seed: int) -> Iterator[None]:
    """Weights that libraries draw in here depend on the seed alone, and nothing outside is disturbed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def weights_digest(network: nn.Module) -> str:
    """SHA-256 over names and values of all weights, 64 hex digits."""
    content = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        content.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()


def weight_path(weights: str, file: str | None, sha256: str | None) -> Path:
    """The path of a registered weight file or, where `weights` is "file", of the user's own; its SHA-256 verified.

    Raises UsageError where it is not here or not the right one; never touches the network.
    """
    from harness.weights import locate, own

    if weights != "file":
        return locate(weights)
    if file is None or sha256 is None:
        raise UsageError("`weights: file` needs both `file`, a path, and `sha256`, the digest of that file")
    return own(file, sha256)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a .pth or .safetensors file; no code in the file is run. UsageError where it is none."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
        for inner in ("model", "state_dict", "resnet"):
            if isinstance(state, dict) and isinstance(state.get(inner), dict):
                state = state[inner]
        if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise ValueError("it holds no mapping of names to tensors")
        return dict(state)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except Exception as problem:
        raise UsageError(f"{path} does not load as weights: {' '.join(str(problem).split())[:200]}") from problem


def fill(network: nn.Module, state: Mapping[str, torch.Tensor], what: str) -> None:
    """Load weights into a network; UsageError, with the first misfit, where they are not its own."""
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as problem:
        raise UsageError(f"these are not weights of {what}: {str(problem).splitlines()[1].strip()[:200]}") from problem


def needs(package: str, install: str) -> Any:
    """An optional package, or a UsageError that says how to install it."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise UsageError(f"this encoder needs the package {package}: pip install {install}") from None
