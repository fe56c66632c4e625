"""Intervals of metrics of memorisation cover, for fresh fakes and for copies; training rows stay the same."""

from __future__ import annotations

import numpy as np
import pytest

from harness import estimate, measure

D = 6


def fakes(rng, n, training, kind):
    rows = rng.standard_normal((n, D))
    if kind == "copies":  # a quarter are training rows, slightly changed
        rows[: n // 4] = training[rng.integers(len(training), size=n // 4)] + 0.1 * rng.standard_normal((n // 4, D))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fresh", "copies"])
@pytest.mark.parametrize(
    ("name", "n", "repetitions"), [("c_t", 150, 200), ("fld", 80, 60), ("fls", 80, 60), ("fls_overfit", 80, 60)]
)
def test_the_interval_covers_over_draws_of_real_and_fake_rows(name, n, repetitions, kind):
    training = np.random.default_rng(9).standard_normal((2 * n, D))
    rng = np.random.default_rng(1)

    def draw():
        return rng.standard_normal((n, D)), fakes(rng, n, training, kind)

    values = [measure([name], *draw(), training=training)[name] for _ in range(2 * repetitions)]
    found = [estimate(name, *draw(), training=training, seed=i) for i in range(repetitions)]
    values += [one.value for one in found]
    truth = float(np.mean(values))
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / repetitions)
    ratio = np.mean([one.se for one in found]) / np.std(values, ddof=1)
    assert 0.85 <= ratio <= 1.35
