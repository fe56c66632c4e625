"""What encoders that are PyTorch networks share: how they compute, how weights are found, drawn and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.base import UsageError
from harness.encoders.networkfiles import exact, fill, read_state

CHUNK = 8  # images per forward pass: larger ones are slower on a CPU
State = dict[str, torch.Tensor]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


class TorchEncoder:
    """Runs a network in `dtype`, float32 without TF32 by default: float images (n, side, side, 3) → float32 (n, dim).

    `side` None takes images of any size. Rows depend on the batch by rounding only. Another `dtype` is that of weights
    and of all values between images and features, not mixed as under autocast; it is part of `identity`.
    """

    def __init__(
        self,
        network: nn.Module,
        forward: Callable[[torch.Tensor], torch.Tensor],
        *,
        dim: int,
        side: int | None,
        dtype: str = "float32",
    ) -> None:
        if dtype not in DTYPES:
            raise UsageError(f"dtype is {dtype!r}; an encoder computes in {', '.join(DTYPES)}")
        self.dtype = dtype
        self._cast = dtype == "float32"
        self._network = network.eval()
        self._forward = forward
        self._side = side
        self._device = "cpu"
        self.dim = dim
        self.identity = {}

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a subclass says of its network, and the `dtype` where it is not float32."""
        return {**self._identity, **({} if self.dtype == "float32" else {"dtype": self.dtype})}

    @identity.setter
    def identity(self, facts: Mapping[str, Any]) -> None:
        self._identity = dict(facts)

    def to(self, device: str) -> None:
        """Compute on a device from now on. Raises UsageError for one that has no numbers of this `dtype`."""
        if problem := lacks(device, self.dtype):
            raise UsageError(problem)
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
                rows = self._rows(torch.from_numpy(chunk).permute(0, 3, 1, 2).to(self._device))
                if rows.ndim != 2 or rows.shape[1] != self.dim:
                    raise UsageError(f"the network gives {tuple(rows.shape)}, not (n, {self.dim}): one row an image")
                features[start : start + CHUNK] = rows.float().cpu().numpy()
        return features

    def _rows(self, images: torch.Tensor) -> torch.Tensor:
        if self.dtype == "float32":
            return self._forward(images)
        if not self._cast:  # not when made: weights are named by their digest in float32 first
            self._network.to(DTYPES[self.dtype])
            self._cast = True
        try:
            rows = self._forward(images.to(DTYPES[self.dtype]))
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError) as problem:
            lines = str(problem).strip().splitlines()
            # TorchScript says where it was before it says what is wrong.
            why = next((line for line in lines if line.startswith("RuntimeError: ")), lines[0])[:160]
            raise UsageError(f"this network does not compute in {self.dtype} on {self._device}: {why}") from problem
        if not bool(torch.isfinite(rows).all()):
            raise UsageError(
                f"in {self.dtype}, whose largest number is {torch.finfo(DTYPES[self.dtype]).max:.3g}, features become "
                "infinite or NaN; take another dtype"
            )
        return rows


def lacks(device: str, dtype: str) -> str | None:
    """Why a device cannot compute in a type of numbers, in words; None where nothing is known against it."""
    kind = torch.device(device).type
    if kind == "mps" and dtype == "float64":
        return "dtype float64: Apple's GPUs (mps) have no such numbers; take float32 or --device cpu"
    native = kind != "cuda" or not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)
    if dtype == "bfloat16" and not native:
        return f"dtype bfloat16: {torch.cuda.get_device_name(device)} would only emulate it; take float16 or float32"
    return None


@contextmanager
def drawn(seed: int) -> Iterator[None]:
    """Weights that libraries draw in here depend on the seed alone, and nothing outside is disturbed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def filled(
    make: Callable[[], Any],
    what: str,
    body: Callable[[State, Any], State],
    *,
    weights: str,
    seed: int = 0,
    file: str | None = None,
    sha256: str | None = None,
) -> Any:
    """The network that `make` makes, drawn from `seed`; unless `weights` is "random" it is then filled from a file.

    The file is `weight_path`'s. `body(state, network)` gives what it holds for this network, in the network's names:
    `whole`, `its_own`, `without`, or an architecture's own rule. `what` names the network where that does not fit,
    which is a UsageError, as it is where there is no such file.
    """
    with drawn(seed):
        network = make()
    if weights != "random":
        fill(network, body(read_state(weight_path(weights, file, sha256)), network), what)
    return network


def whole(state: State, network: nn.Module) -> State:
    """All that a file holds."""
    return state


def its_own(state: State, network: nn.Module) -> State:
    """Those tensors that the network has by name: files also hold decoders, mask tokens, indices that are computed."""
    names = network.state_dict().keys()
    return {name: tensor for name, tensor in state.items() if name in names}


def without(state: State, *heads: str) -> State:
    """All tensors but those below the `heads`, prefixes of names."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(heads)}


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
    from harness.encoders.weights import locate, own

    if weights != "file":
        return locate(weights)
    if file is None or sha256 is None:
        raise UsageError("`weights: file` needs both `file`, a path, and `sha256`, the digest of that file")
    return own(file, sha256)
