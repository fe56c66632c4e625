"""Any network of timm, whose weights the user brings."""

from __future__ import annotations

from pathlib import Path

from harness.encoders.torchnet import TorchEncoder, drawn, weights_digest
from harness.errors import UsageError
from harness.networkfiles import fill, needs, read_state


class Timm(TorchEncoder):
    """The pooled features before the classifier of any timm model, with weights from a file or drawn.

    `model` is timm's name (`timm.list_models()`); `file` a .pth or .safetensors of its state dict. Images are
    `side` × `side` (the model's own size unless given); the recipe's normalisation must be the model's.
    """

    def __init__(self, *, model: str, file: str | None = None, weights: str = "file", side: int | None = None,
                 seed: int = 0) -> None:  # fmt: skip
        timm = needs("timm", "timm")
        if (file is None) == (weights == "file"):
            raise UsageError("timm: give either `file`, a state dict, or `weights: random`")
        options = {} if side is None else {"img_size": side}
        try:
            with drawn(seed):
                network = timm.create_model(model, pretrained=False, num_classes=0, **options)
        except (RuntimeError, TypeError, ValueError) as problem:
            raise UsageError(f"timm: {model!r} cannot be made ({' '.join(str(problem).split())[:160]})") from problem
        if file is not None:
            state = read_state(Path(file))
            own = network.state_dict()
            fill(network, {name: value for name, value in state.items() if name in own}, model)
        super().__init__(network, network, dim=network.num_features, side=side or network.default_cfg["input_size"][1])
        self.identity = {"architecture": f"timm {model}", "weights": weights_digest(network)}
