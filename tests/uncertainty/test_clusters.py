"""Rows that are not independent: clusters are counted, not rows."""

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.estimates import estimate
from harness.metrics.frechet.distance import frechet_distance
from harness.metrics.manifold.values import recall
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.design import Design
from harness.uncertainty.intervals import interval
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels


def prompts(rng, count, size, d, shift):
    """`count` prompts of `size` images each: half of the variance is the prompt's."""
    label = np.repeat(np.arange(count), size)
    common = rng.standard_normal((count, d))[label]
    return np.sqrt(0.5) * common + np.sqrt(0.5) * rng.standard_normal((count * size, d)) + shift, label


def test_clusters_that_share_a_copied_row_are_one_unit():
    rows = np.random.default_rng(0).standard_normal((6, 2))
    rows[3] = rows[0]
    found = units(rows, ["a", "a", "b", "c", "c", "d"])
    assert found.of.tolist() == [0, 0, 1, 0, 0, 2]
    assert (found.count, found.repeats, found.clustered) == (3, 1, True)


def test_one_cluster_a_row_is_no_clusters():
    real, fake = np.random.default_rng(0).standard_normal((2, 60, 3))
    plain = estimate("fd", real, fake)
    assert estimate("fd", real, fake, clusters_fake=np.arange(60)) == plain


def test_the_rows_of_a_cluster_stay_together_in_every_split():
    rng = np.random.default_rng(0)
    rows, label = prompts(rng, 20, 4, 3, 0.0)
    for split in labels(units(rows, label), 4, 10, 0):
        assert all(len(set(split[label == c])) == 1 for c in range(20))


@pytest.mark.parametrize("use", ["fd", "kd", "density"])
def test_clusters_make_an_estimate_less_certain_and_say_so(use):
    rng = np.random.default_rng(0)
    real = rng.standard_normal((300, 4))
    fake, label = prompts(rng, 60, 5, 4, 0.3)
    blind, seen = estimate(use, real, fake), estimate(use, real, fake, clusters_fake=label)
    assert seen.value == blind.value
    assert seen.se > blind.se
    assert any("300 fake rows in 60 clusters" in note for note in seen.notes)


@pytest.mark.parametrize(("use", "function"), [("fd", frechet_distance), ("recall", recall)])
def test_intervals_of_repeated_prompts_hold_their_level_with_clusters_and_not_without(use, function):
    rng = np.random.default_rng(1)
    real = rng.standard_normal((200, 4))
    call = {use: MetricCall(use)}
    truth = np.mean([function(real, prompts(rng, 40, 6, 4, 0.5)[0]) for _ in range(300)])
    hits = {True: 0, False: 0}
    for r in range(120):
        fake, label = prompts(rng, 40, 6, 4, 0.5)
        for given in hits:
            found = analyse(
                call,
                real,
                fake,
                real_seed=0,
                fake_seed=r,
                replicates=50,
                design_fake=Design(clusters=label if given else None),
            )[use]
            ends = interval(found, level=0.95, target="T_N", reference="fixed")
            hits[given] += ends.low <= truth <= ends.high
    assert hits[True] / 120 > 0.89
    if use == "fd":
        assert hits[False] / 120 < 0.85


@pytest.mark.parametrize(
    ("use", "options", "word"),
    [
        ("fd", {"clusters_fake": [1, 2, 3]}, "`clusters_fake` has shape"),
        ("fd", {"clusters_fake": np.arange(400) // 2, "target": "T_inf"}, "not known for clusters"),
        ("fd", {"clusters_fake": np.zeros(400)}, "one cluster"),
        ("recall", {"clusters_real": np.arange(400) // 200}, "`clusters_real` names 2 clusters"),
    ],
)
def test_clusters_that_cannot_be_used_are_refused(use, options, word):
    real, fake = np.random.default_rng(0).standard_normal((2, 400, 3))
    with pytest.raises(UsageError, match=word):
        estimate(use, real, fake, **options)
