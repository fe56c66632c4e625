"""Agreement of rankings: intervals cover, and noise alone is no disagreement."""

import numpy as np
import pytest

from harness.uncertainty.agreements.people import judgement
from harness.uncertainty.agreements.rankings import agreement, tau_b
from tests.uncertainty.test_agreement import ERRORS, SPACED, measured, people, ranking, reorder

TIED = np.array([0, 0, 0, 3, 3, 6, 6, 6.0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other", "se", "sharp"),
    [
        (SPACED, SPACED[[0, 2, 1, 3, 5, 4, 7, 6]], 0.1, True),
        (SPACED, SPACED, 0.5, False),
        (TIED, TIED, 0.5, False),
        (TIED, SPACED, 0.5, False),
    ],
    ids=["well separated", "close", "ties in truth", "ties on one side"],
)
def test_taus_interval_covers_the_true_tau_and_what_ignores_noise_does_not(one, other, se, sharp):
    """Negative controls: taking values as exact (no width), and the percentiles of a bootstrapped tau."""
    truth, rng, runs = float(tau_b(one, other)), np.random.default_rng(0), 200
    covered = exact = percentile = width = 0.0
    for _ in range(runs):
        tau = agreement(measured("a", one, se, rng), measured("b", other, se, rng)).tau
        covered += tau.low - 1e-9 <= truth <= tau.high + 1e-9
        exact += abs(tau.value - truth) < 1e-9
        percentile += tau.noisy[0] - 1e-9 <= truth <= tau.noisy[2] + 1e-9
        width += (tau.high - tau.low) / runs
    assert covered / runs >= 0.95
    if sharp:
        assert width < 0.05  # where every pair is sure, nothing is left open
    else:
        assert exact / runs < 0.5
        assert width < 1.2
    if one is TIED:
        assert percentile / runs < 0.7


@pytest.mark.slow
def test_of_two_equally_good_encoders_the_noisier_is_not_found_worse():
    """Negative control: a bootstrap of the difference of taus takes the noisier for worse nearly always."""
    rng, runs = np.random.default_rng(1), 150
    rejected = {"tau": 0, "gain": 0, "bootstrap": 0}
    for _ in range(runs):
        quiet, noisy = measured("quiet", -ERRORS, 0.001, rng), measured("noisy", -ERRORS, 0.05, rng)
        found = judgement(quiet, noisy, people(ERRORS, rng))
        rejected["tau"] += found.tau.p <= 0.05
        rejected["gain"] += found.gain.p <= 0.05
        rejected["bootstrap"] += found.noisy[0] > 0 or found.noisy[2] < 0
    assert rejected["tau"] / runs <= 0.07
    assert rejected["gain"] / runs <= 0.07
    assert rejected["bootstrap"] / runs > 0.5


@pytest.mark.slow
def test_equally_good_encoders_that_differ_are_told_apart_in_one_of_twenty_and_a_worse_one_is_found():
    """Each errs in one pair of the same gap: equal tau and gain. Metrics exact, so that only people are noise."""
    rng, runs = np.random.default_rng(2), 500
    one, other = ranking("one", reorder(ERRORS, (1, 2))), ranking("other", reorder(ERRORS, (8, 9)))
    worse = ranking("worse", reorder(ERRORS, (0, 6), (4, 8)))
    wrong = right = tau_wrong = 0
    for _ in range(runs):
        found = judgement(one, other, people(ERRORS, rng))
        assert (found.gain.p <= 0.05) == (found.gain.low > 0 or found.gain.high < 0)
        wrong += found.gain.p <= 0.05
        tau_wrong += found.tau.p <= 0.05
    assert 0.01 <= wrong / runs <= 0.07
    assert tau_wrong / runs <= 0.07
    for _ in range(50):
        gain = judgement(one, worse, people(ERRORS, rng)).gain
        right += gain.p <= 0.05 and gain.low > 0
    assert right / 50 > 0.9
