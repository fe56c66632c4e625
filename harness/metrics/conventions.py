"""Distances as published protocols compute them, where that is not what `frechet_distance` and `kernel_distance` do."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.features import Rows, Vector, checked, positive_integer
from harness.metrics.frechet import frechet_distance
from harness.metrics.kernel import KernelSums, kernel_function, kernel_sums

LEAST_SUBSETS = 5
SFID_COLUMNS = 2023  # 17 × 17 positions of 7 channels


def sfid(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """The Fréchet distance of ADM's spatial features (Nash et al. 2021; Dhariwal & Nichol 2021); lower is better.

    Features are those of `inception`, layer `sfid`: mixed_6/conv, its first 7 channels, positions before channels.
    The order of columns moves no distance; another choice of channels does. Raises UsageError for another width.
    """
    real_rows, fake_rows = checked(real, fake)
    spatial(real_rows)
    return frechet_distance(real_rows, fake_rows)


def spatial(rows: Rows) -> None:
    """Refuse features that cannot be sFID's."""
    if rows.shape[1] != SFID_COLUMNS:
        raise UsageError(
            f"the features have {rows.shape[1]} columns; sfid reads {SFID_COLUMNS} (inception, layer: sfid)"
        )


def kid_subsets(
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    seed: int = 2020,
    first: Literal["fake", "real"] = "fake",
) -> float:
    """Mean of the unbiased kernel distance over random subsets, as KID is printed; lower is better, may be negative.

    torch-fidelity's defaults and its draw: RandomState(`seed`), the `first` set's rows before the other's (its first
    input is the fake set). Given the images, its expectation is `kernel_distance`: it adds nothing but the noise of the
    draw. Raises UsageError for subsets larger than a set (clean-fid shrinks them in silence).
    """
    return float(
        subset_distances(
            real, fake, subsets=subsets, subset_size=subset_size, degree=degree, gamma=gamma, coef=coef, seed=seed,
            first=first,
        ).mean()
    )  # fmt: skip


def subset_distances(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, subsets: int, subset_size: int, degree: int, gamma: float | None,
    coef: float, seed: int, first: Literal["fake", "real"],
) -> Vector:  # fmt: skip
    """The distance of each subset (subsets,); their standard deviation is no standard error of the mean.

    Parameters are those of `kid_subsets`, whose defaults are the only ones.
    """
    rows = dict(zip(("real", "fake"), checked(real, fake), strict=True))
    size = positive_integer("subset_size", subset_size)
    if positive_integer("subsets", subsets) < LEAST_SUBSETS:
        raise UsageError(f"`subsets` is {subsets}: the noise of the draw shows from {LEAST_SUBSETS} subsets on")
    for side, values in rows.items():
        if not 2 <= size <= len(values):
            raise UsageError(
                f"`subset_size` is {size} and `{side}` has {len(values)} rows; 2 to {len(values)} are possible"
            )
    if first not in rows:
        raise UsageError(f"`first` is {first!r}; it must be 'fake' or 'real'")
    kernel = kernel_function(rows["real"].shape[1], degree=degree, gamma=gamma, coef=coef)
    generator = np.random.RandomState(seed)  # the peers' own, for their subsets
    order = (first, "real" if first == "fake" else "fake")
    found = np.empty(subsets)
    for i in range(subsets):
        drawn = {side: rows[side][generator.choice(len(rows[side]), size, replace=False)] for side in order}
        found[i] = kernel_sums(drawn["real"], drawn["fake"], kernel).distance
    return found


def cmmd(real: npt.ArrayLike, fake: npt.ArrayLike, *, bandwidth: float = 10.0, scale: float = 1000.0) -> float:
    """`scale` times the squared MMD of a Gaussian kernel as a V-statistic, at least 0; lower is better.

    Jayasumana et al. 2024 on CLIP ViT-L/14@336 embeddings of length 1 (`clip` with `normalise: true`). A row is paired
    with itself, which adds `scale` (1 - mean kernel of different rows) / n for each set: two sets of one distribution
    do not score 0. `kernel_distance` with kernel rbf and this bandwidth is the U-statistic, without the scale.
    """
    if not np.isfinite(scale) or scale <= 0:
        raise UsageError(f"`scale` is {scale!r}; it must be positive")
    real_rows, fake_rows = checked(real, fake)
    sums = kernel_sums(real_rows, fake_rows, kernel_function(real_rows.shape[1], kernel="rbf", bandwidth=bandwidth))
    return scale * (sums.distance + sum(own_pairs(sums)))


def own_pairs(sums: KernelSums) -> tuple[float, float]:
    """What pairing each row with itself adds to the squared MMD, by real and by fake rows, for k(x, x) = 1."""
    return tuple((1.0 - float(mean.mean())) / len(mean) for mean in (sums.real, sums.fake))  # type: ignore[return-value]
