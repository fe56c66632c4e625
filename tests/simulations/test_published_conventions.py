"""Intervals of published conventions hold what is expected at their sizes, and simpler ones do not."""

import numpy as np
import pytest

from harness import metrics
from harness.metrics.analyses import analyse
from harness.metrics.estimates import estimate
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.intervals import interval
from tests.metrics.test_published_conventions import REAL, logits, vendi


def _covered(name, draw, truth, runs, **options):
    """Share of the intervals that hold the truth, and the share where a named control does."""
    held = []
    for seed in range(runs):
        said = estimate(name, *draw(seed), seed=seed, **options)
        held.append(said.low <= truth <= said.high)
    return float(np.mean(held))


@pytest.mark.slow
def test_intervals_of_the_inception_score_hold_what_is_expected_at_this_size_and_not_the_limit():
    real, options = logits(20, 10**6), {"splits": 5}
    values = [metrics.inception_score(real, logits(150, 10**5 + s), **options) for s in range(3000)]
    truth, limit = float(np.mean(values)), metrics.inception_score(real, logits(200_000, 5), splits=1)
    assert 0.925 <= _covered("inception_score", lambda s: (real, logits(150, s)), truth, 600, **options) <= 0.985
    # The controls: the score of small parts is another quantity, and the ± that is printed no standard error.
    assert _covered("inception_score", lambda s: (real, logits(150, s)), limit, 200, **options) < 0.9
    from harness.studies.selftest.published import inception_score as published

    printed = np.mean([published(logits(150, s), splits=5).spread for s in range(200)])
    assert printed > 1.5 * np.std(values)


@pytest.mark.slow
def test_intervals_of_vendi_hold_what_is_expected_at_this_size():
    def fakes(s):
        return np.random.default_rng(s).standard_normal((150, 6)) * [3, 2, 1, 1, 0.5, 0.5] + [1, 0, 0, 0, 0, 0]

    truth = float(np.mean([vendi(fakes(10**5 + s)) for s in range(3000)]))
    assert 0.925 <= _covered("vendi", lambda s: (REAL, fakes(s)), truth, 600) <= 0.98
    wrong = truth + 2.5 * np.std([vendi(fakes(s)) for s in range(200)])
    assert _covered("vendi", lambda s: (REAL, fakes(s)), wrong, 100) < 0.5  # so that it can fail


def sets(s, shift=0.3):
    draw = np.random.default_rng(s)
    return draw.standard_normal((120, 5)), draw.standard_normal((120, 5)) + shift


@pytest.mark.slow
@pytest.mark.parametrize("subsets", [5, 10])
def test_intervals_of_kid_over_few_subsets_hold_and_without_the_noise_of_the_draw_would_not(subsets):
    options = {"subsets": subsets, "subset_size": 12}
    truth = float(np.mean([metrics.kernel_distance(*sets(10**5 + s)) for s in range(3000)]))
    held, control = [], []
    for s in range(400):
        calls = {"few": MetricCall("kid_subsets", {**options, "seed": s}), "whole": MetricCall("kd")}
        found = analyse(calls, *sets(s), real_seed=s, fake_seed=s)
        said, whole = (interval(found[name], level=0.95, target="T_N", reference="random") for name in calls)
        held.append(said.low <= truth <= said.high)
        shift = said.value - whole.value
        control.append(whole.low + shift <= truth <= whole.high + shift)
    assert 0.92 <= np.mean(held) <= 0.985, np.mean(held)
    assert np.mean(control) < 0.85, np.mean(control)


@pytest.mark.slow
def test_intervals_of_cmmd_hold_its_expectation_and_only_without_its_bias_the_population_value():
    draw = lambda s: sets(s, 0.15)  # noqa: E731
    truth = float(np.mean([metrics.cmmd(*draw(10**5 + s), bandwidth=3.0) for s in range(2000)]))
    limit = 1000 * float(
        np.mean([metrics.kernel_distance(*draw(10**5 + s), kernel="rbf", bandwidth=3.0) for s in range(2000)])
    )
    assert 0.92 <= _covered("cmmd", draw, truth, 400, bandwidth=3.0) <= 1.0
    assert 0.92 <= _covered("cmmd", draw, limit, 400, bandwidth=3.0, target="T_inf") <= 1.0
    assert _covered("cmmd", draw, limit, 200, bandwidth=3.0) < 0.75  # the V-statistic's interval misses it
