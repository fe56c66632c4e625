"""Precision, recall, density, coverage and copies: brute force, the prdc package, ties and duplicates."""

import contextlib
import io

import numpy as np
import pytest
from prdc import compute_prdc

from harness.base.errors import UsageError
from harness.metrics.manifold.authenticity import copied_share
from harness.metrics.manifold.bounds import SIDE
from harness.metrics.manifold.neighbours import nearest
from harness.metrics.manifold.values import coverage, density, precision, recall
from harness.uncertainty import features

FOUR = (precision, recall, density, coverage)


def pair(m=120, n=90, d=5, shift=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, d)), 0.8 * rng.standard_normal((n, d)) + shift


def tied(m=80, n=70, seed=0):
    """Small integers: many exactly equal distances and duplicate rows."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, (m, 4)).astype(float), rng.integers(0, 3, (n, 4)).astype(float)


def squared(left, right):
    return ((left[:, None, :] - right[None, :, :]) ** 2).sum(-1)


def exact(lists):
    """All squared distances of neighbour lists."""
    points, places = np.indices(lists.index.shape)
    return lists.exact(points.ravel(), places.ravel()).reshape(points.shape)


def brute(real, fake, k, closed):
    radius_r = np.sort(squared(real, real) + np.diag([-1.0] * len(real)), axis=1)[:, k]
    radius_f = np.sort(squared(fake, fake) + np.diag([-1.0] * len(fake)), axis=1)[:, k]
    cross = squared(real, fake)
    inside = cross <= radius_r[:, None] if closed else cross < radius_r[:, None]
    back = cross <= radius_f if closed else cross < radius_f
    return inside.any(0).mean(), back.any(1).mean(), inside.sum(0).mean() / k, inside.any(1).mean()


@pytest.mark.parametrize("make", [pair, tied])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_equal_brute_force(make, closed, k):
    real, fake = make()
    found = [metric(real, fake, k=k, closed=closed) for metric in FOUR]
    assert found == pytest.approx(brute(real, fake, k, closed), abs=1e-15)


@pytest.mark.parametrize("k", [3, 5])
def test_open_balls_equal_the_prdc_package(k):
    real, fake = pair(300, 250, 16)
    with contextlib.redirect_stdout(io.StringIO()):
        peer = compute_prdc(real, fake, nearest_k=k)
    for metric in FOUR:
        assert metric(real, fake, k=k, closed=False) == pytest.approx(peer[metric.__name__], abs=1e-12)


def test_defaults_are_each_papers_convention():
    real, fake = tied()
    assert [metric(real, fake) for metric in FOUR] == pytest.approx(
        [*brute(real, fake, 3, True)[:2], *brute(real, fake, 5, False)[2:]]
    )


def test_precision_and_recall_swap_with_the_sets():
    real, fake = pair()
    assert precision(real, fake) == recall(fake, real)


@pytest.mark.parametrize("make", [pair, tied])
def test_block_size_and_row_order_change_nothing(make, monkeypatch):
    real, fake = make()
    whole = [metric(real, fake) for metric in FOUR]
    monkeypatch.setattr(features.blocks, "__kwdefaults__", {"size": 8 * SIDE * 17})
    assert [metric(real[::-1], np.roll(fake, 5, axis=0)) for metric in FOUR] == whole


def test_a_far_offset_changes_nothing():
    real, fake = tied()
    assert [metric(real + 2.0**30, fake + 2.0**30) for metric in FOUR] == [metric(real, fake) for metric in FOUR]


def test_duplicates_are_neighbours_at_distance_zero():
    """Four copies of each row: the third neighbour is a copy, so closed balls hold copies only, open ones nothing."""
    real = np.repeat(pair()[0], 4, axis=0)
    fake = np.concatenate([real[:40], pair()[1]])
    assert precision(real, fake, k=3, closed=True) == 40 / len(fake)
    assert precision(real, fake, k=3, closed=False) == 0.0
    assert coverage(real, fake, k=3, closed=True) == 40 / len(real)


def test_identical_sets_are_perfect_with_closed_balls():
    real, _ = pair()
    assert precision(real, real) == recall(real, real) == coverage(real, real, closed=True) == 1.0


def test_nearest_lists_equal_a_full_sort():
    real, fake = pair(50, 40)
    full = squared(real, real) + np.diag([np.inf] * 50)
    lists = nearest(real, 49)
    assert np.array_equal(np.argsort(full, axis=1, kind="stable")[:, :49], lists.index)
    assert np.allclose(np.sort(full, axis=1)[:, :49], exact(lists), rtol=1e-13)
    to_real = nearest(real, 1, points=fake)
    assert np.array_equal(to_real.index[:, 0], squared(fake, real).argmin(axis=1))
    assert np.allclose(to_real.radius_squared(1), squared(fake, real).min(axis=1), rtol=1e-13)


@pytest.mark.parametrize("metric", FOUR)
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"k": 0}, ["`k` is 0"]),
        ({"k": 2.0}, ["`k` is 2.0"]),
        ({"k": 90}, ["`fake` has 90 rows", "`k`=90", "at least 91"]),
    ],
)
def test_a_bad_k_is_refused(metric, parameters, words):
    with pytest.raises(UsageError) as caught:
        metric(*pair(), **parameters)
    for word in words:
        assert word in str(caught.value)


def test_copies_of_training_rows_are_seen_and_unseen_rows_are_not():
    train, _ = pair(500, 1, 16)
    unseen = np.random.default_rng(9).standard_normal((400, 16))
    assert copied_share(train, train[:100]) == 1.0
    assert copied_share(train, train[:100] + 1e-3) == 1.0
    assert copied_share(train, np.concatenate([train[:100], unseen[:300] + 50.0])) == 0.25
    assert copied_share(train, unseen) < 0.6


def test_an_exact_copy_of_a_repeated_training_row_is_a_copy():
    train = np.repeat(pair()[0], 2, axis=0)
    assert copied_share(train, train[:10]) == 1.0
