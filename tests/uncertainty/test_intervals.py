"""Estimates, targets, duplicates, seeds and ranks: what the intervals say and refuse."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.estimates import estimate
from harness.uncertainty.analysis import Analysis, InfluenceForm, MetricCall
from harness.uncertainty.intervals import interval, quantile_of
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.seeds import SeedMember, combine
from harness.uncertainty.variance import variance_of_sum

NAMES = ("fd", "kd", "precision", "recall", "density", "coverage")
T95 = {1: 12.706204736, 2: 4.302652730, 4: 2.776445105}


def pair(m=400, n=400, d=16, shift=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, d)), 0.9 * rng.standard_normal((n, d)) + shift


def say(name, *sets, **options):
    return estimate(name, *(sets or pair()), **options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_every_metric_has_an_interval_around_its_value(name, reference):
    found = say(name, reference=reference)
    assert found.low <= found.value <= found.high
    assert found.se > 0
    assert (found.n_real, found.n_fake, found.target, found.reference, found.level) == (
        400,
        400,
        "T_N",
        reference,
        0.95,
    )
    assert found.method


@pytest.mark.parametrize("name", ["fd", "kd", "precision", "recall", "density"])
def test_a_random_reference_is_less_certain_than_a_fixed_one(name):
    assert say(name, reference="random").se > 0.95 * say(name, reference="fixed").se


def test_a_higher_level_is_wider_and_nested():
    narrow, wide = say("fd", level=0.8), say("fd", level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_an_interval_of_a_squared_distance_holds_what_would_be_as_far_off_with_its_own_variance():
    real, fake = pair(shift=0.5)
    found = analyse({"fd": MetricCall("fd")}, real, fake, real_seed=1, fake_seed=2)["fd"]
    spread = variance_of_sum([found], [1.0], "random")
    estimate = interval(found, level=0.95, target="T_N", reference="random")
    from scipy.special import stdtrit

    quantile = stdtrit(spread.degrees, 0.975)
    for end in (estimate.low, estimate.high):
        gap = end - estimate.value
        assert gap**2 == pytest.approx(quantile**2 * (spread.total + spread.slope * gap))
    assert estimate.high - estimate.value > estimate.value - estimate.low


def test_heavy_tails_cost_degrees_of_freedom():
    rng = np.random.default_rng(0)
    light = rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 1
    heavy = rng.standard_t(3, (300, 4)), rng.standard_t(3, (300, 4)) + 1
    degrees = []
    for real, fake in (light, heavy):
        found = analyse({"kd": MetricCall("kd")}, real, fake, real_seed=1, fake_seed=2)["kd"]
        degrees.append(variance_of_sum([found], [1.0], "random").degrees)
    assert degrees[0] > 2 * degrees[1]
    assert degrees[1] >= 3


def test_shares_near_their_ends_say_so():
    real, fake = pair(200, 200, d=4, shift=0.0)
    found = estimate("coverage", real, np.concatenate([real[:198] + 1e-6, fake[:2]]))
    assert found.value > 0.975
    assert any("boundary" in note for note in found.notes)
    assert not any("boundary" in note for note in say("recall", real, fake + 1.5).notes)


@pytest.mark.parametrize("name", ["precision", "recall", "coverage"])
def test_shares_stay_within_zero_and_one(name):
    rng = np.random.default_rng(0)
    real = rng.standard_normal((60, 3))
    for fake in (rng.standard_normal((60, 3)), rng.standard_normal((60, 3)) + 40.0):
        for reference in ("fixed", "random"):
            found = say(name, real, fake, reference=reference)
            assert 0.0 <= found.low <= found.value <= found.high <= 1.0
            assert found.high > found.low, "a share of 0 or 1 is not known exactly"


def test_population_value_subtracts_the_bias_and_says_so():
    real, fake = pair(800, 800)
    here, beyond = say("fd", real, fake), say("fd", real, fake, target="T_inf")
    assert beyond.value < here.value
    assert beyond.se == here.se
    assert beyond.target == "T_inf"
    assert "analytic bias" in beyond.method
    held = say("fd", real, fake, target="T_inf", reference="fixed")
    assert beyond.value < held.value < here.value


def test_between_ten_and_twenty_rows_per_column_the_bias_is_a_block_jackknifes():
    truth = 16 * (0.1**2 + 0.2**2)
    values = [say("fd", *pair(240, 240, seed=seed), target="T_inf") for seed in range(16)]
    assert "block jackknife bias" in values[0].method
    plain = [say("fd", *pair(240, 240, seed=seed)).value for seed in range(16)]
    error = np.mean([v.value for v in values]) - truth
    assert abs(error) < 3 * np.std([v.value for v in values]) / 4 + 0.02
    assert np.mean(plain) - truth > 10 * abs(error)


def test_population_value_is_refused_below_ten_rows_per_column():
    with pytest.raises(UsageError, match=r"`target`.*N/d = 6\.2.*T_N"):
        say("fd", *pair(100, 400), target="T_inf")


def test_kernel_distance_is_its_own_population_value():
    here, beyond = say("kd"), say("kd", target="T_inf")
    assert (here.low, here.value, here.high) == (beyond.low, beyond.value, beyond.high)


@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage"])
def test_ball_metrics_have_no_population_value(name):
    with pytest.raises(UsageError, match="no population value"):
        say(name, target="T_inf")


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("fid", {}, "no metric 'fid'; known: fd, kd"),
        ("fd", {"k": 3}, "no parameter `k`"),
        ("precision", {"k": 250}, "`k`=250|`k` is 250"),
        ("precision", {"closed": 1}, "`closed`"),
        ("kd", {"kernel": "cosine"}, "`kernel`"),
        ("fd", {"level": 95}, "`level` is 95"),
        ("fd", {"target": "inf"}, "`target`"),
        ("fd", {"reference": "held"}, "`reference`"),
        ("recall", {"replicates": 10}, "`replicates` is 10"),
    ],
)
def test_mistakes_are_refused_by_name(name, options, word):
    with pytest.raises(UsageError, match=word):
        say(name, **options)


def test_few_rows_per_column_and_agreement_are_marked_conservative():
    assert say("fd", *pair(100, 100)).conservative
    assert not say("fd", *pair(800, 800, shift=1.0)).conservative
    rng = np.random.default_rng(0)
    same = rng.standard_normal((400, 8)), rng.standard_normal((400, 8))
    assert say("fd", *same).conservative
    assert say("kd", *same).conservative


@pytest.mark.parametrize("name", ["fd", "kd", "density", "precision"])
@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_repeating_the_fake_images_ten_times_does_not_make_them_more_certain(name, reference):
    real, fake = pair(500, 100)
    once = say(name, real, fake, reference=reference, replicates=500)
    repeated = say(name, real, np.repeat(fake, 10, axis=0), reference=reference, replicates=500)
    assert repeated.se > 0.85 * once.se
    assert repeated.n_fake == 1000
    assert any("900 of 1000 fake rows" in note for note in repeated.notes)


def test_repeats_in_the_reference_count_once_too():
    real, fake = pair(100, 500)
    once, repeated = say("fd", real, fake), say("fd", np.tile(real, (5, 1)), fake)
    assert repeated.se == pytest.approx(once.se, rel=0.1)
    assert any("400 of 500 real rows" in note for note in repeated.notes)


def test_repeats_do_not_hide_from_the_population_value():
    real, fake = pair(1000, 100)
    with pytest.raises(UsageError, match="T_inf"):
        say("fd", real, np.repeat(fake, 10, axis=0), target="T_inf")


def analysis_of(value, *, spread=0.0, n=100, seed=0, use="fd") -> Analysis:
    """An influence-form analysis with a known value and fake-side standard error `spread`."""
    rng = np.random.default_rng(seed)
    influence = rng.standard_normal(n)
    influence = (influence - influence.mean()) / influence.std(ddof=1) * spread * np.sqrt(n)
    real = np.random.default_rng(1).standard_normal(n)
    return Analysis(
        use=use,
        value=value,
        n_real=n,
        n_fake=n,
        d=4,
        method="given",
        method_fixed="given",
        units_real=n,
        units_fake=n,
        effective_real=n,
        effective_fake=n,
        form=InfluenceForm(real - real.mean(), influence),
        bias="but none is known",
        floor=0.0 if use == "fd" else None,
    )


def members(values, spread=0.0):
    return [SeedMember(t, 0, analysis_of(v, spread=spread, seed=t)) for t, v in enumerate(values)]


def test_training_seeds_give_students_interval():
    found = combine(members([1.0, 2.0, 3.0]), level=0.95, target="T_N", reference="fixed").estimate
    assert found.value == 2.0
    assert found.se == pytest.approx(1 / np.sqrt(3))
    assert found.high == pytest.approx(2.0 + T95[2] / np.sqrt(3), rel=1e-8)
    assert "3 training seeds" in found.method


def test_sampling_seeds_are_averaged_within_a_training_seed():
    flat = [
        SeedMember(t, s, analysis_of(v, spread=0.1, seed=10 * t + s))
        for t, values in enumerate([[1.0, 3.0], [4.0]])
        for s, v in enumerate(values)
    ]
    found = combine(flat, level=0.95, target="T_N", reference="fixed").estimate
    assert found.value == 3.0
    assert found.se == pytest.approx(np.std([2.0, 4.0], ddof=1) / np.sqrt(2))
    assert found.high == pytest.approx(3.0 + T95[1] * found.se, rel=1e-8)


@pytest.mark.parametrize("training_seed", [None, 7])
def test_one_checkpoint_says_that_it_is_about_this_checkpoint_only(training_seed):
    pieces = [SeedMember(training_seed, s, analysis_of(2.0, spread=0.3, seed=s)) for s in range(4)]
    found = combine(pieces, level=0.95, target="T_N", reference="fixed").estimate
    assert "this checkpoint only" in found.method
    assert found.se == pytest.approx(0.3 / 2)


def test_the_shared_reference_does_not_shrink_with_more_seeds():
    real, _ = pair()
    sets = [
        SeedMember(t, 0, analyse({"fd": MetricCall("fd")}, real, pair(seed=t)[1], real_seed=1, fake_seed=t)["fd"])
        for t in range(1, 13)
    ]
    few, many = (
        combine(some, level=0.95, target="T_N", reference="random").components["reference_sampling"]
        for some in (sets[:3], sets)
    )
    assert many == pytest.approx(few, rel=0.2)
    fixed = combine(sets, level=0.95, target="T_N", reference="fixed")
    own = fixed.estimate.se**2
    assert combine(sets, level=0.95, target="T_N", reference="random").estimate.se ** 2 == pytest.approx(own + many)


def test_components_name_where_the_variance_is():
    pieces = [
        SeedMember(t, s, analysis_of(10.0 * t + 0.1 * (-1) ** s, spread=0.1, seed=10 * t + s))
        for t in range(4)
        for s in range(2)
    ]
    found = combine(pieces, level=0.95, target="T_N", reference="fixed").components
    assert found["image_sampling"] == pytest.approx(0.01)
    assert found["training_seed"] == pytest.approx(np.var([0, 10, 20, 30], ddof=1) - 0.005)
    assert found["sampling_seeds_chi2"] == pytest.approx(4 * 0.02 / 0.01)
    assert found["sampling_seeds_degrees"] == 4
    assert found["sampling_seeds_p"] == pytest.approx(0.0915782, rel=1e-5)
    assert combine(pieces[:1], level=0.95, target="T_N", reference="fixed").components["training_seed"] is None


def test_scores_against_different_references_are_not_combined():
    pieces = [SeedMember(0, 0, analysis_of(1.0)), SeedMember(1, 0, replace(analysis_of(2.0), n_real=50))]
    with pytest.raises(UsageError, match="reference set"):
        combine(pieces, level=0.95, target="T_N", reference="random")


def test_the_same_seeds_twice_are_refused():
    with pytest.raises(UsageError, match="same sampling seed"):
        combine([*members([1.0]), *members([2.0])], level=0.95, target="T_N", reference="fixed")


def ranked(values, spread, **options):
    groups = {
        name: [SeedMember(None, 0, analysis_of(v, spread=spread, seed=i))] for i, (name, v) in enumerate(values.items())
    }
    settings = {"lower_is_better": True, "level": 0.95, "reference": "fixed", "seed": 0} | options
    return rank_sets(groups, **settings)


def test_clearly_different_generators_get_one_rank_each():
    found = ranked({"a": 3.0, "b": 1.0, "c": 2.0}, 0.01)
    assert found.rank == found.low == found.high == {"a": 3, "b": 1, "c": 2}
    assert found.tied_with == {"a": (), "b": (), "c": ()}
    assert ranked({"a": 3.0, "b": 1.0, "c": 2.0}, 0.01, lower_is_better=False).rank == {"a": 1, "b": 3, "c": 2}


def test_indistinguishable_generators_name_each_other():
    found = ranked({"a": 1.0, "b": 1.01, "c": 9.0}, 0.1)
    assert found.rank == {"a": 1, "b": 2, "c": 3}
    assert (found.low, found.high) == ({"a": 1, "b": 1, "c": 3}, {"a": 2, "b": 2, "c": 3})
    assert found.tied_with == {"a": ("b",), "b": ("a",), "c": ()}


@pytest.mark.parametrize("count", [1, 2, 50])
def test_any_number_of_generators_can_be_ranked(count):
    found = ranked({str(i): float(i) for i in range(count)}, 0.05)
    assert [found.rank[str(i)] for i in range(count)] == list(range(1, count + 1))
    assert found.low == found.high == found.rank


def test_ranks_do_not_depend_on_the_order_of_the_generators():
    values = {"a": 1.0, "b": 1.3, "c": 1.6}
    backwards = dict(reversed(values.items()))
    assert ranked(values, 0.1, draws=2000).tied_with == ranked(backwards, 0.1, draws=2000).tied_with


def test_a_shared_reference_makes_generators_easier_to_tell_apart():
    """The real side's influence is the same for both: it cancels in the difference and must not blur it."""
    assert ranked({"a": 1.0, "b": 1.2}, 0.02, reference="random").tied_with == {"a": (), "b": ()}


def test_few_training_seeds_widen_the_rank_sets():
    def groups(seeds):
        rng = np.random.default_rng(3)
        return {
            name: members(centre + 0.1 * (z := rng.standard_normal(seeds) * 2**0.5) / z.std(ddof=1), spread=0.001)
            for name, centre in (("a", 1.0), ("b", 1.25))
        }

    for seeds, apart in ((2, False), (30, True)):
        found = rank_sets(groups(seeds), lower_is_better=True, level=0.95, reference="fixed", seed=0)
        assert (found.tied_with["a"] == ()) is apart


def test_six_metrics_with_200_replicates_take_under_a_second():
    calls = {name: MetricCall(name) for name in NAMES}
    real, fake = pair(d=32)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        analyse(calls, real, fake, real_seed=1, fake_seed=2)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.0


def test_importing_the_statistics_loads_neither_scipy_stats_nor_torch():
    script = (
        "import harness.uncertainty, sys; print([m for m in ('scipy.stats', 'torch', 'sklearn') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_interval_of_a_stored_analysis_is_the_estimate():
    real, fake = pair()
    direct = say("recall", real, fake, seed=4)
    from harness.base.keys import derive_seed

    call = {"recall": MetricCall("recall")}
    stored = analyse(call, real, fake, real_seed=derive_seed(4, "real"), fake_seed=derive_seed(4, "fake"))["recall"]
    again = Analysis.from_parts(*stored.to_parts())
    assert interval(again, level=0.95, target="T_N", reference="random") == direct


def test_training_seeds_that_agree_to_the_digit_still_leave_the_noise_of_their_images():
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(80, 4)), rng.normal(size=(60, 4))
    call = {"recall": MetricCall("recall", {"k": 3, "closed": True})}
    analysis = analyse(call, real, fake, real_seed=1, fake_seed=2, replicates=60)["recall"]
    members = [SeedMember(seed, 0, analysis) for seed in (0, 1)]
    for reference in ("fixed", "random"):
        found = combine(members, level=0.95, target="T_N", reference=reference).estimate
        assert found.low < found.value < found.high
        assert found.se > 0


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("metric", ["fd", "kd", "recall"])
def test_counting_the_reference_as_drawn_never_narrows_an_interval_over_seeds(seeds, metric):
    rng = np.random.default_rng(11)
    real = rng.normal(size=(120, 4))
    members = [
        SeedMember(
            seed,
            sampling,
            analyse(
                {metric: MetricCall(metric)},
                real,
                rng.normal(0.3 + 0.05 * seed, 1, size=(90, 4)),
                real_seed=1,
                fake_seed=10 * seed + sampling,
            )[metric],
        )
        for seed in range(seeds)
        for sampling in range(2)
    ]
    fixed, drawn = (combine(members, level=0.95, target="T_N", reference=r).estimate for r in ("fixed", "random"))
    assert drawn.high - drawn.low >= fixed.high - fixed.low
    assert drawn.se >= fixed.se


@pytest.mark.parametrize("d", [2, 8, 32])
def test_sets_that_nearly_coincide_get_finite_bounds_of_the_size_of_their_noise(d):
    rng = np.random.default_rng(3)
    real = rng.normal(size=(100, d))
    for fake in (real, real + 1e-6 * rng.normal(size=real.shape)):
        for metric in ("fd", "kd"):
            found = analyse({metric: MetricCall(metric)}, real, fake, real_seed=1, fake_seed=2)[metric]
            for reference in ("fixed", "random"):
                told = interval(found, level=0.95, target="T_N", reference=reference)
                assert told.high - told.value <= 10 * told.se + 1e-12
                assert told.low <= told.value
                assert metric == "kd" or told.low >= 0


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("shared", [0.1, 1.0])
def test_each_part_with_its_own_quantile_covers_where_satterthwaite_does_not(seeds, shared):
    rng = np.random.default_rng(20_000 + seeds)
    repetitions, training = 20_000, 4.0  # in units of the image noise
    means = rng.normal(size=(repetitions, seeds)) * np.sqrt(1 + training)
    error = means.mean(1) + rng.normal(size=repetitions) * np.sqrt(shared)
    between = means.var(1, ddof=1) / seeds
    own = quantile_of(seeds - 1, 0.95) ** 2 * between + quantile_of(np.inf, 0.95) ** 2 * shared
    assert 0.945 < np.mean(error**2 < own) < 0.99
    if seeds == 2 and shared == 1.0:  # the control: an image-noise floor and pooled degrees of freedom
        floored = np.maximum(between, 1 / seeds)
        variance = floored + shared
        degrees = variance**2 / (floored**2 / np.where(between < 1 / seeds, 400, seeds - 1) + shared**2 / 400)
        pooled = np.array([quantile_of(v, 0.95) for v in degrees[:4000]]) ** 2 * variance[:4000]
        assert np.mean(error[:4000] ** 2 < pooled) < 0.93


@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_a_density_of_zero_in_every_seed_has_an_interval_and_no_nan(reference):
    rng = np.random.default_rng(0)
    real = rng.normal(0, 1, (60, 3))
    members = [
        SeedMember(
            seed,
            0,
            analyse(
                {"density": MetricCall("density")},
                real,
                rng.normal(50, 1, (60, 3)),
                real_seed=1,
                fake_seed=seed,
                replicates=50,
            )["density"],
        )
        for seed in range(2)
    ]
    estimate = combine(members, level=0.95, target="T_N", reference=reference).estimate
    assert (estimate.value, estimate.se, estimate.low, estimate.high) == (0.0, 0.0, 0.0, 0.0)
