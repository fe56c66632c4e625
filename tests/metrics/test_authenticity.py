"""Authenticity: the definition, its neighbour lists in splits, and an interval that covers."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.manifold.authenticity import authenticity
from harness.metrics.manifold.neighbours import nearest
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels
from tests.metrics.test_manifold import exact


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
    np.testing.assert_allclose(exact(found), np.take_along_axis(squared, order, axis=1), rtol=1e-12)


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
