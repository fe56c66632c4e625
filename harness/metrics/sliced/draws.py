"""PyTorch's CPU random numbers without PyTorch: metrics import no torch, and published ones are defined by its draws.

Both read the Mersenne Twister that `torch.Generator().manual_seed(seed)` starts, in PyTorch's order: the same seed
gives the same permutation, and the same normal numbers to float32 rounding (tests/metrics/test_sliced.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK = 16  # normal numbers come in blocks of eight pairs


class TorchDraws:
    """The stream of one seed; each call goes on where the last one stopped."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.RandomState(seed)

    def permutation(self, n: int) -> npt.NDArray[np.intp]:
        """`torch.randperm(n)`: a Fisher-Yates shuffle from the front, for n below 2**32 / 20."""
        steps = (self._words(n - 1) % np.arange(n, 1, -1)).tolist() if n > 1 else []
        order = list(range(n))
        for i, step in enumerate(steps):
            order[i], order[i + step] = order[i + step], order[i]
        return np.asarray(order, np.intp)

    def normal(self, rows: int, columns: int) -> npt.NDArray[np.float32]:
        """`torch.randn(rows, columns)` in float32, of at least 16 numbers: Box-Muller over blocks of 16 uniforms."""
        count = rows * columns
        uniform = self._uniform(count)
        whole = count // BLOCK * BLOCK
        found = np.empty(count, np.float32)
        found[:whole] = _pairs(uniform[:whole])
        if whole < count:  # the last block is drawn anew, over the end of the one before
            found[-BLOCK:] = _pairs(self._uniform(BLOCK))
        return found.reshape(rows, columns)

    def _words(self, count: int) -> npt.NDArray[np.int64]:
        return self._source.randint(0, 2**32, count, dtype=np.uint32).astype(np.int64)

    def _uniform(self, count: int) -> npt.NDArray[np.float32]:
        return ((self._words(count) & (2**24 - 1)) * 2.0**-24).astype(np.float32)


def _pairs(uniform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    blocks = uniform.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(-2.0 * np.log(1.0 - blocks[:, 0]))
    angle = np.float32(2.0 * np.pi) * blocks[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32).ravel()
