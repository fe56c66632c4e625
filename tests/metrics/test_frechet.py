"""Fréchet distance: closed forms, invariances, a peer, and the cases where peers lose digits."""

import numpy as np
import pytest
from cleanfid.fid import frechet_distance as peer_distance

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.frechet.distance import distance, frechet_distance, moments, moments_of_both
from harness.metrics.frechet.influence import Side, transport
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.intervals import interval


def features(n: int, d: int, seed: int, *, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = np.arange(1, d + 1) ** -0.5
    return scale * (rng.standard_normal((n, d)) * spread + shift)


def with_moments(n: int, mean: np.ndarray, sd: np.ndarray, seed: int) -> np.ndarray:
    """Rows whose sample mean and covariance (n-1) are exactly these."""
    raw = np.random.default_rng(seed).standard_normal((n, len(mean)))
    raw -= raw.mean(axis=0)
    orthogonal, _ = np.linalg.qr(raw)
    return orthogonal * np.sqrt(n - 1) * sd + mean


def test_distance_of_shifted_gaussians_is_the_squared_shift():
    real = features(200, 8, 0)
    shift = np.linspace(-1, 2, 8)
    assert frechet_distance(real, real + shift) == pytest.approx(float(shift @ shift), rel=1e-12)


def test_distance_of_diagonal_gaussians_is_the_sum_of_squared_differences():
    mean_r, mean_f = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 0.0])
    sd_r, sd_f = np.array([1.0, 2.0, 0.3]), np.array([0.7, 2.5, 1.3])
    value = frechet_distance(with_moments(50, mean_r, sd_r, 1), with_moments(70, mean_f, sd_f, 2))
    assert value == pytest.approx(float(((mean_r - mean_f) ** 2 + (sd_r - sd_f) ** 2).sum()), rel=1e-12)


@pytest.mark.parametrize(("n", "scale"), [(300, 1.0), (20, 1.0), (300, 1e3), (20, 1e3), (300, 1e-6)])
def test_distance_of_a_set_to_itself_is_zero_at_any_scale(n, scale):
    real = features(n, 64, 3, scale=scale)
    assert 0.0 <= frechet_distance(real, real) <= 1e-12
    assert 0.0 <= frechet_distance(real, real[::-1]) <= 1e-12


@pytest.mark.parametrize("n", [500, 40])
def test_swapping_the_sets_changes_nothing(n):
    real, fake = features(n, 50, 4), features(n + 7, 50, 5, shift=0.1)
    assert frechet_distance(real, fake) == pytest.approx(frechet_distance(fake, real), rel=1e-10)


@pytest.mark.parametrize("n", [300, 30])
def test_a_rotation_of_feature_space_changes_nothing(n):
    rotation, _ = np.linalg.qr(np.random.default_rng(6).standard_normal((40, 40)))
    real, fake = features(n, 40, 7), features(n, 40, 8, shift=0.1)
    assert frechet_distance(real @ rotation, fake @ rotation) == pytest.approx(frechet_distance(real, fake), rel=1e-10)


def test_the_order_of_the_rows_changes_nothing():
    real, fake = features(200, 16, 9), features(200, 16, 10)
    assert frechet_distance(real[::-1], np.roll(fake, 17, axis=0)) == pytest.approx(
        frechet_distance(real, fake), rel=1e-12
    )


def test_it_agrees_with_clean_fid_on_the_same_moments():
    real, fake = features(500, 32, 11), features(400, 32, 12, shift=0.2)
    peer = peer_distance(real.mean(axis=0), np.cov(real, rowvar=False), fake.mean(axis=0), np.cov(fake, rowvar=False))
    assert frechet_distance(real, fake) == pytest.approx(peer, rel=1e-9)


def test_fewer_rows_than_columns_equal_the_same_rows_in_their_own_subspace():
    """Padding with zero columns makes n < d without changing the distance."""
    real, fake = features(30, 10, 13), features(25, 10, 14, shift=0.3)
    padded = [np.pad(rows, ((0, 0), (0, 50))) for rows in (real, fake)]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(real, fake), rel=1e-10)


def test_a_dead_column_in_many_rows_changes_nothing():
    real, fake = features(300, 10, 15), features(300, 10, 16, shift=0.3)
    dead = [np.insert(rows, 4, 7.0, axis=1) for rows in (real, fake)]
    assert frechet_distance(*dead) == pytest.approx(frechet_distance(real, fake), rel=1e-9)


def test_float32_features_are_averaged_in_float64():
    real = (features(20_000, 4, 17) + 1000.0).astype(np.float32)
    fake = (features(20_000, 4, 18, shift=0.01) + 1000.0).astype(np.float32)
    exact = frechet_distance(real.astype(np.float64), fake.astype(np.float64))
    assert frechet_distance(real, fake) == pytest.approx(exact, rel=1e-12)


def wide(n: int, seed: int, shift: float = 0.0, d: int = 300) -> np.ndarray:
    """Float32 features of many columns, whose products are taken in float32."""
    return features(n, d, seed, shift=shift).astype(np.float32)


def test_float32_products_move_the_distance_less_than_a_hundredth_of_its_standard_error():
    real, fake = wide(3000, 1), wide(2500, 2, 0.05)
    found = analyse({"fd": MetricCall("fd")}, real, fake, real_seed=0, fake_seed=1)["fd"]
    assert found.method.endswith("(float32 products)")
    exact = distance(moments(real), moments(fake))
    assert 0.0 < abs(found.value - exact) < 0.01 * interval(found, level=0.95, target="T_N", reference="fixed").se
    assert found.value == pytest.approx(exact, rel=1e-6)
    assert found.value == pytest.approx(frechet_distance(real, fake), rel=1e-12)


@pytest.mark.parametrize("spoilt", ["dead columns", "few directions", "too large", "collapsed"])
def test_features_that_float32_products_would_spoil_are_taken_in_float64(spoilt):
    real, fake = wide(900, 1), wide(800, 2, 0.05)
    if spoilt == "dead columns":
        real[:, 5] = fake[:, 5] = 7.0
    elif spoilt == "few directions":
        real, fake = (rows[:, :40] @ wide(40, 3) for rows in (real, fake))
    elif spoilt == "too large":
        real, fake = real * np.float32(1e25), fake * np.float32(1e25)
    else:
        fake = np.float32(1e-5) * fake + fake[0]
    found = moments_of_both(real, fake)
    assert not any(one.single for one in found)
    assert frechet_distance(real, fake) == distance(moments(real), moments(fake))


def test_rows_kept_for_pairs_give_the_products_that_are_computed_anew():
    real, fake = wide(700, 1), wide(600, 2, 0.05)
    of_real, of_fake = moments_of_both(real, fake)
    whiten_real, _, s, _ = transport(of_real, of_fake)
    side = Side(real, of_real, of_real.mean - of_fake.mean, whiten_real, s)
    i, j = np.arange(300), np.arange(300, 600)
    anew = side.products(side, i, j)
    side.influence_and_norm(keep=np.arange(0, 650))
    assert side.products(side, i, j) == pytest.approx(anew, rel=1e-4, abs=1e-4 * np.abs(anew).max())
    side.kept_white[:] = 0.0  # they are what is read
    assert not np.allclose(side.products(side, i, j), anew, rtol=1e-2)


def bad(value, row=3):
    array = features(20, 4, 0)
    array[row, 1] = value
    array[row + 2, 0] = value
    return array


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (bad(np.nan), features(20, 4, 1), ["`real`", "2 of its 20 rows", "row 3"]),
        (features(20, 4, 1), bad(np.inf, row=7), ["`fake`", "2 of its 20 rows", "row 7"]),
        (features(20, 4, 1), features(20, 5, 1), ["`real` has 4 columns", "`fake` has 5", "same encoder"]),
        (features(20, 4, 1)[:, :, None], features(20, 4, 1), ["`real`", "(20, 4, 1)", "(n, d)"]),
        (features(20, 4, 1), features(1, 4, 1), ["`fake` has 1 rows", "at least 2"]),
        (np.array([["a", "b"]] * 4), features(20, 2, 1), ["`real`", "real numbers"]),
    ],
)
def test_bad_features_are_refused_in_words(real, fake, words):
    with pytest.raises(UsageError) as caught:
        frechet_distance(real, fake)
    for word in words:
        assert word in str(caught.value)


def test_all_problems_are_said_at_once():
    with pytest.raises(UsageError) as caught:
        frechet_distance(bad(np.nan), features(1, 4, 0))
    assert len(caught.value.problems) == 2
