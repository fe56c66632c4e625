"""A weighted sum over encoders: the same number, joint over images, an interval that covers."""

from __future__ import annotations

import numpy as np
import pytest

from harness.base import UsageError
from harness.metrics import analyse
from harness.uncertainty import MetricCall, NoInterval, SeedMember, difference, interval, rank_sets, weighted_sum

ENCODERS = 3
WEIGHTS = (0.5, 0.2, 1.5)


def seen(latent: np.ndarray) -> list[np.ndarray]:
    """The same images under three encoders of other widths: linear, bent, and a few of the same columns."""
    mix = np.random.default_rng(99).normal(size=(4, 6)) / 2
    return [latent[:, :4] @ mix, np.tanh(latent[:, 1:4]) + 0.1 * latent[:, 1:4] ** 2, latent[:, :2]]


def analysed(real: np.ndarray, fake: np.ndarray, weights=WEIGHTS, seed: int = 0):
    each = [
        analyse({"fd": MetricCall("fd")}, r, f, real_seed=7 + e, fake_seed=seed * 10 + e)["fd"]
        for e, (r, f) in enumerate(zip(seen(real), seen(fake), strict=True))
    ]
    return weighted_sum(each, weights, use="average"), each


def draws(rng: np.random.Generator, n: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return shift + scale * rng.normal(size=(n, 5))


def test_the_value_is_the_weighted_sum_and_one_encoder_twice_is_that_encoder():
    rng = np.random.default_rng(0)
    real, fake = draws(rng, 150), draws(rng, 120, 0.4)
    found, each = analysed(real, fake)
    assert found.value == pytest.approx(sum(w * a.value for w, a in zip(WEIGHTS, each, strict=True)), rel=1e-12)
    half = weighted_sum([each[0], each[0]], [0.5, 0.5], use="average")
    for reference in ("fixed", "random"):
        one, other = (interval(a, level=0.95, target="T_N", reference=reference) for a in (each[0], half))
        # First-order parts are joint, so nothing is gained by averaging a thing with itself.
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=0.02)


def test_images_are_joint_over_encoders_and_not_counted_as_independent():
    rng = np.random.default_rng(1)
    real, fake = draws(rng, 300), draws(rng, 300, 0.6)
    found, each = analysed(real, fake, (1.0, 1.0, 1.0))
    joint = interval(found, level=0.95, target="T_N", reference="random").se
    apart = [interval(a, level=0.95, target="T_N", reference="random").se for a in each]
    assert joint > 1.2 * np.sqrt(np.sum(np.square(apart)))  # what adding variances would say
    assert joint < np.sum(apart)


@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.0), (0.0, 1.6), (0.0, 1.0)])
def test_intervals_cover_the_expected_value_at_these_sizes(shift, scale):
    """95 % at n = 100, within three errors of 80 repetitions; equal laws, where second order rules, not below."""
    rng, trials = np.random.default_rng(2), 80
    found = [analysed(draws(rng, 100), draws(rng, 100, shift, scale), seed=t)[0] for t in range(trials)]
    centre = float(np.mean([a.value for a in found]))
    ends = [interval(a, level=0.95, target="T_N", reference="random") for a in found]
    covered = np.mean([e.low <= centre <= e.high for e in ends])
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)
    spread = np.mean([e.se for e in ends]) / np.std([a.value for a in found])
    # Equal laws: second-order parts are taken as independent over encoders, which is too wide by up to this.
    assert 0.8 < spread < (1.5 if (shift, scale) == (0.0, 1.0) else 1.2)


def test_two_generators_share_the_reference():
    """The difference of two averages is far surer than their own noise says, and ranks know it."""
    rng = np.random.default_rng(3)
    real, latent = draws(rng, 200), draws(rng, 2000)
    near, far = latent[:1000] + 0.5, latent[1000:] * 1.1 + 0.6
    members = {
        name: [SeedMember(None, 0, analysed(real, fake, seed=s)[0])]
        for s, (name, fake) in enumerate((("near", near), ("far", far)))
    }
    gap = difference(members["far"], members["near"], reference="random")
    own = [interval(m[0].analysis, level=0.95, target="T_N", reference="random").se for m in members.values()]
    assert gap.se < 0.7 * np.hypot(*own)
    assert rank_sets(members, lower_is_better=True, level=0.95, reference="random", seed=0).rank["near"] == 1


def test_other_images_are_refused_and_copies_seen_by_one_encoder_alone_leave_no_interval():
    rng = np.random.default_rng(4)
    _, each = analysed(draws(rng, 100), draws(rng, 100))
    _, other = analysed(draws(rng, 100), draws(rng, 90))
    with pytest.raises(UsageError, match=r"only values of the same images can be summed.*\(100, 100\)"):
        weighted_sum([each[0], other[1]], [1.0, 1.0], use="average")
    with pytest.raises(UsageError, match="one positive weight"):
        weighted_sum(each, [1.0, 0.0, 1.0], use="average")
    real, fake = draws(rng, 100), draws(rng, 100)
    fake[1] = fake[0]
    rows = seen(fake)
    rows[1][1] += 0.5  # as an encoder would whose batch moves a row
    each = [
        analyse({"fd": MetricCall("fd")}, r, f, real_seed=0, fake_seed=0)["fd"]
        for r, f in zip(seen(real), rows, strict=True)
    ]
    found = weighted_sum(each, [1.0, 1.0, 1.0], use="average")
    assert isinstance(found.form, NoInterval)
    assert "100 real and 99 fake, 100 real and 100 fake" in found.form.reason
