"""Whether an encoder gives an image one row: the same again, and the same alone as beside others.

A network left in training mode does not: dropout draws anew each time, batch normalisation looks at the batch. Its
scores are reproducible all the same, with the seed and the batch size, and wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import UsageError
from harness.encoders.contract import Encoder

if TYPE_CHECKING:
    import numpy as np

EVAL = "call .eval() before it is used or exported"
IMAGES = 4  # that are encoded again
# How far a row may move, in distances between two images' rows (the median; a tenth of a row's length at the least).
# Measured on a CPU, alone, in fours, in sixteens: Inception, SwAV and the convnet 0, VGG16 2e-6 in float32 and 2e-4
# in float16; a ResNet-18 left in training mode .5. GPUs were not measured: the room is for their sums in other orders.
AGAIN, BESIDE, BESIDE_IN_HALVES = 1e-3, 0.05, 0.2


def refuse_unsteady(encoder: Encoder, images: np.ndarray, rows: np.ndarray, name: str) -> None:
    """Raise UsageError where an encoder's row of an image hangs on more than the image.

    `rows` (n, dim) are what it gave for `images`, the first batch of a run; nine further images are encoded at most.
    """
    import numpy as np

    few = images[:IMAGES]
    if len(images) == 1:  # batches of one image: its mirror image is the company
        few = np.concatenate([images, images[:, :, ::-1]])
    first, second = (np.array(encoder.encode(few), np.float64) for _ in range(2))
    try:
        alone = np.array(encoder.encode(images[:1]), np.float64)
    except Exception as problem:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()] or [type(problem).__name__]
        raise UsageError(
            f"encoder {name} works on {len(few)} images but fails on one ({lines[-1][:160]}), as "
            f"batch norm in training mode, or a file exported for one batch size, does; {EVAL}"
        ) from problem
    known = np.array(rows[: len(few)], np.float64)
    scale = _scale(first)
    if _moved(first, second) > AGAIN * scale:
        raise UsageError(
            f"encoder {name} gives different features for the same images "
            f"({_shown(first, second, scale)}): it is random, like dropout in training mode; {EVAL}"
        )
    tolerance = BESIDE_IN_HALVES if getattr(encoder, "dtype", "float32") in ("bfloat16", "float16") else BESIDE
    for one, other in ((first[:1], alone), (first[: len(known)], known)):
        if _moved(one, other) > tolerance * scale:
            raise UsageError(
                f"encoder {name} gives an image different features alone and in a batch "
                f"({_shown(one, other, scale)}): it depends on the batch, like batch norm in training "
                f"mode; {EVAL}"
            )


def _scale(rows: np.ndarray) -> float:
    import numpy as np

    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)[np.triu_indices(len(rows), 1)]
    return max(float(np.median(apart)), 0.1 * float(np.median(np.linalg.norm(rows, axis=1))), 1e-30)


def _moved(one: np.ndarray, other: np.ndarray) -> float:
    import numpy as np

    return float(np.linalg.norm(one - other, axis=1).max())


def _shown(one: np.ndarray, other: np.ndarray, scale: float) -> str:
    return f"by {_moved(one, other) / scale:.2g} of the distance between two images"
