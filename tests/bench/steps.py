"""What the measured times and memory are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One of ours against one peer.

    `most` bounds our CPU seconds over the peer's, at these numbers of rows.
    """

    step: str
    ours: str
    peer: str
    most: Mapping[int, float]


BARS = (
    Bar("FD", "harness FD", "torch-fidelity FID", {10_000: 1 / 1.8, 50_000: 1 / 1.6}),
    Bar(
        "FD with intervals against one without",
        "harness FD with intervals",
        "clean-fid FID",
        {10_000: 0.5, 50_000: 0.7},
    ),
    Bar(
        "KD of all pairs with intervals against subsets without",
        "harness KD with intervals",
        "torch-fidelity KID, 100 × 1,000",
        {10_000: 0.95},
    ),
    Bar("P, R, D, C in one call", "harness P, R, D, C", "prdc", {10_000: 1 / 2.7}),
    Bar("P, R, D, C in one call", "harness P, R, D, C", "faiss, two self-searches", {10_000: 1.6}),
    Bar("P, R, D, C with intervals against values", "harness P, R, D, C with intervals", "prdc", {10_000: 0.5}),
)
GEMM_SHARE = {"harness KD with intervals": 0.75}  # of the run's own float32 GEMM, for 4 n² d useful operations
MEMORY_MB = {"harness P, R, D, C": 150.0}  # beyond imports and data
LARGEST = {50_000: ("harness FD", "harness FD with intervals", "torch-fidelity FID", "clean-fid FID")}  # others: hours

# Values that must agree: ours, the peer's, and the largest relative difference. Peers average in float32.
SAME: tuple[tuple[str, str, float], ...] = (
    ("harness FD", "clean-fid FID", 1e-4),
    ("harness FD", "torch-fidelity FID", 1e-4),
    ("harness FD", "torchmetrics FID", 1e-4),
    ("harness FD", "harness FD with intervals", 1e-9),
    ("harness KD", "harness KD with intervals", 1e-9),
    ("harness P, R, D, C", "prdc", 1e-9),
    ("harness P, R, D, C with intervals", "prdc", 1e-9),
)
