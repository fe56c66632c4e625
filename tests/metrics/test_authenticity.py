"""Authenticity: the definition, its neighbour lists in splits, and an interval that covers."""

import numpy as np
import pytest

from harness import estimate
from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.manifold.authenticity import authenticity
from harness.metrics.manifold.neighbours import nearest
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels


def by_definition(real, fake):
    among = np.linalg.norm(real[:, None] - real[None], axis=2)
    np.fill_diagonal(among, np.inf)
    to_real = np.linalg.norm(real[:, None] - fake[None], axis=2)
    return float(np.mean(among.min(0)[to_real.argmin(0)] < to_real.min(0)))


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 3)), rng.normal(0.2, 1, size=(45, 3))


def test_it_is_the_definition_of_alaa_et_al(sets):
    assert authenticity(*sets) == by_definition(*sets)
    real, _ = sets
    assert authenticity(real, real) == 0.0  # copies
    assert authenticity(real, real + 100) == 1.0  # far from everything
    with pytest.raises(UsageError, match="has 1 rows"):
        authenticity(real[:1], real)


def test_neighbours_among_other_rows_are_the_exact_ones_ties_by_number(sets):
    real, fake = sets
    twice = np.concatenate([real, real[:20]])
    found = nearest(twice, 7, points=fake)
    squared = ((fake[:, None] - twice[None]) ** 2).sum(2)
    order = np.lexsort((np.broadcast_to(np.arange(len(twice)), squared.shape), squared))[:, :7]
    np.testing.assert_array_equal(found.index, order)
    np.testing.assert_allclose(found.squared, np.take_along_axis(squared, order, axis=1), rtol=1e-12)


def test_a_split_is_the_metric_of_its_parts(sets):
    real, fake = sets
    found = analyse({"a": MetricCall("authenticity")}, real, fake, real_seed=3, fake_seed=4, replicates=50)["a"]
    assert found.value == by_definition(real, fake)
    for groups, tables in ((2, found.form.halves), (4, found.form.quarters)):
        splits = len(tables)
        of_real = labels(units(real, None, "r"), groups, splits, 3)
        of_fake = labels(units(fake, None, "f"), groups, splits, 4)
        for s in range(splits):
            expected = [
                [by_definition(real[of_real[s] == a], fake[of_fake[s] == b]) for b in range(groups)]
                for a in range(groups)
            ]
            np.testing.assert_allclose(tables[s], expected, rtol=1e-12)


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
    """300 draws of n = 200: coverage and standard error are right; the binomial interval of the share is too narrow.

    Measured: coverage .940 to .953, standard error over standard deviation .98 to 1.06, the control .85 and .88.
    """
    n, repetitions = 200, 300
    rng = np.random.default_rng(5)
    truth = np.mean([authenticity(*draws(kind, rng, n)) for _ in range(1500)])
    fixed_real, _ = draws(kind, np.random.default_rng(6), n)
    truth_fixed = np.mean([authenticity(fixed_real, draws(kind, rng, n)[1]) for _ in range(1500)])
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
