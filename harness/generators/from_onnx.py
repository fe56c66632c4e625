"""Generators that are ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base import Component, UsageError
from harness.encoders import load_onnx
from harness.generators.latents import Network, NetworkParameters, refusal

if TYPE_CHECKING:
    import numpy as np


class OnnxParameters(NetworkParameters):
    """Parameters of `onnx`."""

    onnx = ("file",)


FACTS = Component(
    "generators",
    "onnx",
    f"{__name__}:Onnx",
    "an ONNX file: latents to NCHW images",
    OnnxParameters,
    libraries=("numpy", "onnxruntime"),
)
DTYPES = {  # NumPy's names of the types that inputs can have
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}


class Onnx(Network):
    """An ONNX file: its inputs are latents and, with `classes`, labels, in that order; its first output is images.

    It stays on the CPU, on one thread. A file exported for one batch size is run at that size, the rest padded.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._session = load_onnx(Path(self.file))
        self._inputs = self._session.get_inputs()
        needed = 1 if self.classes is None else 2
        if len(self._inputs) != needed:
            named = ", ".join(each.name for each in self._inputs)
            given, how = ("latents", "add") if needed == 1 else ("latents and labels", "leave out")
            raise UsageError(
                f"{self.file} has {len(self._inputs)} inputs ({named}), but is given {given}; {how} `classes`, or "
                "export it with these inputs in this order"
            )
        for each in self._inputs:
            if each.type not in DTYPES:
                raise UsageError(f"{self.file}: input {each.name} is {each.type}; {', '.join(DTYPES)} are known here")
        size = self._inputs[0].shape[0] if self._inputs[0].shape else None
        self._fixed = size if isinstance(size, int) else None

    def _run(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        import numpy as np

        n = len(inputs[0])
        size = self._fixed or n
        rows = [self._part([given[start : start + size] for given in inputs], size) for start in range(0, n, size)]
        return np.concatenate(rows)

    def _part(self, inputs: Sequence[np.ndarray], size: int) -> np.ndarray:
        import numpy as np

        n = len(inputs[0])
        fed = {
            known.name: np.concatenate([given, np.repeat(given[-1:], size - n, axis=0)]).astype(DTYPES[known.type])
            for known, given in zip(self._inputs, inputs, strict=True)
        }
        try:
            images: np.ndarray = self._session.run(None, fed)[0]
        except Exception as problem:  # onnxruntime's own exceptions have no public base
            raise refusal(self.file, inputs, problem) from problem
        return images[:n]
