"""Precision and recall of distributions: the authors' curve of two histograms, and clusters that are known."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse, values_of
from harness.metrics.prd import prd_curve, prd_f1_8, prd_f8
from harness.uncertainty.analysis import MetricCall

CENTRES = 100.0 * np.eye(6)


def atoms(counts, rng):
    """So many rows about each of six far points."""
    return np.repeat(CENTRES, counts, axis=0) + rng.normal(size=(sum(counts), 6))


def published(real, fake):
    """prd_score.py of the authors on two histograms: precision, recall, and the best F of beta."""
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, 1001))
    precision = np.minimum(real[None] * slopes[:, None], fake[None]).sum(axis=1)
    recall = precision / slopes
    best = {b: np.max((1 + b * b) * precision * recall / (b * b * precision + recall + 1e-10)) for b in (8, 1 / 8)}
    return precision, recall, best


def test_the_curve_is_the_authors_of_clusters_that_are_found():
    rng = np.random.default_rng(0)
    counts = np.array([10, 20, 30, 40, 50, 0]), np.array([30, 20, 0, 10, 50, 40])
    real, fake = (atoms(own, rng) for own in counts)
    precision, recall, best = published(*(own / own.sum() for own in counts))
    np.testing.assert_allclose(prd_curve(real, fake, clusters=6), [recall, precision], rtol=1e-12)
    assert prd_f8(real, fake, clusters=6) == pytest.approx(best[8], rel=1e-12)
    assert prd_f1_8(real, fake, clusters=6) == pytest.approx(best[1 / 8], rel=1e-12)


def test_each_end_of_the_curve_sees_its_own_fault():
    rng = np.random.default_rng(1)
    real = atoms([40] * 6, rng)
    dropped, invented = (
        atoms([80, 80, 80, 0, 0, 0], rng),
        np.concatenate([real[::2], rng.normal(-300, 1, size=(120, 6))]),
    )
    assert prd_f8(real, dropped) < 0.6 < 0.9 < prd_f1_8(real, dropped)
    assert prd_f1_8(real, invented) < 0.6 < 0.9 < prd_f8(real, invented)


@pytest.mark.parametrize(("use", "beta", "side"), [("prd_f8", 8, 0), ("prd_f1_8", 1 / 8, 1)])
def test_influences_are_derivatives_where_clusters_stay(use, beta, side):
    """Far clusters: weight moves no border, so that the value is that of the authors' formula on weighted shares."""
    rng = np.random.default_rng(2)
    counts = np.array([10, 20, 30, 40, 50, 0]), np.array([30, 25, 0, 10, 50, 40])
    real, fake = (atoms(own, rng) for own in counts)
    found = analyse({"m": MetricCall(use, {"clusters": 6, "repeats": 1})}, real, fake, real_seed=0, fake_seed=1)["m"]
    shares = [own / own.sum() for own in counts]
    wanted = np.empty(6)
    for cluster in range(6):
        ends = []
        for by in (-1e-6, 1e-6):
            moved = [own.copy() for own in shares]
            moved[side] *= 1 - by
            moved[side][cluster] += by
            ends.append(published(*moved)[2][beta])
        wanted[cluster] = (ends[1] - ends[0]) / 2e-6
    influence = (found.form.influence_real, found.form.influence_fake)[side]
    np.testing.assert_allclose(influence, wanted[np.repeat(np.arange(6), counts[side])], atol=0.01)
    assert np.ptp(influence) > 0.1


def test_sets_of_other_sizes_and_orders_and_the_seed():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(150, 5)), rng.normal(0.5, 1, size=(90, 5))
    assert prd_f8(real, fake) == prd_f8(real, fake)
    assert prd_f8(real, fake, seed=1) != prd_f8(real, fake)
    assert prd_f8(real + 1000, fake + 1000) == pytest.approx(prd_f8(real, fake), abs=1e-9)
    both = values_of({"a": MetricCall("prd_f8"), "b": MetricCall("prd_f1_8")}, real, fake)
    assert both == {"a": prd_f8(real, fake), "b": prd_f1_8(real, fake)}
    with pytest.raises(UsageError, match="20 clusters"):
        prd_f8(real[:10], fake)


def test_fewer_distinct_rows_than_clusters_have_a_curve():
    real, fake = np.repeat(CENTRES, 10, axis=0), np.repeat(CENTRES[:3], 20, axis=0)
    assert prd_f8(real, fake) == pytest.approx(published(np.full(6, 1 / 6), np.array([1, 1, 1, 0, 0, 0]) / 3)[2][8])
