"""Networks that are TorchScript files."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.encoders.torchnet import TorchEncoder
from harness.errors import UsageError
from harness.keys import digest_file


class TorchScript(TorchEncoder):
    """A TorchScript file whose forward takes float NCHW images as the recipe makes them and gives (n, dim)."""

    def __init__(self, *, file: str, dim: int) -> None:
        try:
            network = torch.jit.load(file, map_location="cpu")  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as problem:
            raise UsageError(f"{file} does not load as TorchScript: {str(problem).splitlines()[0][:160]}") from problem
        super().__init__(network, network, dim=dim, side=None)
        self.identity = {"architecture": "TorchScript file", "weights": digest_file(Path(file))}
