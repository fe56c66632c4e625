"""What encoders that are PyTorch networks share: how they compute, how weights are found, drawn and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import model_validator

from harness.base import FILE, Digest, Inference, PathText, UsageError
from harness.encoders.arithmetic import drawn, exact, lacks
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.networkfiles import fill

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

# Images per forward pass. On a CPU the results of a wide layer are then below 32 MB, which glibc keeps; it asks the
# system for anything larger anew each time, and Inception's first layers took twice as long in eights.
CHUNK = 4
CHUNK_ELSEWHERE = 64  # on an accelerator; not measured
State = dict[str, "torch.Tensor"]
DTYPES = ("float32", "bfloat16", "float16", "float64")


class OwnWeights(Inference):
    """Weights that can be a file of the user's own: `weights: file`, its path, and the SHA-256 that it must have.

    `key` says which of the file's state dicts is meant where it holds several, such as raw weights and their EMA.
    """

    paths = ("file",)
    quiet = ("dtype", "key")
    weights: str
    file: PathText | None = None
    sha256: Digest | None = None
    key: PathText | None = None

    @model_validator(mode="after")
    def _a_file_and_its_digest_or_neither(self) -> OwnWeights:
        given = [name for name in ("file", "sha256", "key") if getattr(self, name) is not None]
        if self.weights == FILE and (self.file is None or self.sha256 is None):
            raise ValueError("`weights: file` needs both `file`, a path, and `sha256`, the digest of that file")
        if self.weights != FILE and given:
            raise ValueError(f"found {' and '.join(given)}, which need `weights: file`; add it or leave them out")
        return self


class TorchEncoder:
    """Runs a network in `dtype`, float32 without TF32 by default: float images (n, side, side, 3) → float32 (n, dim).

    `side` None takes images of any size. Rows depend on the batch by rounding only. Another `dtype` is that of weights
    and of all values between images and features, not mixed as under autocast; it is part of `identity`.
    `weights_key` is where in their file the weights lie, "" where nothing else is in it.
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
        self.weights_key = str(getattr(network, "weights_key", ""))
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
        import numpy as np
        import torch

        features: np.ndarray = self.rows(images).cpu().numpy()
        if self.dtype != "float32" and not np.isfinite(features).all():
            numbers = getattr(torch, "float32" if self.dtype == "float64" else self.dtype)
            raise UsageError(
                f"in {self.dtype}, whose largest number is {torch.finfo(numbers).max:.3g}, features "
                "become infinite or NaN; use another dtype"
            )
        return features

    def rows(self, images: np.ndarray) -> torch.Tensor:
        """The same features where they were computed, on the device, float32 (n, dim).

        Copies and passes are queued, and nothing waits for one of them: the first look at a value does.
        """
        import numpy as np
        import torch

        size = (self._side, self._side) if self._side else images.shape[1:3]
        if images.ndim != 4 or images.shape[3] != 3 or images.shape[1:3] != size or images.dtype.kind != "f":
            wanted = f"{self._side or 'H'}, {self._side or 'W'}"
            raise ValueError(
                f"`images` must be floats (n, {wanted}, 3), not {images.dtype} {images.shape}; set resize, "
                "channels and range"
            )
        if len(images) and not (reach := max(images.max(), -images.min())) < 20:
            raise ValueError(f"`images` reach {reach:.3g}: networks expect about -3 to 3; set range")
        device = torch.device(self._device)
        step = CHUNK if device.type == "cpu" else CHUNK_ELSEWHERE
        with exact(), torch.inference_mode():
            features = torch.empty((len(images), self.dim), dtype=torch.float32, device=device)
            for start in range(0, len(images), step):
                chunk = torch.from_numpy(np.ascontiguousarray(images[start : start + step], np.float32))
                if device.type == "cuda":
                    chunk = chunk.pin_memory()  # PyTorch keeps such a page until the copy from it is done
                rows = self._rows(chunk.permute(0, 3, 1, 2).to(device, non_blocking=True))
                if rows.ndim != 2 or rows.shape[1] != self.dim:
                    raise UsageError(f"the network gives {tuple(rows.shape)}, not (n, {self.dim}): one row an image")
                features[start : start + step] = rows
        return features

    def _rows(self, images: torch.Tensor) -> torch.Tensor:
        import torch

        if self.dtype == "float32":
            return self._forward(images)
        numbers: torch.dtype = getattr(torch, self.dtype)
        if not self._cast:  # not when made: weights are named by their digest in float32 first
            self._network.to(numbers)
            self._cast = True
        try:
            return self._forward(images.to(numbers))
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError) as problem:
            lines = str(problem).strip().splitlines()
            # TorchScript says where it was before it says what is wrong.
            why = next((line for line in lines if line.startswith("RuntimeError: ")), lines[0])[:160]
            raise UsageError(f"this network does not compute in {self.dtype} on {self._device}: {why}") from problem


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network's weights come from.

    weights  "random", drawn from `seed`; "file", the user's own `file` with its `sha256`; else a registered file's name
    key      which of the file's state dicts is meant, see `Checkpoint.of`
    """

    weights: str
    seed: int = 0
    file: str | None = None
    sha256: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, given: Given, usual: str) -> Origin:
        """As an encoder is given it; `usual` is what weights are that nobody names, or that are named "official"."""
        whole: Any = {"weights": "official", **given}
        return cls(**whole | ({"weights": usual} if whole["weights"] == "official" else {}))

    def path(self) -> Path:
        """The file, its SHA-256 verified.

        Raises UsageError where it is not here or not the right one; never touches the network.
        """
        from harness.encoders.weights import locate, own

        if self.weights != FILE:
            return locate(self.weights)
        if self.file is None or self.sha256 is None:
            raise UsageError("`weights: file` needs both `file`, a path, and `sha256`, the digest of that file")
        return own(self.file, self.sha256)


class Given(TypedDict, total=False):
    """The parameters of an `Origin`, as encoders pass them on."""

    weights: str
    seed: int
    file: str | None
    sha256: str | None
    key: str | None


def filled(make: Callable[[], Any], what: str, body: Callable[[State, Any], State], origin: Origin) -> Any:
    """The network that `make` makes, drawn from the origin's seed; unless that is all, it is then filled from its file.

    Its attribute `weights_key` then says where in the file they lie, "" where nothing else is in it.

    `body(state, network)` gives what the file holds for this network, in the network's names: `whole`, `its_own`,
    `without`, or an architecture's own rule. `what` names the network where that does not fit, which is a UsageError,
    as it is where there is no such file.
    """
    with drawn(origin.seed):
        network = make()
    if origin.weights != "random":
        found = read_checkpoint(origin.path()).of(network, key=origin.key)
        fill(network, body(found.state, network), what)
        network.weights_key = found.key
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
