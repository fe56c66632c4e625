"""Intervals that others print, under the same simulations: the suite has power only if it sees them fail."""

from __future__ import annotations

import numpy as np

from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.manifold.values import recall

from .populations import Population
from .studies import Row, _error


def bootstrap_percentile(
    metric: str, population: Population, n: int, *, repetitions: int, replicates: int, seed: int, most: float
) -> Row:
    """The naive percentile bootstrap: both sets resampled with replacement."""
    function = {"fd": frechet_distance, "kd": kernel_distance, "recall": recall}[metric]
    rng = np.random.default_rng(seed)
    values, lows, highs = [], [], []
    for _ in range(repetitions):
        real, fake = population.real(rng, n), population.fake(rng, n)
        values.append(function(real, fake))
        again = [function(real[rng.integers(0, n, n)], fake[rng.integers(0, n, n)]) for _ in range(replicates)]
        low, high = np.quantile(again, [0.025, 0.975])
        lows.append(low)
        highs.append(high)
    truth = 0.0 if metric == "kd" and population.far == 0 else float(np.mean(values))
    hit = float(np.mean((np.array(lows) <= truth) & (truth <= np.array(highs))))
    return _control(f"naive bootstrap (far={population.far})", metric, population, n, repetitions, truth, hit, most)


def subset_standard_error(population: Population, n: int, *, repetitions: int, seed: int, most: float) -> Row:
    """KID's mean over random subsets, with the subsets' standard deviation over the root of their number."""
    rng = np.random.default_rng(seed)
    found, values = [], []
    for _ in range(repetitions):
        real, fake = population.real(rng, n), population.fake(rng, n)
        size, subsets = n // 4, 50
        parts = np.array(
            [
                kernel_distance(real[rng.choice(n, size, replace=False)], fake[rng.choice(n, size, replace=False)])
                for _ in range(subsets)
            ]
        )
        found.append((parts.mean(), parts.std(ddof=1) / np.sqrt(subsets)))
        values.append(kernel_distance(real, fake))
    truth = 0.0 if population.far == 0 else float(np.mean(values))
    hit = float(np.mean([abs(value - truth) <= 1.96 * se for value, se in found]))
    return _control("subset std / sqrt(subsets)", "kd", population, n, repetitions, truth, hit, most)


def _control(
    name: str, metric: str, population: Population, n: int, repetitions: int, truth: float, hit: float, most: float
) -> Row:
    return Row(
        f"control: {name}",
        metric,
        "T_N",
        "random",
        n,
        n,
        population.d,
        repetitions,
        truth,
        float("nan"),
        hit,
        _error(hit, repetitions),
        float("nan"),
        0.0,
        0.0,
        most,
        0.0,
        np.inf,
    )
