"""Metrics of nearest neighbours: originals, closed forms, and split tables that are the metric on the groups."""

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.spatial.distance import cdist
from scipy.stats import betabinom

from harness.base.component import imported
from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.manifold.alaa import alpha_precision, beta_recall
from harness.metrics.manifold.clipped import _density, clipped_coverage, clipped_density, expected
from harness.metrics.manifold.combined import f_score, sym_precision, sym_recall
from harness.metrics.manifold.kl import kl_forward, kl_reverse
from harness.metrics.manifold.probabilistic import _score, p_precision, p_recall
from harness.metrics.manifold.realism import realism, realism_of_images
from harness.metrics.manifold.values import precision, recall
from harness.metrics.table import facts_of
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels

SPLIT = (
    "kl_forward", "kl_reverse", "clipped_density", "clipped_coverage", "p_precision", "p_recall", "realism",
    "beta_recall", "f_score", "sym_precision", "sym_recall",
)  # fmt: skip


def sets():
    rng = np.random.RandomState(0)
    return rng.normal(size=(200, 4)), rng.normal(0.5, 1.3, size=(150, 4))


@pytest.mark.parametrize("name", SPLIT)
def test_split_tables_are_the_metric_on_the_groups(name):
    real, fake = sets()
    found = analyse({"m": MetricCall(name)}, real, fake, real_seed=3, fake_seed=4, replicates=50)["m"]
    function = imported(facts_of(name).target)
    assert found.value == pytest.approx(function(real, fake), rel=1e-12)
    for groups, tables in ((2, found.form.halves), (4, found.form.quarters)):
        # Metrics made of precision and recall have more splits, of the same stream.
        of_real = labels(units(real), groups, len(tables), 3)[-1]
        of_fake = labels(units(fake), groups, len(tables), 4)[-1]
        assert tables[-1, 0, 1] == pytest.approx(function(real[of_real == 0], fake[of_fake == 1]), rel=1e-9)


def test_divergences_are_those_of_gaussians_and_differ_where_one_side_is_missed():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(1500, 2)), rng.normal([0.6, 0.8], 1.0, size=(1500, 2))
    assert kl_forward(real, fake) == pytest.approx(0.5, abs=0.1)  # |shift|² / 2
    assert kl_reverse(real, fake) == pytest.approx(0.5, abs=0.1)
    half = np.abs(rng.normal(size=(1500, 2)))  # one quadrant of four: nothing is made up, three quarters are missed
    assert kl_reverse(real, half) == pytest.approx(np.log(4), abs=0.15)
    assert kl_forward(real, half) > 1.5 * kl_reverse(real, half)


def test_a_divergence_of_sets_with_copies_is_refused():
    with pytest.raises(UsageError, match="exact copies"):
        kl_forward(np.repeat(np.eye(4), 8, axis=0), sets()[1])


def test_clipped_metrics_are_those_of_their_authors():
    """nicolassalvy/ClippedDensityCoverage, commit ab63967, ClippedDensityCoverage(real, K=k) on the sets above."""
    published = {3: (0.5769980506822612, 0.5298013245033113), 5: (0.6080347448425625, 0.5761589403973509)}
    for k, (of_density, of_coverage) in published.items():
        assert clipped_density(*sets(), k=k) == pytest.approx(of_density, rel=1e-12)
        assert clipped_coverage(*sets(), k=k) == pytest.approx(of_coverage, rel=1e-12)


@pytest.mark.parametrize("d", [3, 40])
def test_copies_of_real_rows_lie_on_the_balls_that_reach_to_these_rows(d):
    """No rounding may put the copy of a row's k-th neighbour outside its closed ball: distances by differences."""
    rng = np.random.default_rng(d)
    real = rng.normal(5.0, 1.0, size=(300, d)).astype(np.float32)
    fake = np.concatenate([real, rng.normal(5.0, 1.2, size=(60, d)).astype(np.float32)])
    apart = cdist(np.float64(real), np.float64(real))
    reach = np.sort(apart, axis=1)[:, 5]
    reach = np.minimum(reach, np.median(reach))[:, None]
    inside = cdist(np.float64(real), np.float64(fake)) <= reach
    base = np.minimum(((apart <= reach).sum(axis=0) - 1) / 5, 1).mean()
    wanted = np.minimum(inside.sum(axis=0) / 5, 1)
    assert clipped_density(real, fake) == pytest.approx(min(wanted.mean() / base, 1), rel=1e-12)
    np.testing.assert_array_equal(_density(5).of_images(real, fake), wanted)


def test_equal_rows_by_the_hundred_are_in_balls_of_no_size():
    real, fake = np.repeat(np.eye(4), 50, axis=0) + 7, np.repeat(np.eye(5, 4), 20, axis=0) + 7
    np.testing.assert_array_equal(_density(5).of_images(real, fake), np.repeat([1, 1, 1, 1, 0], 20))


def test_scores_of_single_images_are_of_the_rows_that_the_mean_is_over():
    scores = _score("p_recall", 4, 1.2).of_images(*sets())
    assert scores.shape == (200,)
    assert scores.mean() == pytest.approx(p_recall(*sets()), rel=1e-12)


def test_the_calibration_is_the_mean_of_a_beta_binomial_law():
    m, n, k = 40, 30, 5
    found = expected(m, n, k)
    for good in (5, 17, 30):
        j = np.arange(good + 1)
        wanted = (np.minimum(j, k) * betabinom(good, k, m - k).pmf(j)).sum() / k
        assert found[good] == pytest.approx(wanted, rel=1e-9)
    assert (found[:k] == 0).all()


def test_clipped_metrics_are_linear_in_the_share_of_bad_fakes():
    rng = np.random.default_rng(2)
    real, good = rng.normal(size=(2, 1000, 3))
    for share in (0.0, 0.3, 0.7):
        fake = good.copy()
        fake[: int(1000 * share)] += 100
        assert clipped_density(real, fake) == pytest.approx(1 - share, abs=0.04)
        assert clipped_coverage(real, fake) == pytest.approx(1 - share, abs=0.08)


def test_probabilistic_precision_is_one_less_the_product_over_real_rows():
    real, fake = sets()
    reach = 1.2 * np.sort(cdist(real, real), axis=1)[:, 4].mean()
    assert p_precision(real, fake) == pytest.approx(np.mean(1 - np.minimum(cdist(real, fake) / reach, 1).prod(axis=0)))
    assert p_recall(real, fake) == pytest.approx(p_precision(fake, real))


def test_realism_is_the_largest_ratio_over_balls_below_the_median():
    real, fake = sets()
    radius = np.sort(cdist(real, real), axis=1)[:, 5]
    small = radius < np.median(radius)
    wanted = (radius[small, None] / cdist(real[small], fake)).max(axis=0)
    np.testing.assert_allclose(realism_of_images(real, fake), wanted, rtol=1e-9)
    assert realism(real, fake) == pytest.approx(wanted.mean())
    with pytest.raises(UsageError, match="no bound"):
        realism(real, real)


def test_symmetric_metrics_take_the_smaller_of_prdcs_two_counts():
    real, fake = sets()
    one = compute_prdc(real, fake, nearest_k=5)
    other = compute_prdc(fake, real, nearest_k=5)
    assert sym_precision(real, fake) == min(one["precision"], other["coverage"])
    assert sym_recall(real, fake) == min(one["recall"], one["coverage"])


def test_the_f_score_is_the_harmonic_mean():
    real, fake = sets()
    p, r = precision(real, fake), recall(real, fake)
    assert f_score(real, fake) == pytest.approx(2 * p * r / (p + r))
    assert f_score(real, fake + 1000) == 0.0


def test_alpha_precision_sees_spread_and_beta_recall_what_is_left_out():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(2, 1000, 3))
    assert alpha_precision(real, fake) > 0.95
    assert alpha_precision(real, 3 * fake) < 0.5
    assert alpha_precision(real, 0.01 * fake) < 0.1
    whole = beta_recall(real, fake)
    assert 0.4 < whole < 0.6
    assert beta_recall(real, fake[np.abs(fake[:, 0]) < 0.3]) < 0.8 * whole


def test_the_interval_of_alpha_precision_rests_on_known_influences():
    """On a line real rows lie at 1 to 40 on both sides of 0, fakes within 10.5: the curve lies above the diagonal."""
    steps, levels = np.arange(1.0, 41.0), np.linspace(0, 1, 30)
    real, fake = np.concatenate([steps, -steps])[:, None], np.linspace(0.5, 10.5, 40)[:, None]

    def found(fakes):
        analysis = analyse({"m": MetricCall("alpha_precision")}, real, fakes, real_seed=0, fake_seed=1)["m"]
        assert analysis.value == alpha_precision(real, fakes)
        return analysis.form

    both = found(np.concatenate([fake, -fake]))
    # A fake further out makes the area smaller, by a step for each level that it leaves.
    assert (np.diff(both.influence_fake[:40]) >= 0).all()
    reach = np.quantile(np.abs(real), levels)
    left = ((reach >= 0.5) & (reach < 10.5)).sum()
    apart = both.influence_fake[39] - both.influence_fake[0]
    assert apart == pytest.approx(2 * left * (levels[1] - levels[0]))
    # Real rows beyond the fakes push the quantiles out, all alike; those within pull them in: at 4 fakes a real row.
    assert both.influence_real[15:40] == pytest.approx(both.influence_real[-25:])
    assert both.influence_real[0] - both.influence_real[20] == pytest.approx(2 * 4 * 0.25, rel=0.1)
    # With all fakes on one side real rows pull the centre there: 0.1 of the fakes a unit, over a quarter of the levels.
    one = found(fake)
    assert np.diff(one.influence_real[15:40]) == pytest.approx(-2 * 0.1 * 0.25, rel=0.2)
