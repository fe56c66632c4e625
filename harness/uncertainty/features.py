"""What every metric asks of its two feature sets, and how it walks them in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.base import UsageError

Rows = npt.NDArray[Any]  # (n, d), float32 or float64, finite
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

BLOCK_BYTES = 32 * 2**20


def checked(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, least: int = 2, because: str = "a variance"
) -> tuple[Rows, Rows]:
    """The two feature sets as (m, d) and (n, d) arrays of float32 or float64, every entry finite.

    Raises UsageError, all problems at once: not two-dimensional, not numeric, unequal widths, fewer than `least` rows,
    NaN or infinity.
    """
    problems: list[str] = []
    arrays: list[Rows] = []
    for name, given in (("real", real), ("fake", fake)):
        try:
            rows = _rows(name, given, least, because)
        except UsageError as error:
            problems.extend(error.problems)
        else:
            arrays.append(rows)
    if len(arrays) == 2 and arrays[0].shape[1] != arrays[1].shape[1]:
        problems.append(
            f"`real` has {arrays[0].shape[1]} columns and `fake` has {arrays[1].shape[1]}: "
            "both must be features of the same encoder"
        )
    if problems:
        raise UsageError(problems)
    return arrays[0], arrays[1]


def as_array(given: Any) -> npt.NDArray[Any]:
    """The numbers given, as NumPy holds them: of a tensor of PyTorch those, whatever its device, dtype and gradient."""
    # Told by its methods: nothing here imports torch.
    if hasattr(given, "detach") and hasattr(given, "cpu"):
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":  # which NumPy has not; float32 holds each of its numbers
            given = given.float()
    return np.asarray(given)


def _rows(name: str, given: npt.ArrayLike, least: int, because: str) -> Rows:
    try:
        array = as_array(given)
    except ValueError as error:
        raise UsageError(f"`{name}` is not a rectangular array: {error}") from None
    if array.ndim != 2 or array.shape[1] == 0:
        images = "; images are encoded first, as `harness score` does" if array.ndim in (3, 4) else ""
        raise UsageError(f"`{name}` has shape {array.shape}; features are an array (n, d), one row per image{images}")
    if array.dtype.kind not in "fiub":
        raise UsageError(f"`{name}` has dtype {array.dtype}; features are real numbers")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if len(array) < least:
        raise UsageError(f"`{name}` has {len(array)} rows; {because} needs at least {least}")
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()  # NaN and infinity do not leave a sum again
    if not np.isfinite(total) and (bad := ~np.isfinite(array).all(axis=1)).any():
        raise UsageError(
            f"`{name}` has NaN or infinity in {int(bad.sum())} of its {len(array)} rows, "
            f"first in row {int(bad.argmax())}"
        )
    return np.ascontiguousarray(array)


def blocks(rows: int, width: int, *, size: int = BLOCK_BYTES) -> Iterator[slice]:
    """Consecutive slices of `rows` whose float64 blocks of `width` columns stay within `size` bytes."""
    step = max(1, size // (8 * max(width, 1)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def positive_integer(name: str, value: object) -> int:
    """The value as an int of at least 1; UsageError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"`{name}` is {value!r}; it must be an integer of at least 1")
    return int(value)


def with_defaults(function: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, and a function's own keyword defaults for those that are not given: they are written once."""
    return {**(function.__kwdefaults__ or {}), **parameters}
