"""Neighbour search: equal to a brute-force float64 search on whatever data, within bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from harness import estimate, estimate_all, measure
from harness.base import UsageError
from harness.metrics import METRICS, analyse, authenticity, copied_share, coverage, density, precision, recall
from harness.metrics.manifold import bounds
from harness.metrics.manifold.bounds import Product
from harness.metrics.manifold.neighbours import nearest
from harness.metrics.table import NEIGHBOUR_VALUES
from harness.uncertainty import MetricCall, features
from tests.metrics.test_manifold import exact

D = bounds.WIDE + 8  # float32 features of this width are multiplied in float32
KNN = {"precision": precision, "recall": recall, "density": density, "coverage": coverage, "authenticity": authenticity}


def normal(rng):
    return rng.standard_normal((70, D)), rng.standard_normal((60, D)) * 0.98


def ties(rng):
    return rng.integers(0, 2, (70, D)), rng.integers(0, 2, (60, D))


def few_distinct(rng):
    modes = rng.standard_normal((6, D))
    return modes[rng.integers(0, 6, 70)], np.concatenate([modes[rng.integers(0, 6, 30)], rng.standard_normal((30, D))])


def all_equal(rng):
    return np.ones((70, D)), np.ones((60, D))


def near_copies(rng):
    real = rng.standard_normal((70, D))
    return real, real[:60] + 1e-6 * rng.standard_normal((60, D))


def one_far_row(rng):
    real, fake = normal(rng)
    real[5] = 1e6
    return real, fake


def far_apart(rng):
    real, fake = normal(rng)
    return real, fake + 1e5


def constant_apart_from_a_sign(rng):
    """Products whose float32 sums round the same way at each step."""
    return np.outer(rng.choice([-1, 1], 70), np.full(D, 0.1)), np.outer(rng.choice([-1.1, 1], 60), np.full(D, 0.1))


MAKERS = [normal, ties, few_distinct, all_equal, near_copies, one_far_row, far_apart, constant_apart_from_a_sign]
SCALES = {"plain": (1.0, 0.0), "tiny": (1e-30, 0.0), "huge": (1e25, 0.0), "far from zero": (1.0, 3e4)}


def adversary(make, scale, kind, seed=0):
    factor, offset = SCALES[scale]
    return [(np.asarray(x, np.float64) * factor + offset).astype(kind) for x in make(np.random.default_rng(seed))]


def squared(left, right):
    left, right = left.astype(np.float64), right.astype(np.float64)
    return np.stack([((row - right) ** 2).sum(axis=1) for row in left])


def brute(real, fake):
    """The five metrics by their definitions, at their default k and convention."""
    cross, own_real, own_fake = squared(real, fake), squared(real, real), squared(fake, fake)
    np.fill_diagonal(own_real, np.inf)
    np.fill_diagonal(own_fake, np.inf)
    own_real.sort(axis=1)
    own_fake.sort(axis=1)
    inside = cross < own_real[:, 4:5]
    closest = cross.argmin(axis=0)
    return {
        "precision": (cross <= own_real[:, 2:3]).any(axis=0).mean(),
        "recall": (cross <= own_fake[:, 2]).any(axis=1).mean(),
        "density": inside.sum(axis=0).mean() / 5,
        "coverage": inside.any(axis=1).mean(),
        "authenticity": (own_real[closest, 0] < cross.min(axis=0)).mean(),
    }


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("make", MAKERS)
def test_all_metrics_and_lists_equal_a_search_by_brute_force(make, scale, kind):
    real, fake = adversary(make, scale, kind)
    found = measure(list(KNN), real, fake)
    assert found == pytest.approx(brute(real, fake), abs=1e-15)
    assert found == {name: metric(real, fake) for name, metric in KNN.items()}
    assert copied_share(real, fake) == pytest.approx(1 - found["authenticity"], abs=1e-15)
    for lists, distances in (
        (nearest(real, 9), squared(real, real)),
        (nearest(real, 9, points=fake), squared(fake, real)),
    ):
        if len(distances) == len(real):
            np.fill_diagonal(distances, np.inf)
        order = np.argsort(distances, axis=1, kind="stable")[:, :9]
        np.testing.assert_array_equal(lists.index, order)
        np.testing.assert_array_equal(exact(lists), np.take_along_axis(distances, order, axis=1))


@pytest.mark.parametrize("make", MAKERS)
def test_rough_lists_settled_bit_by_bit_and_read_in_between_end_as_whole_ones(make):
    real, _ = adversary(make, "plain", np.float32)
    whole, rough = nearest(real, 40), nearest(real, 40, rough=True)
    rng = np.random.default_rng(1)
    settled = np.zeros(len(real), np.intp)
    for most in (3, 10, 25, 40):
        settled = np.maximum(settled, rng.integers(0, most + 1, len(real)))
        rough.settle(settled)
        rough.exact(rng.integers(0, len(real), 200), rng.integers(0, 40, 200))
        for row, places in enumerate(settled):
            np.testing.assert_array_equal(rough.index[row, :places], whole.index[row, :places])
    rough.settle(np.full(len(real), 40))
    np.testing.assert_array_equal(rough.index, whole.index)
    np.testing.assert_array_equal(exact(rough), exact(whole))


@pytest.mark.parametrize("make", [normal, ties, few_distinct])
def test_neither_block_size_nor_row_order_changes_a_value(make, monkeypatch):
    real, fake = adversary(make, "plain", np.float32)
    whole = measure(list(KNN), real, fake)
    monkeypatch.setattr(features.blocks, "__kwdefaults__", {"size": 8 * bounds.SIDE * 17})
    assert measure(list(KNN), real[::-1], np.roll(fake, 5, axis=0)) == whole


def test_a_float32_product_is_off_by_less_than_it_is_taken_to_be():
    """Against the same sums in float64, worst over data that rounds badly: the claim that the search rests on."""
    worst = 0.0
    for make in (normal, few_distinct, constant_apart_from_a_sign):
        for d in (1, 4):
            real, fake = [x.repeat(d, axis=1) for x in adversary(make, "plain", np.float32)]
            product = Product(real, fake)
            every = slice(0, len(real)), slice(0, len(fake))
            one, two = product.factor(real, every[0]), product.factor(fake, every[1])
            low = product.bounds(one, two, product.of_left, product.of_right)
            middle = low + product.width(product.of_left[:, None], product.of_right)
            off = np.abs(middle - squared(real, fake) * product.scale**2)
            worst = max(worst, float((off / product.width(product.of_left[:, None], product.of_right)).max()))
    assert 0 < worst < 0.4


def test_equal_distances_by_the_thousand_take_no_memory_by_the_pair():
    """All rows are one: each has every other as its neighbour, a candidate that no bound rules out."""
    real = np.ones((2100, 4))
    tracemalloc.start()
    try:
        assert measure(["coverage"], real, real[:50]) == {"coverage": 0.0}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 120 * 2**20


def test_memory_beyond_the_data_is_a_few_blocks_and_the_lists():
    rng = np.random.default_rng(0)
    real, fake = (rng.standard_normal((5000, D), dtype=np.float32) for _ in range(2))
    tracemalloc.start()
    try:
        measure(["density", "coverage"], real, fake)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80 * 2**20  # a matrix of all distances has 100 MB


def test_several_metrics_in_one_call_are_each_alone_byte_for_byte():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((90, 7)), rng.standard_normal((80, 7)) + 0.1
    asked = {"fd": {}, "recall": {"k": 4}, "authenticity": {}, "precision": {}, "kd": {}, "coverage": {"closed": True}}
    found = estimate_all(asked, real, fake, seed=3)
    assert list(found) == list(asked)
    assert found == {name: estimate(name, real, fake, seed=3, **own) for name, own in asked.items()}
    values = measure(asked, real, fake)
    assert {name: values[name] for name in asked if name != "fd"} == {n: found[n].value for n in asked if n != "fd"}
    assert measure("kd", real, fake) == {"kd": values["kd"]}


def test_several_metrics_in_one_call_refuse_what_each_alone_refuses():
    real = np.arange(20.0).reshape(10, 2)
    with pytest.raises(UsageError, match="no metric 'precison'"):
        measure(["precison"], real, real)
    with pytest.raises(UsageError, match="has no parameter `q`"):
        measure({"recall": {"q": 1}}, real, real)
    with pytest.raises(UsageError, match="`real` has 10 distinct rows; an interval for `k`=5"):
        estimate_all(["fd", "density"], real, real + 1)


def test_one_search_serves_all_metrics_of_neighbours(monkeypatch):
    sharing = [row.name for row in METRICS if row.values == NEIGHBOUR_VALUES]
    assert sharing == [*KNN, "f_score", "sym_precision", "sym_recall"]
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((90, 7)), rng.standard_normal((80, 7))
    searched = []
    original = Product.__init__

    def counted(self, left, right, *processor):
        searched.append((len(left), len(right)))
        original(self, left, right, *processor)

    monkeypatch.setattr(Product, "__init__", counted)
    measure(sharing, real, fake)
    assert sorted(searched) == [(80, 80), (90, 80), (90, 90)]
    searched.clear()
    analyse({name: MetricCall(name) for name in sharing}, real, fake, real_seed=0, fake_seed=1)
    assert sorted(searched) == [(80, 80), (90, 80), (90, 90)]
