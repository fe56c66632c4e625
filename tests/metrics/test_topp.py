"""Topological precision and recall: the authors' package, and supports that are known."""

import contextlib
import io

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.topp import topp, topr
from harness.uncertainty.analysis import MetricCall

# top-pr 0.2.1, compute_top_pr after np.random.seed(5) on `drawn` of each size: fidelity, diversity.
PUBLISHED = {
    (200, 150, 4, 0.5): (0.48333333333333334, 0.8661971830985915),
    (150, 200, 8, 1.0): (0.21176470588235294, 0.6865671641791045),
    (300, 300, 6, 0.2): (0.6048780487804878, 1.0),
}


def drawn():
    rng = np.random.RandomState(0)
    for (m, n, d, shift), found in PUBLISHED.items():
        real = rng.normal(size=(m, d)).astype(np.float32)
        yield real, rng.normal(shift, 1.2, size=(n, d)).astype(np.float32), found


def test_values_are_those_that_the_authors_package_gave():
    for real, fake, found in drawn():
        assert (topp(real, fake, seed=5), topr(real, fake, seed=5)) == found


def test_values_are_those_of_the_authors_package():
    published = pytest.importorskip("top_pr", exc_type=ImportError).compute_top_pr
    for real, fake, _ in drawn():
        np.random.seed(5)  # noqa: NPY002 - what the package draws from
        with contextlib.redirect_stdout(io.StringIO()):
            found = published(real_features=real, fake_features=fake)
        assert (topp(real, fake, seed=5), topr(real, fake, seed=5)) == (found["fidelity"], found["diversity"])


def clusters(*shares, n=600, seed=0):
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(shares)), (n * np.array(shares)).round().astype(int))
    return 40.0 * np.eye(4)[of] + rng.normal(size=(len(of), 4))


def test_half_of_the_fakes_elsewhere_is_a_half_and_a_few_are_noise():
    real = clusters(1.0)
    assert topp(real, clusters(0.5, 0.5, seed=1)) == pytest.approx(0.5, abs=0.1)
    assert topr(real, clusters(0.5, 0.5, seed=1)) > 0.9
    rng = np.random.default_rng(2)
    few = np.concatenate([clusters(1.0, n=590, seed=1), 100 * rng.normal(size=(10, 4))])
    assert topp(real, few) == pytest.approx(topp(real, few[:590]), abs=0.05)
    assert topr(clusters(0.5, 0.5), clusters(1.0, seed=1)) == pytest.approx(0.5, abs=0.1)
    assert topp(real, real + 1000) == topr(real, real + 1000) == 0.0


def test_many_columns_are_projected_and_the_seed_draws_how():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(250, 40)), rng.normal(0.3, 1.0, size=(250, 40))
    assert topp(real, fake) == topp(real, fake)
    assert topp(real, fake) != topp(real, fake, seed=1)


def test_too_few_rows_for_a_bandwidth_or_for_quarters():
    rows = np.random.default_rng(4).normal(size=(60, 3))
    with pytest.raises(UsageError, match="15th neighbour"):
        topp(rows[:15], rows)
    found = analyse({"m": MetricCall("topp")}, rows, rows + 0.1, real_seed=0, fake_seed=1)["m"]
    assert found.value == topp(rows, rows + 0.1)
    assert "quarters them and needs 64" in found.form.reason
    with pytest.raises(UsageError, match="no width"):
        topp(np.ones((60, 3)), rows)
