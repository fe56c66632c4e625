"""Differences, equivalence, reproduction, joint replicates, the permutation test and planning."""

import time
from dataclasses import replace

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.metrics.kernel.permutation import permutation_test
from harness.uncertainty.analysis import Analysis, Bias, InfluenceForm, MetricCall
from harness.uncertainty.compare import difference, equivalence
from harness.uncertainty.joint import joint_replicates
from harness.uncertainty.planning import plan
from harness.uncertainty.ranks import rank_sets
from harness.uncertainty.reproducing import reproduction
from harness.uncertainty.seeds import SeedMember, combine


def analysis_of(value, *, spread=0.1, n=200, seed=0, real=None, bias=None) -> Analysis:
    """An influence-form analysis with a known value, fake-side standard error and real-side influence."""
    rng = np.random.default_rng(seed)
    influence = rng.standard_normal(n)
    influence = (influence - influence.mean()) / influence.std(ddof=1) * spread * np.sqrt(n)
    real = np.zeros(n) if real is None else real
    return Analysis(
        use="fd",
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
        bias="but none is known" if bias is None else Bias(0.0, bias, "minus the analytic bias"),
        floor=0.0,
    )


def single(value, **options):
    return [SeedMember(None, 0, analysis_of(value, **options))]


def seeds(values, **options):
    return [SeedMember(t, 0, analysis_of(v, seed=t, **options)) for t, v in enumerate(values)]


def test_difference_of_two_independent_checkpoints_adds_their_variances():
    found = difference(single(1.0, spread=0.3), single(2.0, spread=0.4, seed=1), reference="fixed")
    assert found.value == -1.0
    assert found.se == pytest.approx(0.5)
    assert found.degrees > 100
    assert found.high == pytest.approx(-1.0 + 1.96 * 0.5, abs=0.01)
    assert found.p == pytest.approx(0.0455, abs=0.002)
    assert any("these checkpoints" in note for note in found.notes)


def test_what_the_reference_moves_alike_cancels_in_the_difference():
    real = np.random.default_rng(5).standard_normal(200)
    shared = difference(single(1.0, real=real), single(2.0, seed=1, real=real))
    opposed = difference(single(1.0, real=real), single(2.0, seed=1, real=-real))
    assert shared.se == pytest.approx(np.sqrt(0.02))
    assert opposed.se == pytest.approx(np.sqrt(0.02 + 4 * real.var(ddof=1) / 200))


def test_several_training_seeds_give_welchs_test():
    first, second = [1.0, 2.0, 4.0], [5.0, 5.5]
    found = difference(seeds(first), seeds(second), reference="fixed")
    a, b = np.var(first, ddof=1) / 3, np.var(second, ddof=1) / 2
    assert found.se == pytest.approx(np.sqrt(a + b))
    assert found.degrees == pytest.approx((a + b) ** 2 / (a**2 / 2 + b**2))


def test_paired_seeds_are_differenced_before_the_variance():
    first = [1.0, 5.0, 9.0]
    found = difference(seeds(first), seeds([v - 0.5 for v in first]), reference="fixed", paired=True)
    assert (found.value, found.se) == (0.5, 0.0)
    with pytest.raises(UsageError, match="same training seeds"):
        difference(seeds(first), seeds(first[:2]), reference="fixed", paired=True)


def by_precision(seeds=40):
    """Image sets of one population, those with the same precision together: what training seeds can agree in."""
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, 4))
    found: dict[float, list[Analysis]] = {}
    for number, fake in enumerate(rng.standard_normal((seeds, 100, 4))):
        made = analyse({"precision": MetricCall("precision")}, real, fake, real_seed=1, fake_seed=number)["precision"]
        found.setdefault(made.value, []).append(made)
    return [[SeedMember(t, 0, a) for t, a in enumerate(same[:2])] for same in found.values() if len(same) > 1]


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("reference", ["fixed", "random"])
def test_seeds_that_agree_by_chance_still_have_their_images_noise(paired, reference):
    first, second, *_ = by_precision()
    found = difference(first, second, reference=reference, paired=paired)
    assert found.value != 0
    images = difference(
        [replace(m, training_seed=0, sampling_seed=m.training_seed) for m in first],
        [replace(m, training_seed=0, sampling_seed=m.training_seed) for m in second],
        reference=reference,
        paired=paired,
    )
    assert found.low < 0 < found.high
    assert found.p > 0.2
    assert found.se == pytest.approx(images.se, rel=0.05)
    assert found.needed(0.025) >= 1.9 * images.se


def test_paired_seeds_without_influences_that_agree_by_chance_still_have_their_images_noise():
    first, second, *_ = by_precision()

    def bare(member):
        form = replace(member.analysis.form, influence_fake=None)
        return replace(member, analysis=replace(member.analysis, form=form))

    sides = [[bare(member) for member in side] for side in (first, second)]
    assert difference(*sides, reference="fixed", paired=True).p > 0.2


def test_the_floor_of_the_images_noise_holds_the_level_without_giving_all_power_away():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(600):  # five seeds a side whose only scatter is image noise, of 0.1
        one, two = rng.standard_normal((2, 5)) * 0.1
        found = difference(seeds(one, n=20), seeds(two, n=20), reference="fixed")
        hits.append(found.low <= 0 <= found.high)
        assert found.se >= 0.1 * np.sqrt(2 / 5) - 1e-12
    assert 0.95 < np.mean(hits) < 0.99


def test_paired_images_are_differenced_before_the_variance():
    one = single(1.0, seed=3)
    assert difference(one, single(1.5, seed=3), reference="fixed", paired=True).se == pytest.approx(0.0)
    independent = difference(one, single(1.5, seed=4), reference="fixed", paired=True)
    assert independent.se == pytest.approx(np.sqrt(0.02), rel=0.2)


def influencing(rows, **fields):
    """One image set of these influences, a unit each."""
    (one,) = single(1.0)
    form = replace(one.analysis.form, influence_fake=np.asarray(rows))
    counts = {"n_fake": len(rows), "units_fake": len(rows)} | fields
    return [replace(one, analysis=replace(one.analysis, form=form, **counts))]


def test_images_are_paired_with_their_partners_wherever_these_lie():
    (one,) = single(1.0, seed=3)
    order = np.random.default_rng(1).permutation(200)
    shuffled = replace(one.analysis.form, influence_fake=one.analysis.form.influence_fake[order])
    other = [SeedMember(None, 0, replace(one.analysis, value=1.5, form=shuffled))]
    assert difference([one], other, reference="fixed", paired=True).se > 0.05
    partners = [np.argsort(order)]  # image i of the first lies there in the second
    found = difference([one], other, reference="fixed", paired=True, partners=partners)
    assert found.se == pytest.approx(0.0, abs=1e-12)
    assert found.value == -0.5


def test_images_that_repeat_in_one_set_only_are_one_pair_and_places_behind_them_do_not_shift():
    """Of 4 images the second set shows its first twice: its units are 3, and image 2 is its unit 1."""
    first = influencing([3.0, -1.0, -4.0, 2.0])
    # Rows 3 and -1 are one unit of two rows; influence is scaled by units over rows.
    second = influencing(np.array([2.0, -4.0, 2.0]) * 3 / 4, n_fake=4, unit_of_fake=np.array([0.0, 0.0, 1.0, 2.0]))
    assert difference(first, second, reference="fixed", paired=True).se == pytest.approx(0.0, abs=1e-12)
    assert difference(second, first, reference="fixed", paired=True).se == pytest.approx(0.0, abs=1e-12)


def test_paired_sets_of_unlike_numbers_of_images_are_refused():
    with pytest.raises(UsageError, match="3 and 2 images, so image i has no partner"):
        difference(influencing([1.0, -1.0, 0.0]), influencing([1.0, -1.0]), reference="fixed", paired=True)


def test_a_win_by_a_smaller_bias_is_named():
    found = difference(single(1.0, bias=0.1), single(1.2, bias=0.5, seed=1), reference="fixed")
    assert any("bias" in note for note in found.notes)
    assert not any("bias" in note for note in difference(single(1.0, bias=0.1), single(1.2, bias=0.1)).notes)


def test_equivalence_is_two_one_sided_tests():
    found = difference(single(1.0, spread=0.03), single(1.01, spread=0.04, seed=1), reference="fixed")
    shown = equivalence(found, margin=0.1)
    assert shown.p == pytest.approx(0.0359, abs=0.001)  # 1 - Φ(1.8)
    assert shown.equivalent
    assert not equivalence(found, margin=0.08).equivalent
    with pytest.raises(UsageError, match="`margin`"):
        equivalence(found, margin=0.0)


@pytest.mark.parametrize(
    ("published", "options", "verdict"),
    [
        (2.1, {}, "consistent"),
        (2.6, {}, "different"),
        (2.1, {"margin": 1.0}, "equivalent"),
        (2.1, {"margin": 0.2}, "inconclusive"),
        (2.0, {"published_n_fake": 50_000}, "not comparable"),
    ],
)
def test_a_published_number_gets_a_verdict(published, options, verdict):
    settings = {"published_n_fake": 200, "decimals": 1, "retrained": False} | options
    assert reproduction(single(2.0), published, **settings).verdict == verdict


def test_a_published_number_carries_its_own_noise_and_rounding():
    found = reproduction(single(2.0), 2.3, published_n_fake=200, decimals=2, retrained=False)
    assert found.se == pytest.approx(0.1 * np.sqrt(2))
    assert found.allowed == pytest.approx(1.959963985 * 0.1 * np.sqrt(2) + 0.005)


@pytest.mark.parametrize("share", [1.0, 0.1, 0.0])
def test_a_published_mean_carries_its_share_of_the_image_noise(share):
    own = {"published_n_fake": 200, "decimals": None, "published_share": share}
    found = reproduction(single(2.0), 2.3, retrained=False, **own)
    assert found.se == pytest.approx(0.1 * np.sqrt(1.0 + share))
    assert found.allowed == pytest.approx(1.959963985 * found.se)
    # Training seeds scatter by 1 and images by 0.5, so that training alone is 0.75 of their variance.
    again = reproduction(seeds([1.0, 2.0, 3.0], spread=0.5), 3.5, retrained=True, **own)
    assert again.se == pytest.approx(np.sqrt(0.75 + 0.25 * share + 1.0 / 3), rel=1e-3)


def test_a_retrained_model_is_judged_by_the_scatter_of_training_seeds():
    values = [1.0, 2.0, 3.0]
    found = reproduction(seeds(values, spread=0.01), 3.5, published_n_fake=200, decimals=1, retrained=True)
    assert found.verdict == "consistent"
    assert found.se == pytest.approx(np.sqrt(1.0 + 1.0 / 3), rel=1e-3)
    with pytest.raises(UsageError, match="at least 2"):
        reproduction(single(2.0), 3.5, published_n_fake=200, decimals=1, retrained=True)


def generators(count=4, n=400, d=8, use="fd"):
    rng = np.random.default_rng(0)
    real = rng.standard_normal((n, d))
    return {
        f"g{g}": [
            SeedMember(None, 0, analyse({use: MetricCall(use)}, real, fake, real_seed=1, fake_seed=10 + g)[use])
            for fake in [rng.standard_normal((n, d)) + 0.4 + 0.1 * g]
        ]
        for g in range(count)
    }


@pytest.mark.parametrize("use", ["fd", "kd", "recall"])
def test_joint_replicates_have_the_standard_errors_of_the_intervals_and_differences(use):
    groups = generators(use=use)
    joint = joint_replicates(groups, count=4000, seed=0)
    for column, members in enumerate(groups.values()):
        se = combine(members, level=0.95, target="T_N", reference="random").estimate.se
        assert joint.draws[:, column].std() == pytest.approx(se, rel=0.12)
    assert joint.draws.mean(axis=0) == pytest.approx(
        joint.values, abs=5 * joint.draws.std(axis=0).max() / np.sqrt(4000)
    )
    gap = difference(groups["g0"], groups["g1"])
    assert joint.difference("g0", "g1").std() == pytest.approx(gap.se, rel=0.15)


def test_joint_replicates_of_copies_of_the_reference_itself_are_finite_and_spread_as_their_interval():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(120, 8))
    sets = {"copies": [real[:100], real[20:]], "unseen": [rng.normal(size=(100, 8)) for _ in range(2)]}
    groups = {
        name: [
            SeedMember(None, s, analyse({"fd": MetricCall("fd")}, real, rows, real_seed=1, fake_seed=s)["fd"])
            for s, rows in enumerate(own)
        ]
        for name, own in sets.items()
    }
    joint = joint_replicates(groups, count=4000, seed=0)
    assert np.isfinite(joint.draws).all()
    for column, name in enumerate(groups):
        se = combine(groups[name], level=0.95, reference="random", target="T_N").estimate.se
        assert joint.draws[:, column].std() == pytest.approx(se, rel=0.15), name


@pytest.mark.parametrize("count", [1, 3])
def test_ranks_and_replicates_are_of_the_target_that_intervals_speak_about(count):
    """The first is worse as it is and better once its larger bias is off; the second way its seeds scatter by bias."""

    def sets(value, bias, seed):
        return [
            SeedMember(t, 0, analysis_of(value + 0.01 * t, spread=0.02, bias=bias + 0.01 * t, seed=seed + t))
            for t in range(count)
        ]

    groups = {"wide": sets(2.0, 1.5, 0), "near": sets(1.5, 0.1, 10)}
    for target, first in (("T_N", "near"), ("T_inf", "wide")):
        found = rank_sets(
            groups, lower_is_better=True, level=0.95, reference="fixed", seed=0, draws=2000, target=target
        )
        shown = {n: combine(m, level=0.95, target=target, reference="fixed").estimate.value for n, m in groups.items()}
        assert found.rank[first] == 1
        assert found.differences[0].value == pytest.approx(shown["wide"] - shown["near"])
        assert found.low["wide"] == found.high["wide"]
        joint = joint_replicates(groups, count=50, reference="fixed", target=target)
        assert joint.values == pytest.approx(list(shown.values()))
    with pytest.raises(UsageError, match="T_inf"):
        rank_sets(
            {"a": [SeedMember(None, 0, generators(1, use="recall")["g0"][0].analysis)]},
            lower_is_better=True,
            level=0.95,
            reference="fixed",
            seed=0,
            target="T_inf",
        )


def test_joint_replicates_of_a_clear_winner_agree_that_it_is_best():
    joint = joint_replicates(generators(), count=200, seed=0)
    assert (joint.draws.argmin(axis=1) == joint.names.index("g0")).mean() > 0.9


def test_a_thousand_joint_replicates_of_ten_generators_at_20_000_rows_take_under_three_seconds():
    real = np.random.default_rng(0).standard_normal(20_000)
    groups = {str(g): single(1.0 + g, n=20_000, seed=g, real=real * (1 + 0.1 * g)) for g in range(10)}
    start = time.process_time()
    joint_replicates(groups, count=1000, seed=0)
    assert time.process_time() - start < 3.0


def test_the_permutation_test_equals_brute_force_relabelling():
    from harness.metrics.kernel.distance import kernel_distance

    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((30, 3)), rng.standard_normal((25, 3)) + 0.3
    found = permutation_test(real, fake, permutations=99, seed=4)
    assert found.value == pytest.approx(kernel_distance(real, fake))
    pooled, draws, larger = np.concatenate([real, fake]), np.random.default_rng(4), 1
    for _ in range(99):
        label = np.zeros(55, bool)
        label[draws.permutation(55)[:30]] = True
        larger += kernel_distance(pooled[label], pooled[~label]) >= found.value
    assert found.p == larger / 100


def test_the_permutation_test_sees_a_shift_and_holds_its_level():
    rng = np.random.default_rng(1)
    assert permutation_test(rng.standard_normal((80, 4)), rng.standard_normal((80, 4)) + 0.6).p < 0.01
    p = [permutation_test(*rng.standard_normal((2, 40, 3)), permutations=39, seed=s).p for s in range(300)]
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_the_permutation_test_refuses_repeats():
    rows = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(UsageError, match="`fake` repeats"):
        permutation_test(rows + 1, np.tile(rows, (2, 1)))


def test_a_plan_resolves_what_it_promises():
    pilot = seeds([1.0, 1.4, 1.1, 1.5], spread=0.1), seeds([1.1, 1.3, 1.2, 1.6], spread=0.1)
    found = plan(*pilot, difference=0.3, power=0.8)
    assert found.power >= 0.8
    assert plan(*pilot, difference=0.3, power=0.8, most_seeds=200).training_seeds == found.training_seeds
    assert plan(*pilot, difference=0.15, power=0.8).training_seeds > 3 * found.training_seeds
    rng = np.random.default_rng(0)
    own = sum(np.var([m.analysis.value for m in side], ddof=1) - 0.01 for side in pilot) / 2
    hits = 0
    for _ in range(800):
        draws = rng.standard_normal((2, found.training_seeds)) * np.sqrt(own + 0.01)
        a, b = (seeds(row) for row in (draws[0] + 0.3, draws[1]))
        hits += difference(a, b, reference="fixed").p < 0.05
    assert hits / 800 == pytest.approx(found.power, abs=0.05)


@pytest.mark.parametrize(("seeds_given", "scatter"), [(2, 1.0), (3, 0.0), (4, 1.0)])
def test_a_plan_for_few_training_seeds_promises_what_welchs_test_keeps(seeds_given, scatter):
    """A t shifted by the difference, at twice the degrees, promised .72 for two seeds where the test keeps .40."""
    values = np.array([-1.5, -0.5, 0.5, 1.5])
    training = scatter * values / values.std(ddof=1)
    pilot = seeds(training, spread=0.5), seeds(training + 1, spread=0.5)
    found = plan(*pilot, difference=9.0 if seeds_given == 2 else 2.0, power=0.7, training_seeds=seeds_given)
    rng = np.random.default_rng(0)
    own, spread = max(scatter**2 - 0.25, 0.0), 0.5 * np.sqrt(200 / found.images)
    hits = 0
    for _ in range(1000):
        a, b = rng.standard_normal((2, seeds_given)) * np.sqrt(own + spread**2)
        gap = difference(
            seeds(a + found.difference, spread=spread, n=20), seeds(b, spread=spread, n=20), reference="fixed"
        )
        hits += gap.low > 0
    assert hits / 1000 == pytest.approx(found.power, abs=0.045)  # three Monte-Carlo standard errors


@pytest.mark.parametrize("wanted", [0.04, 0.05, 0.06, 0.1])
def test_generators_that_are_not_trained_need_as_many_sampling_seeds_as_the_normal_law_says(wanted):
    found = plan(single(1.0), single(1.1, seed=1), difference=wanted, power=0.8)
    needed = next(s for s in range(1, 101) if wanted / (0.1 * np.sqrt(2 / s)) >= 1.959964 + 0.841621)
    assert found.training_seeds == needed


def prompted(value, count, *, seed=0, trained=False, own=False):
    """Image sets of 50 prompts each: the same in every set, or each its own."""
    return [
        SeedMember(
            s if trained else None,
            0 if trained else s,
            replace(
                analysis_of(value, n=50, seed=seed + s), clusters_fake=np.arange(50.0) + 50 * s * own, clustered=True
            ),
        )
        for s in range(count)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_where_seeds_show_the_same_prompts_more_prompts_are_planned(count):
    pilot = prompted(1.0, count), prompted(1.1, count, seed=10)
    found = plan(*pilot, difference=0.1)
    assert found.training_seeds == 1
    assert found.images == pytest.approx(50 * 2 * (0.1 * 2.8016 / 0.1) ** 2, rel=0.05)
    assert any("same size" in limit for limit in found.limits)
    with pytest.raises(
        UsageError, match=r"100 sampling seeds of 50 images each cannot .* clusters that all seeds share"
    ):
        plan(*pilot, difference=0.1, images=50)


def test_a_plan_in_sampling_seeds_is_made_where_each_shows_prompts_of_its_own():
    pilot = prompted(1.0, 3, own=True), prompted(1.1, 3, seed=10, own=True)
    assert plan(*pilot, difference=0.1).training_seeds == 16


def test_the_plan_of_training_seeds_with_prompts_in_common_has_the_tests_own_standard_error():
    pilot = prompted(1.0, 5, trained=True), prompted(1.1, 5, seed=10, trained=True)
    found = plan(*pilot, difference=1.0, training_seeds=5)
    scatter = 2 * 0.01 / 5
    assert found.se**2 == pytest.approx((scatter + 2 * 0.01) * 50 / found.images)
    assert difference(*pilot, reference="fixed").se ** 2 == pytest.approx(2 * 0.01)  # these seeds do not scatter


def test_a_plan_says_what_stands_in_the_way():
    pilot = seeds([1.0, 2.0, 3.0], spread=0.01), seeds([1.5, 2.5, 3.5], spread=0.01)
    with pytest.raises(UsageError, match="spread of training seeds"):
        plan(*pilot, difference=0.1, training_seeds=3)
    still = seeds([1.0, 1.0, 1.0], spread=0.2), seeds([1.0, 1.0, 1.0], spread=0.2)
    found = plan(*still, difference=0.1, training_seeds=3)
    assert found.images > 200
    assert found.limits


def test_analyses_with_different_real_draws_are_not_joint():
    one, other = generators(2).values()
    moved = [SeedMember(None, 0, replace(other[0].analysis, real_seed=2))]
    for call in (
        lambda: difference(one, moved),
        lambda: joint_replicates({"a": one, "b": moved}),
        lambda: rank_sets({"a": one, "b": moved}, lower_is_better=True, level=0.95, reference="random", seed=0),
    ):
        with pytest.raises(UsageError, match="real seed"):
            call()
