"""The classifier test: scikit-learn's discriminant, and what the verdict must not know."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.c2st import WIDTH, _dealt, _Sides, c2st, judged
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.variance import variance_of_sum


def test_each_fold_is_judged_by_fishers_discriminant_of_the_others():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(90, 5)), rng.normal(0.5, 1.4, size=(60, 5))
    ridge = 0.05
    of_real, of_fake = judged(real, fake, folds=3, ridge=ridge, seed=4)
    again = np.random.default_rng(4)
    folds = [_dealt(rows, 3, again) for rows in (real, fake)]
    for f in range(3):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=ridge / (1 + ridge), priors=[0.5, 0.5])
        learnt = [rows[of != f] for rows, of in zip((real, fake), folds, strict=True)]
        model.fit(np.concatenate(learnt), [0] * len(learnt[0]) + [1] * len(learnt[1]))
        assert (of_real[folds[0] == f] == (model.predict(real[folds[0] == f]) == 0)).all()
        assert (of_fake[folds[1] == f] == (model.predict(fake[folds[1] == f]) == 1)).all()


def test_lessons_are_derivatives_of_the_smoothed_accuracy_in_the_weight_of_a_row():
    rng = np.random.default_rng(3)
    sides = _Sides.of(rng.normal(size=(70, 4)), rng.normal(0.3, 1.2, size=(50, 4)), folds=4, seed=1)
    ridge, number = 0.01, 2
    learnt = [sides.rows[s][sides.dealt[s] != number] - sides.centre for s in (0, 1)]
    (fold,) = (fold for fold in sides.fitted(ridge) if fold.number == number)
    within = (fold.covariances[0] + fold.covariances[1]) / 2
    width = WIDTH * np.sqrt(fold.normal @ within @ fold.normal)

    def accuracy(weights):
        means = [w @ rows for w, rows in zip(weights, learnt, strict=True)]
        pooled = sum(
            ((rows - mean).T * w) @ (rows - mean) / 2 for w, rows, mean in zip(weights, learnt, means, strict=True)
        )
        normal = np.linalg.solve(pooled + ridge * np.trace(pooled) / 4 * np.eye(4), means[1] - means[0])
        judged = [sides.part(side, number) - (means[0] + means[1]) / 2 for side in (0, 1)]
        told = (norm.cdf(sign * (rows @ normal) / width).sum() for sign, rows in zip((-1, 1), judged, strict=True))
        return sum(count / len(rows) / 2 for count, rows in zip(told, sides.rows, strict=True))

    even = [np.full(len(rows), 1 / len(rows)) for rows in learnt]
    for side, lessons in enumerate(fold.lessons()):
        for row in (0, 7, 30):
            ends = []
            for by in (-1e-5, 1e-5):
                moved = [w.copy() for w in even]
                moved[side] *= 1 - by
                moved[side][row] += by
                ends.append(accuracy(moved))
            assert lessons[row] == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-4)


def test_the_variance_at_equal_laws_is_more_than_that_of_the_verdicts():
    """Pairs of rows that teach about one another add to it, and the interval knows."""
    rng = np.random.default_rng(5)
    call = {"m": MetricCall("c2st")}
    draws = [analyse(call, *rng.normal(size=(2, 100, 6)), real_seed=0, fake_seed=1)["m"] for _ in range(200)]
    of_verdicts = 2 * 0.25 / 4 / 100
    true = np.var([a.value for a in draws])
    found = np.mean([variance_of_sum([a], [1.0], "random").total for a in draws])
    assert true > 1.3 * of_verdicts
    assert 0.85 < found / true < 1.8


def test_far_apart_is_one_and_the_same_law_about_a_half():
    rng = np.random.default_rng(1)
    assert c2st(rng.normal(size=(50, 3)), rng.normal(9, 1, size=(50, 3))) == 1.0
    assert c2st(rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3))) == pytest.approx(0.5, abs=0.04)


def test_copies_of_a_row_lie_in_one_fold():
    rows = np.repeat(np.random.default_rng(2).normal(size=(30, 4)), 3, axis=0)
    found = _dealt(rows, 5, np.random.default_rng(0)).reshape(30, 3)
    assert (found == found[:, :1]).all()


def test_one_fold_is_refused():
    with pytest.raises(UsageError, match="at least 2"):
        c2st(np.eye(4), np.eye(4), folds=1)
