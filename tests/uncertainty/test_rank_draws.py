"""The simulated critical value of rank sets: what looking at every pair of every draw gives, for less."""

import numpy as np
import pytest

from harness.uncertainty.ranks import OwnVariance, _Pairs, _studentised

DRAWS = 2_000


def made(groups: int, kind: str) -> tuple[_Pairs, list[OwnVariance]]:
    """Generators with many images ("images"), few training seeds ("seeds"), both, or variances of 0 among them."""
    rng = np.random.default_rng(groups)
    loadings = rng.standard_normal((groups, 3))
    variance = rng.gamma(2.0, 1.0, groups)
    degrees = np.full(groups, 2.0 if kind == "seeds" else np.inf)
    if kind == "both":
        degrees = np.where(rng.random(groups) < 0.5, 2.0, 40.0)
    if kind == "zero":
        variance[: groups // 2] = 0.0
    shared = np.zeros((groups, groups)) if kind == "zero" else 0.3 + loadings @ loadings.T * (0.03 if groups % 2 else 1)
    own = [OwnVariance(v, d, 0.1 * v) for v, d in zip(variance, degrees, strict=True)]
    return _Pairs(*np.triu_indices(groups, 1), shared), own


@pytest.mark.parametrize("kind", ["images", "seeds", "both", "zero"])
@pytest.mark.parametrize("groups", [2, 3, 8, 21])
def test_the_quantile_is_that_of_all_pairs_of_all_draws(groups, kind):
    pairs, own = made(groups, kind)
    mean, drawn = pairs._draws(own, 5, DRAWS)
    degrees = np.array([o.degrees for o in own])
    gap = mean[:, pairs.first] - mean[:, pairs.second]
    largest = pairs.studentise(gap, drawn, degrees)[1].max(axis=1)
    for level in (0.5, 0.95, 0.99):
        assert pairs.critical(own, level, 5, DRAWS) == pytest.approx(np.quantile(largest, level), rel=1e-14)


@pytest.mark.parametrize("kind", ["images", "seeds", "both", "zero"])
def test_the_bounds_hold_the_largest_pair_of_every_draw(kind):
    pairs, own = made(21, kind)
    mean, drawn = pairs._draws(own, 5, DRAWS)
    degrees = np.array([o.degrees for o in own])
    largest = pairs.studentise(mean[:, pairs.first] - mean[:, pairs.second], drawn, degrees)[1].max(axis=1)
    least, most = pairs._bounds(mean, drawn, degrees)
    assert (least <= largest * (1 + 1e-12)).all()
    assert (largest <= most).all()


def test_two_hundred_generators_of_many_images_need_few_of_all_pairs(monkeypatch):
    """Counted, not timed: 2e8 pairs of draws before, each mapped to the normal scale."""
    mapped = []

    def counting(gap, *others):
        mapped.append(np.size(gap))
        return _studentised(gap, *others)

    pairs, own = made(201, "images")
    monkeypatch.setattr("harness.uncertainty.ranks._studentised", counting)
    assert pairs.critical(own, 0.95, 5, 10_000) > 3
    assert sum(mapped) < 0.01 * 10_000 * len(pairs.first)
