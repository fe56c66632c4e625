"""From what a network gives to uint8: the published rules, which differ by up to one level in every pixel.

With v = 255 (x - low) / (high - low), clipped to [0, 255], and x in [low, high]:

round     the nearest level, halves to even: rint(v). diffusers, `VaeImageProcessor.numpy_to_pil`.
truncate  floor(v + 1/2): the nearest level, halves up. EDM's generate.py and StyleGAN's, `x * 127.5 + 128`, clipped and
          cast to uint8; torchvision's `save_image` the same way, `x * 255 + 0.5`.
adm       floor(v): half a level darker on average. guided-diffusion's image_sample.py, `(x + 1) * 127.5`, clamped and
          cast to uint8.
network   the network gives uint8 itself, as torch-fidelity asks of generators; nothing is changed.

Each is computed in the network's own precision, in the order of operations of its source: whether 99.99999 is level 99
or 100 is part of the published number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from harness.base import UsageError

if TYPE_CHECKING:
    import numpy as np

Rule = Literal["round", "truncate", "adm", "network"]
STRAY = 0.25  # share of the values, and of the range's width, that lie outside it in a network of another range


def to_levels(values: np.ndarray, value_range: tuple[float, float] | None, rule: Rule) -> np.ndarray:
    """Levels uint8 of the same shape; `value_range` is [-1, 1], [0, 1] or [0, 255], None for the rule `network`.

    Half precision is computed as float32. Raises UsageError for what is not finite, for uint8 where floats are declared
    or the other way about, and for values that plainly have another range.
    """
    import numpy as np

    if (values.dtype == np.uint8) != (rule == "network"):
        raise UsageError(
            f"the network gives {values.dtype}, but `quantise` is {rule}; `network` is for uint8 "
            "output, and only for it"
        )
    if rule == "network":
        return values
    if values.dtype.kind != "f":
        raise UsageError(f"the network gives {values.dtype}; expected floats in `range`, or uint8")
    if values.dtype != np.float64:
        values = values.astype(np.float32)
    assert value_range is not None
    _check(values, *value_range)
    return _rounded(_scaled(values, value_range, rule), rule)


def _scaled(values: np.ndarray, value_range: tuple[float, float], rule: Rule) -> np.ndarray:
    """v, plus a half where the rule floors v + 1/2; constants are Python's, so that the array's precision is kept."""
    import numpy as np

    half = 0.5 if rule == "truncate" else 0.0
    if value_range == (0.0, 255.0):
        levels = values + half
    elif value_range == (0.0, 1.0):
        levels = values * 255 + half
    elif rule == "adm":
        levels = (values + 1) * 127.5
    else:
        levels = values * 127.5 + (127.5 + half)
    assert isinstance(levels, np.ndarray)
    return levels


def _rounded(levels: np.ndarray, rule: Rule) -> np.ndarray:
    import numpy as np

    clipped = np.clip(levels, 0, 255)
    whole: np.ndarray = (np.rint(clipped) if rule == "round" else np.floor(clipped)).astype(np.uint8)
    return whole


def _check(values: np.ndarray, low: float, high: float) -> None:
    import numpy as np

    if not np.isfinite(values).all():
        raise UsageError("the network gives NaN or infinity")
    if not values.size:
        return
    margin = STRAY * (high - low)
    outside = float(((values < low - margin) | (values > high + margin)).mean())
    smallest, largest = float(values.min()), float(values.max())
    # Fewer than two levels of 256: an image in [0, 1] or [-1, 1] that nobody scaled.
    unscaled = high == 255 and smallest >= -1 and 0 < largest <= 1
    if outside > STRAY or unscaled:
        raise UsageError(
            f"the network gives values from {smallest:.4g} to {largest:.4g}, which is not `range: [{low:g}, {high:g}]`"
            "; declare its true range: [-1, 1], [0, 1] or [0, 255]"
        )
