"""Influence functions, second-order terms and replicates against independent computations of the same thing."""

import re

import numpy as np
import pytest

from harness.base import imported
from harness.metrics.analyses import analyse
from harness.metrics.frechet.distance import distance, frechet_distance, moments_of_covariance
from harness.metrics.kernel.distance import kernel_distance
from harness.metrics.manifold.values import coverage, density, precision, recall
from harness.metrics.table import facts_of
from harness.uncertainty.analysis import Analysis, MetricCall
from harness.uncertainty.sampling_units import units
from harness.uncertainty.splits import labels, shared_covariance, variance_of_both, variance_of_fake
from harness.uncertainty.variance import variance_of_sum
from tests.conftest import ROOT

STATISTICS = ROOT / "docs/statistics.md"
SIX = {name: MetricCall(name) for name in ("fd", "kd", "precision", "recall", "density", "coverage")}
FOUR = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def pair(m=300, n=240, d=6, shift=0.3, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((d, d)) / np.sqrt(d)
    return rng.standard_normal((m, d)), rng.standard_normal((n, d)) @ mix + shift


def run(use, real, fake, real_seed=1, fake_seed=2, replicates=200, **parameters) -> Analysis:
    call = {use: MetricCall(use, parameters)}
    return analyse(call, real, fake, real_seed=real_seed, fake_seed=fake_seed, replicates=replicates)[use]


def weighted_distance(real, fake, weight_real, weight_fake):
    """FD under reweighted rows; the factor n/(n-1) of the covariance is held, as when a population is tilted."""
    sides = []
    for rows, weight in ((real, weight_real), (fake, weight_fake)):
        n = len(rows)
        weight = weight / weight.sum()
        mean = weight @ rows
        matrix = (rows.T * weight) @ rows - np.outer(mean, mean)
        sides.append(moments_of_covariance(n, mean, matrix * n / (n - 1)))
    return distance(*sides)


@pytest.mark.parametrize("side", ["real", "fake"])
def test_frechet_influence_equals_finite_differences(side):
    real, fake = pair()
    psi = getattr(run("fd", real, fake).form, f"influence_{side}")
    rows = {"real": real, "fake": fake}[side]
    n, step = len(rows), 1e-4
    found = []
    for i in range(0, n, 11):
        values = []
        for sign in (1, -1):
            weight = np.full(n, (1 - sign * step) / n)
            weight[i] += sign * step
            one = np.ones(len(real)), np.ones(len(fake))
            pair_of_weights = (weight, one[1]) if side == "real" else (one[0], weight)
            values.append(weighted_distance(real, fake, *pair_of_weights))
        found.append((values[0] - values[1]) / (2 * step))
    expected = psi[::11]
    assert np.abs(np.array(found) - expected).max() < 1e-5 * np.abs(psi).max()


def test_frechet_influence_equals_finite_differences_when_singular():
    """n <= d on both sides: derivatives within the span of the rows."""
    real, fake = pair(12, 10, 30)
    psi = run("fd", real, fake).form.influence_fake
    step, found = 1e-5, []
    for i in range(10):
        values = []
        for sign in (1, -1):
            weight = np.full(10, (1 - sign * step) / 10)
            weight[i] += sign * step
            values.append(weighted_distance(real, fake, np.ones(12), weight))
        found.append((values[0] - values[1]) / (2 * step))
    assert np.abs(np.array(found) - psi).max() < 1e-4 * np.abs(psi).max()


@pytest.mark.parametrize("use", ["fd", "kd"])
def test_influence_sums_to_zero(use):
    found = run(use, *pair())
    for influence in (found.form.influence_real, found.form.influence_fake):
        assert abs(influence.sum()) < 1e-9 * np.abs(influence).sum()


def test_frechet_bias_equals_the_shift_of_the_exact_bootstrap():
    real, fake = pair(1200, 1000, 6)
    found = run("fd", real, fake)
    rng = np.random.default_rng(0)
    shifts = []
    for _ in range(1500):
        again = weighted_distance(
            real,
            fake,
            rng.multinomial(1200, np.full(1200, 1 / 1200.0)) * 1.0,
            rng.multinomial(1000, [0.001] * 1000) * 1.0,
        )
        # A bootstrap covariance with n/(n-1) is (n-1)/n of the sample's on average: put the trace back.
        shifts.append(again)
    lost = np.mean(shifts) - found.value
    expected = found.bias.real + found.bias.fake
    assert lost == pytest.approx(expected, abs=0.05 * expected + 3 * np.std(shifts) / np.sqrt(1500))


def test_second_order_expansion_leaves_a_third_order_remainder():
    real, fake = pair(200, 160, 4)
    found = run("fd", real, fake)
    tilt_r = np.tanh(real[:, 0]) - np.tanh(real[:, 0]).mean()
    tilt_f = np.tanh(fake[:, 1]) - np.tanh(fake[:, 1]).mean()

    def value(step):
        return weighted_distance(real, fake, 1 + step * tilt_r, 1 + step * tilt_f)

    linear = found.form.influence_real @ tilt_r / 200 + found.form.influence_fake @ tilt_f / 160
    assert (value(1e-4) - value(-1e-4)) / 2e-4 == pytest.approx(linear, rel=1e-6)
    odd = [abs((value(step) - value(-step)) / 2 - step * linear) for step in (0.4, 0.2, 0.1)]
    slopes = np.log2(np.array(odd[:-1]) / odd[1:])
    assert (slopes > 2.7).all()


def test_frechet_analysis_survives_fewer_rows_than_columns():
    found = run("fd", *pair(40, 30, 64))
    assert found.value == pytest.approx(frechet_distance(*pair(40, 30, 64)))
    assert np.isfinite(found.form.influence_real).all()
    assert found.conservative
    assert isinstance(found.bias, str)


def test_kernel_influence_is_the_delete_one_jackknife():
    real, fake = pair(90, 80, 4)
    found = run("kd", real, fake)
    for rows, influence, other in ((real, found.form.influence_real, 0), (fake, found.form.influence_fake, 1)):
        n = len(rows)
        left_out = np.array(
            [
                kernel_distance(np.delete(real, i, 0), fake)
                if other == 0
                else kernel_distance(real, np.delete(fake, i, 0))
                for i in range(n)
            ]
        )
        jackknife = (n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()
        assert influence.var(ddof=1) / n == pytest.approx(jackknife, rel=0.03)


def test_kernel_second_order_equals_the_doubly_centred_kernel():
    real, fake = pair(50, 40, 3)
    found = run("kd", real, fake)
    k_rr, k_ff, k_rf = ((a @ b.T / 3 + 1) ** 3 for a, b in ((real, real), (fake, fake), (real, fake)))

    def own(k):
        n = len(k)
        mean = (k.sum(1) - np.diag(k)) / (n - 1)
        centred = k - mean[:, None] - mean[None, :] + mean.mean()
        return (centred[~np.eye(n, dtype=bool)] ** 2).mean()

    cross = k_rf - k_rf.mean(1)[:, None] - k_rf.mean(0)[None, :] + k_rf.mean()
    assert found.form.second_order_real == pytest.approx(2 * own(k_rr) / (50 * 49), rel=1e-9)
    assert found.form.second_order_fake == pytest.approx(2 * own(k_ff) / (40 * 39), rel=1e-9)
    assert found.form.second_order_cross == pytest.approx(4 * (cross**2).mean() / (50 * 40), rel=1e-9)
    assert (found.form.pairs_real**2).mean() == pytest.approx(found.form.second_order_real, rel=1e-12)


def tied(m=80, n=70, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (m, 5)).astype(float), rng.integers(0, 4, (n, 5)).astype(float)


@pytest.mark.parametrize("make", [pair, tied])
@pytest.mark.parametrize(("k", "closed"), [(3, True), (5, False), (3, False), (5, True)])
@pytest.mark.parametrize("use", FOUR)
def test_split_tables_equal_the_metric_of_each_pair_of_groups(use, k, closed, make):
    real, fake = make()
    found = run(use, real, fake, replicates=50, k=k, closed=closed)
    assert found.value == FOUR[use](real, fake, k=k, closed=closed)
    for groups, tables in ((2, found.form.halves), (4, found.form.quarters)):
        of_real = labels(units(real), groups, len(tables), 1)
        of_fake = labels(units(fake), groups, len(tables), 2)
        for s in (0, len(tables) - 1):
            for a in range(groups):
                for b in range(groups):
                    group = FOUR[use](real[of_real[s] == a], fake[of_fake[s] == b], k=k, closed=closed)
                    assert tables[s, a, b] == pytest.approx(group, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_quarters_need_the_rows_that_the_documentation_says(k):
    said = re.search(r"At least (\d+) \(k \+ (\d+)\) rows a side are needed for quarters", STATISTICS.read_text())
    rows = int(said[1]) * (k + int(said[2]))
    drawn = np.random.default_rng(0).normal(size=(2, rows, 4))
    assert run("coverage", *drawn, replicates=50, k=k).form.quarters is not None
    assert run("coverage", *drawn[:, :-1], replicates=50, k=k).form.quarters is None


def test_disjoint_variances_equal_their_definition():
    tables = np.random.default_rng(0).standard_normal((7, 4, 4))
    other = np.random.default_rng(1).standard_normal((7, 4, 4))
    both, fake, shared = [], [], []
    for t, u in zip(tables, other, strict=True):
        cells = [(a, b) for a in range(4) for b in range(4)]
        pairs = [(p, q) for p in cells for q in cells]
        both.append(np.mean([(t[p] - t[q]) ** 2 / 2 for p, q in pairs if p[0] != q[0] and p[1] != q[1]]))
        fake.append(np.mean([(t[p] - t[q]) ** 2 / 2 for p, q in pairs if p[0] == q[0] and p[1] != q[1]]))
        shared.append(
            np.mean([t[p] * u[q] for p, q in pairs if p[0] == q[0] and p[1] != q[1]])
            - np.mean([t[p] * u[q] for p, q in pairs if p[0] != q[0] and p[1] != q[1]])
        )
    assert variance_of_both(tables) == pytest.approx(np.mean(both))
    assert variance_of_fake(tables) == pytest.approx(np.mean(fake))
    assert shared_covariance([tables, other])[0, 1] == pytest.approx(np.mean(shared))
    assert shared_covariance([tables])[0, 0] == pytest.approx(np.mean(both) - np.mean(fake))


@pytest.mark.parametrize("use", ["fd", "kd", "precision", "recall"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(use):
    first, second, other = (run(use, *pair(), fake_seed=seed).to_parts() for seed in (2, 2, 3))
    assert first[0] == second[0]
    assert {k: v.tobytes() for k, v in first[1].items()} == {k: v.tobytes() for k, v in second[1].items()}
    if use != "kd":  # nothing is drawn for the fake side of KD
        assert (first[0], [v.tobytes() for v in first[1].values()]) != (
            other[0],
            [v.tobytes() for v in other[1].values()],
        )


def test_real_side_draws_do_not_depend_on_the_generator():
    real, fake = pair()
    other = pair(seed=5)[1]
    assert np.array_equal(run("kd", real, fake).form.pairs_real, run("kd", real, other, fake_seed=9).form.pairs_real)
    constant = MetricCall("mean", function=lambda left, right: float(left[:, 0].mean()))
    first = analyse({"x": constant}, real, fake, real_seed=1, fake_seed=2)["x"]
    second = analyse({"x": constant}, real, other, real_seed=1, fake_seed=3)["x"]
    assert np.array_equal(first.form.halves, second.form.halves)


def test_an_analysis_survives_storage_bit_for_bit():
    import json

    for found in analyse(SIX, *pair(), real_seed=1, fake_seed=2).values():
        plain, arrays = found.to_parts()
        again = Analysis.from_parts(json.loads(json.dumps(plain)), arrays)
        assert again.to_parts()[0] == plain
        assert {k: v.tobytes() for k, v in again.to_parts()[1].items()} == {k: v.tobytes() for k, v in arrays.items()}


def test_the_generic_interval_of_a_difference_of_means_has_its_standard_error():
    real, fake = pair(400, 300)
    call = {
        "gap": MetricCall("gap", {"column": 1}, lambda r, f, column: float(r[:, column].mean() - f[:, column].mean()))
    }
    found = analyse(call, real, fake, real_seed=1, fake_seed=2, replicates=1000)["gap"]
    of_fake = fake[:, 1].var(ddof=1) / 300
    random, fixed = (variance_of_sum([found], [1.0], reference) for reference in ("random", "fixed"))
    assert random.total == pytest.approx(real[:, 1].var(ddof=1) / 400 + of_fake, rel=0.2)
    assert fixed.total == pytest.approx(of_fake, rel=0.2)


def test_a_metric_with_its_own_influence_is_not_resampled():
    class Gap:
        calls = 0

        def __call__(self, real, fake):
            self.calls += 1
            return float(real[:, 0].mean() - fake[:, 0].mean())

        def influence(self, real, fake):
            return real[:, 0], -fake[:, 0]

    real, fake = pair(400, 300)
    gap = Gap()
    found = analyse({"gap": MetricCall("gap", function=gap)}, real, fake, real_seed=1, fake_seed=2)["gap"]
    assert gap.calls == 1
    assert found.form.influence_real.var(ddof=1) == pytest.approx(real[:, 0].var(ddof=1))


@pytest.mark.parametrize("name", ["vendi", "sliced_wasserstein", "mind"])
def test_a_value_that_comes_with_its_influence_is_that_of_the_metric_called_alone(name):
    metric, (real, fake) = imported(facts_of(name).target), pair(60, 50)
    value, of_real, of_fake = metric.value_and_influence(real, fake)
    assert value == metric(real, fake)
    assert [part.tolist() for part in (of_real, of_fake)] == [part.tolist() for part in metric.influence(real, fake)]
    assert run(name, real, fake).value == value


@pytest.mark.parametrize(("m", "n"), [(900, 700), (200, 180), (900, 180), (150, 900)])
def test_the_wide_route_gives_the_same_analysis_as_the_narrow_one(m, n, monkeypatch):
    """Eigenvalues, shared products and the exponential sum against singular values and the full kernel."""
    from harness.metrics.frechet import distance as metric
    from harness.metrics.frechet import influence as frechet

    real, fake = pair(m, n, 60)
    monkeypatch.setattr(frechet, "pair_count", lambda d: (2000, 16384))
    narrow = run("fd", real, fake)
    monkeypatch.setattr(frechet, "WIDE", 20)
    monkeypatch.setattr(metric, "SMALL", 20)
    wide = run("fd", real, fake)
    assert wide.value == pytest.approx(narrow.value, rel=1e-10)
    assert metric.distance(metric.moments(real), metric.moments(fake)) == pytest.approx(narrow.value, rel=1e-10)
    for side in ("influence_real", "influence_fake", "pairs_real"):
        scale = np.abs(getattr(narrow.form, side)).max()
        assert np.abs(getattr(wide.form, side) - getattr(narrow.form, side)).max() < 1e-6 * scale
    assert wide.form.second_order_fake == pytest.approx(narrow.form.second_order_fake, rel=1e-6)
    assert wide.form.second_order_cross == pytest.approx(narrow.form.second_order_cross, rel=1e-6)
    if "analytic" in getattr(narrow.bias, "said", ""):
        assert wide.bias.fake == pytest.approx(narrow.bias.fake, rel=1e-6)
