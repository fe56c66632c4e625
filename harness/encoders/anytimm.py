"""Any network of timm, whose weights the user brings."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from harness.base import TORCH, Component, Count, Expects, Inference, PathText, Seed, UsageError
from harness.encoders.arithmetic import drawn
from harness.encoders.checkpoints import read_checkpoint
from harness.encoders.networkfiles import fill, needs
from harness.encoders.torchnet import State, TorchEncoder, its_own, weights_digest


class TimmParameters(Inference):
    """Parameters of `timm`: its name of a model, and a file with its state dict or random weights.

    `key` says which of the file's state dicts is meant where it holds several.
    """

    paths = ("file",)
    quiet = ("dtype", "key")
    model: PathText
    file: PathText | None = None
    weights: Literal["file", "random"] = "file"
    side: Count | None = None
    pool: Literal["token", "avg", "map"] | None = None
    seed: Seed = 0
    key: PathText | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TimmParameters:
        if (self.file is None) == (self.weights == "file"):
            raise ValueError("give either `file`, a state dict, or `weights: random`")
        if self.key is not None and self.file is None:
            raise ValueError("`key` selects a state dict of `file`; add `file` or leave `key` out")
        return self


FACTS = Component(
    "encoders",
    "timm",
    f"{__name__}:Timm",
    "any model of timm, weights from a file",
    TimmParameters,
    libraries=(*TORCH, "timm"),
    expects=Expects(None, None, 3),
)


class Timm(TorchEncoder):
    """The pooled features before the classifier of any timm model, with weights from a file or drawn.

    `model` is timm's name (`timm.list_models()`); `file` a .pth or .safetensors of its state dict, in timm's names or
    in those of its authors where timm knows them. Images are `side` × `side` (the model's own size unless given); the
    recipe's normalisation must be the model's. `pool` is how tokens become one row (token, avg, map): the model's own
    way unless given, which is not always its authors' (timm averages DINOv3, whose authors take the class token).
    """

    def __init__(
        self,
        *,
        model: str,
        file: str | None = None,
        weights: str = "file",
        side: int | None = None,
        pool: str | None = None,
        seed: int = 0,
        key: str | None = None,
        dtype: str = "float32",
    ) -> None:
        needs("timm", "timm")
        if (file is None) == (weights == "file"):
            raise UsageError("timm: give either `file`, a state dict, or `weights: random`")
        try:
            network = _made(model, seed, side=side, pool=pool)
        except (AssertionError, RuntimeError, TypeError, ValueError) as problem:
            raise UsageError(f"timm: {model!r} cannot be built ({' '.join(str(problem).split())[:160]})") from problem
        if file is not None:
            found = read_checkpoint(Path(file)).of(network, key=key)
            fill(network, named_by_timm(found.state, network), model)
            network.weights_key = found.key
        super().__init__(
            network, network, dim=network.num_features, side=side or network.default_cfg["input_size"][1], dtype=dtype
        )
        pooled = "" if pool is None else f", pooled by {pool}"
        self.identity = {"architecture": f"timm {model}{pooled}", "weights": weights_digest(network)}


def _made(model: str, seed: int, *, side: int | None, pool: str | None) -> Any:
    """The network with weights drawn from the seed; convolutions take images of any side and are not told of it."""
    timm = needs("timm", "timm")
    options = {} if pool is None else {"global_pool": pool}
    for sized in ({} if side is None else {"img_size": side}, {}):
        try:
            with drawn(seed):
                return timm.create_model(model, pretrained=False, num_classes=0, **options, **sized)
        except TypeError as problem:
            if not sized or "img_size" not in str(problem):
                raise
    raise AssertionError("the second call returns or raises")


def named_by_timm(state: State, network: Any) -> State:
    """The tensors that the network has, renamed by timm's own rule where the file has other names."""
    own = network.state_dict()
    rename = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if rename is not None and not own.keys() <= state.keys():
        with suppress(AttributeError, KeyError, RuntimeError):  # another network's: loading says what it lacks
            state = rename(dict(state), network)
    return its_own(state, network)
