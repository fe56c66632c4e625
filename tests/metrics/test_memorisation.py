"""Metrics with training, held-out and fake rows: closed forms, the published code's own arithmetic, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from harness import estimate, measure
from harness.base.errors import UsageError
from harness.metrics.memorisation.copying import _Cells, c_t
from harness.metrics.memorisation.likelihood import fld, fls, fls_overfit
from harness.metrics.memorisation.mixture import FLD, FLS, Mixture, fitted
from harness.metrics.memorisation.roles import roles
from tests.metrics.oracles import widths

THREE = ("c_t", "fld", "fls", "fls_overfit")


def drawn(n=120, d=6, seed=0):
    return np.random.default_rng(seed).standard_normal((3, n, d))


# ---------------------------------------------------------------- C_T


def test_one_cell_of_known_distances_has_the_z_score_of_its_ranks():
    training = np.array([[0.0], [1000.0], *[[2000.0 + i] for i in range(6)]])
    real, fake = np.arange(1.0, 9.0)[:, None], np.array([0.5, 1.5, 2.5, 3.5, 4.5, 4.6, 4.7, 9.5])[:, None]
    further = sum((fake > real.T).ravel())  # every row's nearest training row is that at 0
    expected = (further - 32 + 0.5) / np.sqrt(64 * 17 / 12)
    assert c_t(real, fake, training=training, cells=1, least=0) == pytest.approx(expected, abs=1e-12)


def test_copies_of_training_rows_are_as_far_below_zero_as_ranks_allow():
    training, real, _ = drawn(200)
    n = len(real)
    assert c_t(real, training, training=training, cells=1) == pytest.approx(
        (0.5 - n * n / 2) / np.sqrt(n * n * (2 * n + 1) / 12)
    )


def test_more_columns_than_components_are_compared_in_the_training_rows_principal_ones():
    training, real, fake = drawn(150, 6)
    wide = [
        np.hstack([rows, 1e-9 * np.random.default_rng(i).standard_normal((len(rows), 4))])
        for i, rows in enumerate((training, real, fake))
    ]
    narrow = c_t(real, fake, training=training)
    assert c_t(wide[1], wide[2], training=wide[0], components=6) == pytest.approx(narrow, abs=1e-6)


def test_the_influence_of_a_row_is_the_change_that_its_weight_makes():
    """Rows counted twice: the changes of the value differ as the rows' influences do, to first order."""
    training, real, fake = drawn(400, 3, seed=5)
    fake = 0.9 * fake
    of_real, of_fake = _Cells.of(roles(training, real, fake), 2, 64, 20, 0).influence()
    rows = [0, 7, 33, 50]
    by_real = [c_t(np.vstack([real, real[row]]), fake, training=training, cells=2) for row in rows]
    by_fake = [c_t(real, np.vstack([fake, fake[row]]), training=training, cells=2) for row in rows]
    assert 401 * np.diff(by_real) == pytest.approx(np.diff(of_real[rows]), abs=0.1)
    assert 401 * np.diff(by_fake) == pytest.approx(np.diff(of_fake[rows]), abs=0.1)


# ---------------------------------------------------------------- feature likelihood


def test_the_width_of_a_single_gaussian_is_the_mean_square_distance():
    rows = np.random.default_rng(0).standard_normal((500, 4))
    made = fitted(np.zeros((1, 4)), rows, FLS, np.random.default_rng(0))
    variance = float((rows**2).mean())
    assert made.log_variances[0] == pytest.approx(np.log(variance), abs=0.01)
    expected = 0.5 * (np.log(2 * np.pi * variance) + (rows**2).mean(axis=1) / variance)
    assert made.surprises(rows) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("how", [FLD, FLS], ids=["fld", "fls"])
def test_widths_are_those_of_the_published_fit_in_many_columns_and_with_copies(how):
    training, held_out, fake = drawn(100, 48)
    fake = fake[:60].copy()
    fake[:5] = training[:5]  # needles
    theirs = Mixture(fake, widths(fake, training, second_version=how is FLD)).surprises(held_out).mean()
    ours = fitted(fake, training, how, np.random.default_rng(0)).surprises(held_out).mean()
    assert ours == pytest.approx(theirs, abs=2e-6)


def test_a_generator_like_half_of_the_training_rows_scores_as_the_baseline():
    training, real, _ = np.random.default_rng(2).standard_normal((3, 300, 5))
    fresh = np.random.default_rng(3).standard_normal((150, 5))
    assert fld(real, fresh, training=training) == pytest.approx(0.0, abs=6.0)
    assert fls(real, fresh, training=training) == pytest.approx(100.0, abs=8.0)
    assert fls_overfit(real, fresh, training=training) == pytest.approx(0.5, abs=0.15)


def test_copies_are_punished_though_they_look_perfect():
    training, real, fresh = drawn(160)
    for metric, worse in ((fld, 1), (fls, -1), (fls_overfit, 1)):
        copied = metric(real, np.vstack([training[:120], fresh[:40]]), training=training)
        assert worse * (copied - metric(real, fresh, training=training)) > 0
    assert fld(real, training, training=training) > 1000


def test_scaling_the_features_changes_nothing():
    training, real, fake = drawn(80)
    by, to = 10.0 ** np.arange(-2, 4), np.arange(6.0)
    for metric in (fld, fls, fls_overfit):
        moved = metric(to + by * real, to + by * fake, training=to + by * training)
        assert moved == pytest.approx(metric(real, fake, training=training), rel=1e-5)


def test_many_training_rows_go_through_the_fit_in_batches():
    training, real, fake = drawn(200)
    from dataclasses import replace

    small = fitted(fake, training, replace(FLD, batch=70), np.random.default_rng(0)).surprises(real).mean()
    assert small == pytest.approx(
        fitted(fake, training, FLD, np.random.default_rng(0)).surprises(real).mean(), abs=0.05
    )


# ---------------------------------------------------------------- roles


@pytest.mark.parametrize("name", THREE)
def test_real_rows_that_were_trained_on_are_refused(name):
    training, real, fake = drawn(100)
    with pytest.raises(UsageError, match="100% of the real rows are training rows"):
        estimate(name, training, fake, training=training)
    with pytest.raises(UsageError, match="`training` is missing"):
        measure([name], real, fake)
    with pytest.raises(UsageError, match="`real` has 5 columns and `fake` has 6"):
        measure([name], real[:, :5], fake, training=training)


def test_other_metrics_do_not_hang_on_training_rows():
    training, real, fake = drawn(60)
    assert measure(["fd", "recall"], real, fake, training=training) == measure(["fd", "recall"], real, fake)


@pytest.mark.parametrize("name", THREE)
def test_the_interval_is_about_the_value_of_the_metric(name):
    training, real, fake = drawn(100)
    found = estimate(name, real, fake, training=training)
    assert found.value == measure([name], real, fake, training=training)[name]
    assert found.low < found.value < found.high
    again = estimate(name, real, fake, training=training)
    assert (again.low, again.high) == (found.low, found.high)
    assert estimate(name, real, fake, training=training, reference="fixed").se < found.se
