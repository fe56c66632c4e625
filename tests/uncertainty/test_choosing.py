"""The best of several cells by closed forms, and the spread and share of runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.uncertainty import choose, image_folds, scatter, seed_folds, share, spread

CLEAR = np.array([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0]])


def test_where_the_best_is_plain_choosing_costs_nothing():
    choice = choose(CLEAR, lower_is_better=True, level=0.95)
    assert (choice.best, choice.value, choice.corrected, choice.picked) == (0, 2.0, 2.0, 3)
    half = stats.t.ppf(0.975, 2) * np.sqrt(1 / 3)
    assert choice.high - choice.value == pytest.approx(half)
    assert choice.corrected_high - 2 == pytest.approx(half * np.sqrt(1 + 3 / 2))


def test_the_direction_is_that_of_the_metric():
    assert choose(CLEAR, lower_is_better=False, level=0.95).best == 1


def test_a_lucky_fold_is_judged_by_the_choice_of_the_others():
    values = np.array([[0.0, 10.0, 10.0], [7.0, 7.0, 7.0]])
    choice = choose(values, lower_is_better=True, level=0.95)
    assert choice.best == 0
    assert choice.value == pytest.approx(20 / 3)
    # Without fold 0 cell 1 is chosen and gives 7; without another cell 0 is, by its mean 5, and gives 10 both times.
    assert choice.corrected == 9.0
    assert choice.price > 0


def test_what_all_folds_share_widens_both():
    wide = choose(CLEAR, lower_is_better=True, level=0.95, shared_variance=4.0)
    half = stats.t.ppf(0.975, 2) * np.sqrt(1 / 3)
    assert wide.high - 2 == pytest.approx(np.hypot(half, stats.norm.ppf(0.975) * 2))


def test_folds_keep_the_mean():
    rng = np.random.default_rng(0)
    influence = rng.normal(size=1000)
    folds = image_folds(3.0, influence - influence.mean(), rng.permutation(1000))
    assert folds.mean() == pytest.approx(3.0)
    assert seed_folds(np.arange(20.0).reshape(2, 10)).tolist() == [
        [0.5, 2.5, 4.5, 6.5, 8.5],
        [10.5, 12.5, 14.5, 16.5, 18.5],
    ]
    assert seed_folds(CLEAR).tolist() == CLEAR.tolist()


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_one_cell_or_one_fold_is_no_choice(shape):
    with pytest.raises(ValueError, match="at least two cells and two folds"):
        choose(np.zeros(shape), lower_is_better=True, level=0.95)


def test_the_share_of_runs_has_the_interval_of_clopper_and_pearson():
    for count, of in ((0, 5), (2, 5), (5, 5)):
        found, expected = share(count, of, level=0.95), stats.binomtest(count, of).proportion_ci(0.95)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert share(2, 5, level=0.95).value == 0.4


def test_the_spread_over_seeds_has_the_interval_of_a_normal_law():
    found = spread([1.0, 2.0, 4.0, 7.0], level=0.9)
    sd = np.std([1, 2, 4, 7], ddof=1)
    assert found.sd == sd
    assert found.low == pytest.approx(sd * np.sqrt(3 / stats.chi2.ppf(0.95, 3)))
    assert found.high == pytest.approx(sd * np.sqrt(3 / stats.chi2.ppf(0.05, 3)))
    with pytest.raises(ValueError, match="at least 3"):
        spread([1.0, 2.0], level=0.9)


def test_scatter_parts_retraining_from_resampling():
    found = scatter([[1.0, 3.0], [11.0, 13.0], [6.0, 8.0]])
    assert (found.mean, found.least, found.most) == (7.0, 1.0, 13.0)
    assert found.resampling == pytest.approx(np.sqrt(2))
    assert found.retraining == pytest.approx(np.sqrt(25 - 1))
    assert scatter([[1.0, 3.0], [1.0, 3.0], [1.0, 3.0]]).retraining == 0
    assert found.single_gap == pytest.approx(1.96 * np.sqrt(2 * 26))
