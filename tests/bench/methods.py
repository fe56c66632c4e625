"""What is measured: ours and each peer's own code on the same two feature sets, (real, fake) → the value it gives."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

D, SEED = 2048, 7
K = 5
Value = float | dict[str, float]


def features(n: int, side: int, d: int = D) -> np.ndarray:
    """Float32 (n, d) with the spectrum i^-1.2, rotated by reflections; the fake side is shifted a little."""
    rng = np.random.default_rng([SEED, side])
    rows = rng.standard_normal((n, d), dtype=np.float32)
    rows *= (np.arange(1, d + 1) ** -0.6).astype(np.float32)
    for reflection in range(4):  # cheap, exact rotations, the same for both sides
        axis = np.random.default_rng([SEED, 99, reflection]).standard_normal(d).astype(np.float32)
        axis /= np.linalg.norm(axis)
        for start in range(0, n, 1024):  # in place: a copy of the data here would hide what a method takes
            part = rows[start : start + 1024]
            part -= 2.0 * np.outer(part @ axis, axis)
    rows += np.float32(0.4 + 0.01 * side)
    return rows


# ---------------------------------------------------------------- ours


def fd(real: np.ndarray, fake: np.ndarray) -> Value:
    """FD alone."""
    from harness.metrics import frechet_distance

    return frechet_distance(real, fake)


def with_intervals(*metrics: str, **parameters: Any) -> Callable[[np.ndarray, np.ndarray], Value]:
    """These metrics with the intervals of T_N for both treatments of the reference, from one analysis."""

    def method(real: np.ndarray, fake: np.ndarray) -> Value:
        from harness.metrics import analyse
        from harness.uncertainty import MetricCall, interval

        calls = {name: MetricCall(name, parameters) for name in metrics}
        found = analyse(calls, real, fake, real_seed=0, fake_seed=1)
        for one in found.values():
            for reference in ("fixed", "random"):
                interval(one, level=0.95, target="T_N", reference=reference)
        values = {name: one.value for name, one in found.items()}
        return values if len(values) > 1 else next(iter(values.values()))

    return method


def kd(real: np.ndarray, fake: np.ndarray) -> Value:
    """KD over all pairs alone."""
    from harness.metrics import kernel_distance

    return kernel_distance(real, fake)


BALLS = ("precision", "recall", "density", "coverage")


def balls(real: np.ndarray, fake: np.ndarray) -> Value:
    """The four k-NN metrics in one public call, with prdc's k and open balls."""
    from harness.metrics import measure

    return dict(measure({name: {"k": K, "closed": False} for name in BALLS}, real, fake))


# ---------------------------------------------------------------- peers


def clean_fid(real: np.ndarray, fake: np.ndarray) -> Value:
    """clean-fid's own way from features to FID."""
    from cleanfid.fid import fid_from_feats

    return float(fid_from_feats(real, fake))


def fidelity_fid(real: np.ndarray, fake: np.ndarray) -> Value:
    """torch-fidelity's own way from features to FID."""
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    torch.set_num_threads(1)
    sides = [fid_features_to_statistics(torch.from_numpy(rows)) for rows in (real, fake)]
    return float(fid_statistics_to_metric(*sides, False)["frechet_inception_distance"])


def torchmetrics_fid(real: np.ndarray, fake: np.ndarray) -> Value:
    """torchmetrics' own way from features to FID."""
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Features(torch.nn.Module):
        num_features = real.shape[1]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    torch.set_num_threads(1)
    peer = FrechetInceptionDistance(Features(), normalize=False)
    for rows, is_real in ((real, True), (fake, False)):
        for start in range(0, len(rows), 512):
            peer.update(torch.from_numpy(rows[start : start + 512]), real=is_real)
    return float(peer.compute())


def fidelity_kid(real: np.ndarray, fake: np.ndarray) -> Value:
    """torch-fidelity's KID at its defaults: 100 subsets of 1,000 rows, without interval."""
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    torch.set_num_threads(1)
    told = kid_features_to_metric(
        torch.from_numpy(fake),
        torch.from_numpy(real),
        kid_subsets=100,
        kid_subset_size=min(1000, len(real)),
        kid_degree=3,
        kid_gamma=None,
        kid_coef0=1,
        rng_seed=2020,
        verbose=False,
    )
    return float(told["kernel_inception_distance_mean"])


def prdc(real: np.ndarray, fake: np.ndarray) -> Value:
    """prdc's four metrics."""
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        told = compute_prdc(real, fake, nearest_k=K)
    return {name: float(told[name]) for name in BALLS}


def faiss_searches(real: np.ndarray, fake: np.ndarray) -> Value:
    """faiss's exact search of each set's own neighbours: half of what the four metrics need, and no metric."""
    import faiss

    faiss.omp_set_num_threads(1)
    for rows in (real, fake):
        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(rows)
        index.search(rows, K + 1)
    return {}


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], Value]] = {
    "harness FD": fd,
    "harness FD with intervals": with_intervals("fd"),
    "clean-fid FID": clean_fid,
    "torch-fidelity FID": fidelity_fid,
    "torchmetrics FID": torchmetrics_fid,
    "harness KD": kd,
    "harness KD with intervals": with_intervals("kd"),
    "torch-fidelity KID, 100 × 1,000": fidelity_kid,
    "harness P, R, D, C": balls,
    "harness P, R, D, C with intervals": with_intervals(*BALLS, k=K, closed=False),
    "prdc": prdc,
    "faiss, two self-searches": faiss_searches,
}
NEEDS = {"clean-fid": "cleanfid", "torch-fidelity": "torch_fidelity", "torchmetrics": "torchmetrics", "prdc": "prdc"}
NEEDS |= {"faiss": "faiss"}


def missing(method: str) -> str | None:
    """The package that a method needs and that is not installed, or None."""
    return next((name for name, module in NEEDS.items() if method.startswith(name) and not find_spec(module)), None)
