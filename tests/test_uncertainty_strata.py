"""Class-balanced sets: the number of images of each class is fixed, so only the spread within classes is noise."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.uncertainty import MetricCall, SeedMember, analyse, difference, estimate, interval, joint_replicates
from harness.uncertainty.splits import labels
from harness.uncertainty.units import units

CLASSES = np.arange(5)


def balanced(rng, per_class, shift):
    """So many rows of each of five classes whose means lie far apart along the first axis."""
    label = np.repeat(CLASSES, per_class)
    rows = rng.standard_normal((len(label), 4)) + shift
    rows[:, 0] += 2.0 * (label - 2.0)
    return rows, label


def test_stratified_influence_has_the_textbook_variance_of_a_stratified_mean():
    rng = np.random.default_rng(0)
    rows, label = balanced(rng, 7, 0.0)
    rows, label = rows[:-3], label[:-3]  # unequal strata
    values = rng.gamma(2.0, size=len(rows)) + label
    found = units(rows, strata=label).total(values)
    textbook = sum((np.mean(label == h)) ** 2 * values[label == h].var(ddof=1) / np.sum(label == h) for h in CLASSES)
    assert found.var(ddof=1) / len(found) == pytest.approx(textbook, rel=1e-12)


@pytest.mark.parametrize("groups", [2, 4])
def test_every_group_of_a_split_has_its_share_of_every_stratum(groups):
    rows, label = balanced(np.random.default_rng(0), 11, 0.0)
    for split in labels(units(rows, strata=label), groups, 20, 0):
        sizes = np.bincount(split, minlength=groups)
        assert sizes.max() - sizes.min() <= 1
        for stratum in CLASSES:
            inside = np.bincount(split[label == stratum], minlength=groups)
            assert inside.max() - inside.min() <= 1


def test_a_single_stratum_is_a_plain_sample():
    real, fake = np.random.default_rng(0).standard_normal((2, 80, 3))
    plain, one = estimate("fd", real, fake), estimate("fd", real, fake, strata_fake=np.zeros(80))
    assert one.value == plain.value
    assert one.se >= plain.se  # its second-order part is left in


@pytest.mark.slow
@pytest.mark.parametrize("use", ["fd", "kd", "precision", "coverage"])
def test_intervals_of_class_balanced_sets_hold_and_those_blind_to_the_classes_are_too_wide(use):
    rng = np.random.default_rng(2)
    real, _ = balanced(rng, 40, 0.0)
    call = {use: MetricCall(use)}
    found = {True: [], False: []}
    for r in range(250):
        fake, label = balanced(rng, 24, 0.5)
        for given in found:
            analysis = analyse(
                call, real, fake, real_seed=0, fake_seed=r, replicates=60, strata_fake=label if given else None
            )[use]
            found[given].append(interval(analysis, level=0.95, target="T_N", reference="fixed"))
    values = np.array([e.value for e in found[True]])
    truth, sd = values.mean(), values.std(ddof=1)
    seen, blind = (np.mean([e.se for e in found[given]]) / sd for given in (True, False))
    covered = np.mean([e.low <= truth <= e.high for e in found[True]])
    assert covered > 0.95 - 3 * (0.95 * 0.05 / 250) ** 0.5
    assert 0.88 < seen < 1.25
    if use in ("fd", "kd"):  # the control: the spread between classes, which is no noise here, counted as noise
        assert blind > 1.3
        assert blind > 1.2 * seen


def test_differences_and_joint_replicates_take_strata():
    rng = np.random.default_rng(3)
    real, _ = balanced(rng, 40, 0.0)
    groups = {}
    for name, shift in (("near", 0.2), ("far", 0.6)):
        fake, label = balanced(rng, 24, shift)
        made = analyse({"fd": MetricCall("fd")}, real, fake, real_seed=0, fake_seed=len(groups), strata_fake=label)
        groups[name] = [SeedMember(None, 0, made["fd"])]
    found = difference(groups["far"], groups["near"], reference="fixed")
    draws = joint_replicates(groups, count=4000, reference="fixed", seed=0).difference("far", "near")
    assert draws.std() == pytest.approx(found.se, rel=0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strata_fake": [0, 1]}, "`strata_fake` has shape"),
        ({"strata_real": np.arange(60) // 59}, "1 strata with one independent unit"),
        ({"strata_fake": np.arange(60) % 2, "clusters_fake": np.arange(60) // 3}, "into several strata"),
        ({"strata_fake": np.arange(60) % 2, "target": "T_inf"}, "not known for clusters and strata"),
    ],
)
def test_strata_that_cannot_be_used_are_refused(options, words):
    real, fake = np.random.default_rng(0).standard_normal((2, 60, 3))
    with pytest.raises(UsageError, match=words):
        estimate("fd", real, fake, **options)


def test_the_estimate_says_that_only_the_spread_within_strata_counts():
    rng = np.random.default_rng(4)
    real, label = balanced(rng, 20, 0.0)
    fake, _ = balanced(rng, 20, 0.3)
    found = estimate("kd", real, fake, strata_fake=label)
    assert any("100 fake rows in 5 strata" in note for note in found.notes)
