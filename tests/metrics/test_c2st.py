"""The classifier test: scikit-learn's discriminant, and what the verdict must not know."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from harness.base.errors import UsageError
from harness.metrics.c2st import _dealt, c2st, judged


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
