"""Perceptual path length (Karras et al. 2019): how much images change along a step in latent space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.base import UsageError
from harness.uncertainty import Vector, quantile

Latents = npt.NDArray[np.float32]
LEAST = 100  # pairs, so that each trimmed end has one


@dataclass(frozen=True)
class PathLength:
    """A trimmed mean with its standard error and interval; `pairs` were drawn, `kept` are within the percentiles."""

    value: float
    se: float
    low: float
    high: float
    level: float
    pairs: int
    kept: int


def path_length(distances: npt.ArrayLike, *, epsilon: float, trim: float = 0.01, level: float = 0.95) -> PathLength:
    """Mean of distances / ε² between the percentiles `trim` and 1 - `trim`, at or above 0; lower is smoother.

    distances (n,) are of independent pairs a step of ε apart. Percentiles are the next lower and the next higher of the
    sample, as in StyleGAN and torch-fidelity. The interval is Student's on the variance of the winsorised distances
    (Tukey & McLaughlin 1963), about the trimmed mean of the generator's law. Raises UsageError for fewer than 100.
    """
    values = np.asarray(distances, np.float64) / epsilon**2
    if values.ndim != 1 or len(values) < LEAST or not np.isfinite(values).all():
        raise UsageError(f"`distances` has shape {values.shape}; path length needs at least {LEAST} finite numbers")
    if not (epsilon > 0 and 0 <= trim < 0.5):
        raise UsageError(f"`epsilon` is {epsilon!r} and `trim` {trim!r}; they must be positive and below one half")
    low, high = _ends(values, trim)
    kept = values[(values >= low) & (values <= high)]
    share = len(kept) / len(values)
    se = float(values.clip(low, high).std(ddof=1) / (share * np.sqrt(len(values))))
    reach = quantile(0.5 + level / 2, float(max(len(kept) - 1, 1))) * se
    middle = float(kept.mean())
    return PathLength(middle, se, max(middle - reach, 0.0), middle + reach, level, len(values), len(kept))


def _ends(values: Vector, trim: float) -> tuple[float, float]:
    low = np.percentile(values, 100 * trim, method="lower")
    return float(low), float(np.percentile(values, 100 * (1 - trim), method="higher"))


def step(one: Latents, other: Latents, by: float, *, how: str) -> Latents:
    """Latents (n, …) a share `by` of the way from one to the other: "lerp" on the line, "slerp" on the great circle.

    Slerp keeps to the sphere that normal latents lie near; latents that are nearly parallel go by the line. As in
    torch-fidelity, float32.
    """
    if how == "lerp":
        return np.asarray(one + (other - one) * np.float32(by), np.float32)
    a, b = one.reshape(len(one), -1).astype(np.float64), other.reshape(len(other), -1).astype(np.float64)
    lengths = [np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-7) for rows in (a, b)]
    cosine = ((a / lengths[0]) * (b / lengths[1])).sum(axis=1, keepdims=True)
    angle = np.arccos(cosine.clip(-1, 1))
    across = np.maximum(np.sin(angle), 1e-7)
    found = np.sin((1 - by) * angle) / across * a + np.sin(by * angle) / across * b
    straight = np.abs(cosine) > 1 - 1e-7
    return np.where(straight, a + (b - a) * by, found).reshape(one.shape).astype(np.float32)
