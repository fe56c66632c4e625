"""The interval of authenticity covers; the binomial one of a share does not."""

import numpy as np
import pytest

from harness import estimate
from harness.metrics.manifold.authenticity import authenticity


def draws(kind, rng, n):
    real = rng.normal(size=(n, 4))
    if kind == "equal":
        return real, rng.normal(size=(n, 4))
    if kind == "copies":  # every second fake is a training image, slightly changed
        fake = rng.normal(size=(n, 4))
        fake[::2] = real[rng.integers(n, size=len(fake[::2]))] + 0.05 * rng.normal(size=(len(fake[::2]), 4))
        return real, fake
    return real, rng.normal(0.8, 1.5, size=(n, 4))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["equal", "shifted"])
@pytest.mark.parametrize("reference", ["random", "fixed"])
def test_the_interval_covers_and_that_of_one_reference_does_not_speak_for_others(kind, reference):
    """200 draws of n = 200: coverage and standard error are right; the binomial interval of the share is too narrow.

    With 300 draws: coverage .940 to .953, standard error over standard deviation .98 to 1.06, the control .85, .88.
    """
    n, repetitions = 200, 200
    rng = np.random.default_rng(5)
    truth = np.mean([authenticity(*draws(kind, rng, n)) for _ in range(1000)])
    fixed_real, _ = draws(kind, np.random.default_rng(6), n)
    truth_fixed = np.mean([authenticity(fixed_real, draws(kind, rng, n)[1]) for _ in range(1000)])
    found, control = [], 0
    for i in range(repetitions):
        real, fake = draws(kind, rng, n)
        if reference == "fixed":
            real = fixed_real
        found.append(estimate("authenticity", real, fake, reference=reference, seed=i))
        share = found[-1].value
        control += abs(share - truth) <= 1.96 * np.sqrt(share * (1 - share) / n)
    wanted = truth if reference == "random" else truth_fixed
    covered = np.mean([one.low <= wanted <= one.high for one in found])
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / repetitions) <= covered <= 0.99
    assert 0.85 <= np.mean([one.se for one in found]) / np.std([one.value for one in found], ddof=1) <= 1.25
    # As wide as intervals of ±1.96 standard deviations, within what a skewed metric or a Student quantile asks for.
    reach = np.mean([one.high - one.low for one in found]) / (2 * 1.96 * np.std([one.value for one in found], ddof=1))
    assert 0.85 <= reach <= 1.25
    if reference == "random":
        assert control / repetitions < 0.93
