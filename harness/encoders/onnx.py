"""Networks that are ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import Component, UsageError, digest_onnx
from harness.encoders.networkfiles import NetworkFile, load_onnx

if TYPE_CHECKING:
    import numpy as np


class OnnxParameters(NetworkFile):
    """Parameters of `onnx`."""

    onnx = ("file",)


FACTS = Component(
    "encoders",
    "onnx",
    f"{__name__}:Onnx",
    "an ONNX file: NCHW floats to features",
    OnnxParameters,
    libraries=("numpy", "onnxruntime"),
    of_a_file=True,
)


class Onnx:
    """An ONNX file whose one input takes float NCHW images as the recipe makes them; its first output is (n, dim).

    It stays on the CPU, on one thread.
    """

    def __init__(self, *, file: str, dim: int) -> None:
        self._session = load_onnx(Path(file))
        if len(self._session.get_inputs()) != 1:
            raise UsageError(
                f"{file} has {len(self._session.get_inputs())} inputs; an encoder must have one, the images"
            )
        self._input = self._session.get_inputs()[0].name
        self.dim = dim
        self.identity = {"architecture": "ONNX file", "weights": digest_onnx(Path(file))}

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, dim) of float images (n, H, W, C)."""
        import numpy as np

        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(images), 8):
            chunk = np.ascontiguousarray(np.moveaxis(images[start : start + 8], -1, 1), np.float32)
            rows.append(np.asarray(self._session.run(None, {self._input: chunk})[0], np.float32))
        if any(part.ndim != 2 or part.shape[1] != self.dim for part in rows):
            raise UsageError(f"the network gives {rows[-1].shape}, not (n, {self.dim}): one row an image")
        return np.concatenate(rows)
