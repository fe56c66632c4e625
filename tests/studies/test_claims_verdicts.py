"""A verdict on a claim names the test behind it; the noise, the rounding and the choice of a number all count."""

import math

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.metrics.analyses import analyse
from harness.studies.reproduce.claims import Facts
from harness.studies.reproduce.judging import Run, against_published, against_run, judge
from harness.studies.reproduce.noise import MINIMUM_MEAN, MINIMUM_VARIANCE
from harness.studies.reproduce.result import by_themselves, family
from harness.studies.reproduce.words import answer, family_words, verdict_words
from harness.uncertainty.analysis import MetricCall
from harness.uncertainty.reproducing import reproduction
from harness.uncertainty.seeds import SeedMember
from harness.uncertainty.significance import holm
from harness.uncertainty.variance import fake_variance
from tests.studies.test_claims import SAID, again, claim
from tests.uncertainty.test_comparisons import seeds, single


def test_the_mean_and_variance_of_the_smallest_of_three_are_those_of_draws():
    drawn = np.random.default_rng(0).standard_normal((400_000, 3)).min(axis=1)
    assert drawn.mean() == pytest.approx(-MINIMUM_MEAN, abs=0.005)
    assert drawn.var() == pytest.approx(MINIMUM_VARIANCE, abs=0.005)


def test_a_reported_number_is_judged_by_the_spread_that_the_other_prints():
    found = against_published(claim(value=11.2), again())
    assert found.verdict == "consistent"
    # t(9) at .975 is 2.262157; the spread is taken at the upper end of its rounding.
    assert found.allowed == pytest.approx(2.262157 * 0.105 * math.sqrt(1.1) + 0.01, rel=1e-6)
    assert against_published(claim(value=11.77), again()).verdict == "inconsistent"
    assert against_published(again(), claim(value=11.77)).verdict == "inconsistent"


def test_a_reported_number_judged_by_ten_runs_is_called_inconsistent_as_often_as_promised():
    rng, wrong, rounds = np.random.default_rng(1), 0, 2_000
    for _ in range(rounds):
        reported, runs = rng.standard_normal(), rng.standard_normal(10)
        other = again(float(runs.mean()), std=float(runs.std(ddof=1)), decimals=12).model_copy(
            update={"std_decimals": 12}
        )
        wrong += against_published(claim(value=float(reported), decimals=12), other).verdict == "inconsistent"
    assert 0.036 < wrong / rounds < 0.065  # 5% ± 3 standard errors


def test_a_best_of_three_is_corrected_for_its_bias_and_the_plain_reading_is_not():
    rng, wrong, plain, rounds = np.random.default_rng(2), 0, 0, 2_000
    for _ in range(rounds):
        best, runs = rng.standard_normal(3).min(), rng.standard_normal(200)
        other = again(float(runs.mean()), std=float(runs.std(ddof=1)), seeds=200, decimals=12)
        other = other.model_copy(update={"std_decimals": 12})
        for selection in ("best_of_three", "single"):
            one = claim(value=float(best), decimals=12, selection=selection)
            hit = against_published(one, other).verdict == "inconsistent"
            wrong, plain = wrong + (hit and selection != "single"), plain + (hit and selection == "single")
    assert wrong / rounds < 0.065
    assert plain / rounds > 0.065
    told = against_published(claim(selection="best_of_three"), again()).evidence[0]
    assert "as a best of three flatters by 0.089" in told


def test_the_best_of_three_of_a_score_that_should_be_high_is_too_high():
    score = {"metric": "inception_score", "protocol": "torch-fidelity"}
    found = against_published(claim(selection="best_of_three", **score), again(**score))
    assert found.gap == pytest.approx(-MINIMUM_MEAN * 0.105)
    assert against_published(claim(selection="best_of_three"), again()).gap == pytest.approx(MINIMUM_MEAN * 0.105)


def test_a_verdict_that_hangs_on_how_the_number_was_chosen_is_not_given():
    for value, verdict in ((11.07, "consistent"), (11.30, "cannot be decided"), (11.77, "inconsistent")):
        found = against_published(claim(value=value, selection=None), again())
        assert found.verdict == verdict
    hanging = against_published(claim(value=11.30, selection="unknown"), again())
    assert "selection" in hanging.evidence[0]
    assert [line.split(" if")[0] for line in hanging.evidence[1:]] == ["consistent", "inconsistent"]


def test_the_p_of_a_silent_claim_is_the_largest_of_its_readings():
    silent = against_published(claim(value=11.77, selection=None), again())
    each = [against_published(claim(value=11.77, selection=how), again()).p for how in ("single", "best_of_three")]
    assert silent.p == max(each) > min(each)
    hanging = against_published(claim(value=11.30, selection=None), again())
    assert hanging.verdict == "cannot be decided"
    assert hanging.p > 0.05  # the largest: of the reading under which it is consistent


def test_true_bounds_are_called_inconsistent_after_holm_no_more_often_than_promised():
    """Ten bounds that are the very truth, each against one noisy run of its model."""
    rng = np.random.default_rng(0)
    files, many, false, chosen = 400, 10, 0, 0
    for _ in range(files):
        judged = [
            judge(claim(f"c{i}", 2.0, 6, bound="below"), [], [run_of(single(float(rng.normal(2.0, 0.1))))])
            for i in range(many)
        ]
        tests = family(judged)
        assert len(tests) == many
        false += any(p <= 0.05 for *_, p in tests)
        failed = [test.p for _, test, _ in tests if test.verdict == "inconsistent"]
        chosen += any(p <= 0.05 for p in holm(failed))
    assert false <= 0.05 * files + 2 * math.sqrt(0.05 * 0.95 * files)
    assert chosen > 0.3 * files  # only those that failed, read together


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.004, 1.0), (0.1, 0.0)])
def test_a_run_without_any_noise_differs_from_a_claim_by_more_than_rounding_or_not(value, p):
    """A density of 0 in every image set: no fake lies in any real ball, and none of its images would."""
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((200, 3)), rng.standard_normal((200, 3)) + 50
    own = analyse({"density": MetricCall("density")}, real, fake, real_seed=1, fake_seed=2)["density"]
    assert (own.value, fake_variance(own)) == (0.0, 0.0)
    found = reproduction([SeedMember(None, 0, own)], value, published_n_fake=200, decimals=2, retrained=False)
    assert (found.se, found.p) == (0.0, p)
    assert found.verdict == ("consistent" if p else "different")


def test_a_verdict_says_what_it_rests_on():
    told = against_published(claim(inferred=("protocol",)), again()).evidence
    assert "rests on facts read out of the context, not said: protocol" in told
    plain = against_published(claim(), again()).evidence
    assert not any("rests on" in line for line in plain)
    part = against_run(claim(value=2.0), run_of(single(2.0), whole_split=False)).evidence
    assert "two references of a part of the split each" in part[0]  # the size of the split is not known
    published = against_published(claim(whole_split=False, value=11.2), again()).evidence
    assert "a reference is a part of its split" in published[0]
    kid = {"metric": "kid", "protocol": "clean"}
    assert any(
        "random subsets" in line for line in against_run(claim(value=2.0, **kid), run_of(single(2.0), **kid)).evidence
    )
    whole = against_run(claim(value=2.0), run_of(single(2.0), whole_split=True)).evidence
    assert len(whole) == 1


def test_numbers_on_different_parts_of_one_split_are_called_inconsistent_as_often_as_promised():
    """Two labs draw 300 of the same 1,000 real images each; with the fakes' noise alone a test is wrong too often.

    1 - 300/1000 of a reference's variance is left of a draw without replacement.
    """
    rng, wrong, fakes_alone, rounds = np.random.default_rng(4), 0, 0, 300
    split = rng.standard_normal((1_000, 3))

    def scored():
        real, fake = rng.permutation(split)[:300], 1.2 * rng.standard_normal((300, 3)) + 0.3
        return analyse({"fd": MetricCall("fd")}, real, fake, real_seed=1, fake_seed=2)["fd"]

    size = {"n_real": 300, "n_fake": 300, "whole_split": False}
    for _ in range(rounds):
        ours, theirs = scored(), scored().value
        for left_out in (0.7, 0.0):
            run = Run("ours", Facts(**{**SAID, **size}), [SeedMember(None, 0, ours)], False, left_out)
            hit = against_run(claim(value=theirs, decimals=12, **size), run).verdict == "inconsistent"
            wrong, fakes_alone = wrong + (hit and left_out > 0), fakes_alone + (hit and not left_out)
    assert wrong / rounds < 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)
    assert fakes_alone / rounds > 0.1
    assert (
        "and two references of 30% of the split each"
        in against_run(
            claim(value=theirs, **size), Run("ours", Facts(**{**SAID, **size}), [SeedMember(None, 0, ours)], False, 0.7)
        ).evidence[0]
    )


def test_a_best_over_checkpoints_is_refused():
    found = against_published(claim(selection="minimum_over_checkpoints"), again())
    assert found.verdict == "not comparable"
    found = against_published(
        claim(selection="minimum_over_checkpoints"), again().model_copy(update={"selection": None})
    )
    assert found.verdict == "cannot be decided"


def test_without_noise_only_numbers_equal_up_to_rounding_get_a_verdict():
    fine = claim("fine", 3.9425574, 7)
    assert against_published(claim(value=3.94), fine).verdict == "consistent"
    found = against_published(claim(value=3.95), fine)
    assert found.verdict == "cannot be decided"
    assert "noise of one evaluation" in found.evidence[0]
    # A spread over splits of one evaluation is no noise of the value.
    splits = again().model_copy(update={"std_of": "splits"})
    assert against_published(claim(value=11.2), splits).verdict == "cannot be decided"


def test_a_number_that_was_picked_as_the_best_is_said_to_flatter_even_where_nothing_can_be_tested():
    for selection, words in (("best_of_three", "flatters by 0.85"), ("minimum_over_checkpoints", "an unknown amount")):
        assert words in judge(claim(selection=selection), []).reason
    assert "flatters" not in judge(claim(), []).reason
    without = against_published(claim(value=9.0, selection="best_of_three"), claim("other"))
    assert without.verdict == "cannot be decided"
    assert "flatters by 0.85" in without.evidence[0]


def test_the_same_images_leave_room_for_nothing_but_rounding():
    same = {"images": "set 1"}
    assert against_published(claim(value=3.94, **same), claim("fine", 3.9425574, 7, **same)).verdict == "consistent"
    assert against_published(claim(value=3.95, **same), claim("fine", 3.9425574, 7, **same)).verdict == "inconsistent"


def test_a_bound_is_contradicted_only_from_its_wrong_side_and_beyond_noise():
    for value, verdict in ((1.5, "consistent"), (2.05, "consistent"), (2.5, "inconsistent")):
        found = against_published(claim(value=2.0, decimals=1, bound="below"), again(value))
        assert found.verdict == verdict, value
    assert against_published(claim(value=2.0, bound="above"), again(1.5)).verdict == "inconsistent"
    # t(9) at .95, one-sided, and the rounding of the other number alone.
    assert found.allowed == pytest.approx(1.833113 * 0.105 * math.sqrt(0.1) + 0.005, rel=1e-6)
    two = claim("other", 3.0, bound="below")
    assert against_published(claim(value=2.0, bound="below"), two).verdict == "cannot be decided"


def run_of(members, **changed):
    return Run("ours", Facts(**{**SAID, **changed}), members, False)


def test_a_run_of_ours_is_held_against_a_claim_by_reproduction():
    members = single(2.0)
    expected = reproduction(members, 2.1, published_n_fake=200, decimals=1, retrained=False)
    found = against_run(claim(value=2.1, decimals=1), run_of(members))
    assert (found.verdict, found.gap, found.allowed) == ("consistent", -expected.gap, expected.allowed)
    assert against_run(claim(value=2.6, decimals=1), run_of(members)).verdict == "inconsistent"
    assert against_run(claim(value=2.1, decimals=1), run_of(members, protocol="edm")).verdict == "not comparable"
    assert against_run(claim(value=2.1, decimals=1), run_of(members, protocol=None)).verdict == "cannot be decided"


def test_what_a_claim_lacks_beside_a_run_is_said_as_it_is_to_be_written():
    ours = run_of(single(2.0), protocol=None, pipeline="harness 0123456789abcdef")
    silent = claim(value=2.1, protocol=None, n_real=None)
    reason = judge(silent, [], [ours]).reason
    assert "not said: protocol, n_real; this run has `pipeline: harness 0123456789abcdef`, `n_real: 200`" in reason
    told = silent.model_copy(update={"pipeline": "harness 0123456789abcdef", "n_real": 200})
    assert judge(told, [], [ours]).verdict == "consistent"
    assert "this run has `protocol: clean`: write" in judge(silent, [], [run_of(single(2.0), n_real=None)]).reason
    # Words are compared with nothing but words, whichever side the known pipeline is on.
    words = claim(value=2.1, protocol=None, pipeline="block means")
    found = judge(words, [], [ours])
    assert found.verdict == "cannot be decided"
    assert "(nobody said whether the words 'block means' mean harness 0123456789abcdef)" in found.reason
    assert judge(words, [claim("named", value=2.1)]).verdict == "cannot be decided"
    assert "'block means' mean clean" in against_published(claim("named", value=2.1), words).evidence[0]


def test_a_best_of_three_against_a_run_is_corrected_by_the_runs_own_noise():
    # 1.68 lies within the noise of both of the 2.0 only once it counts as a smallest of three.
    plain, best = (claim(value=1.68, selection=selection) for selection in ("single", "best_of_three"))
    assert against_run(plain, run_of(single(2.0))).verdict == "inconsistent"
    found = against_run(best, run_of(single(2.0)))
    assert found.verdict == "consistent"
    assert found.gap == pytest.approx(-0.32 + 0.1 * MINIMUM_MEAN)
    silent = against_run(claim(value=1.68, selection=None), run_of(single(2.0)))
    assert silent.verdict == "cannot be decided"


def test_a_bound_against_a_run():
    for ours, verdict in ((1.5, "consistent"), (2.5, "inconsistent")):
        bound = claim(value=2.0, decimals=1, bound="below")
        assert against_run(bound, run_of(single(ours))).verdict == verdict


def test_a_bound_against_a_run_has_neither_noise_nor_rounding_of_its_own_and_one_side():
    found = against_run(claim(value=2.0, decimals=1, bound="below"), run_of(single(2.5)))
    assert found.allowed == pytest.approx(1.644853627 * 0.1)
    assert found.p == pytest.approx(0.5 * math.erfc(5.0 / math.sqrt(2)))
    right = against_run(claim(value=2.0, decimals=1, bound="below"), run_of(single(1.9)))
    assert right.p == pytest.approx(1 - 0.5 * math.erfc(1.0 / math.sqrt(2)))
    at = against_run(claim(value=2.0, decimals=1, bound="below"), run_of(single(2.0)))
    assert at.p == pytest.approx(0.5)
    other = against_run(claim(value=2.0, decimals=1, bound="above"), run_of(single(1.5)))
    assert other.verdict == "inconsistent"


def test_a_mean_of_many_evaluations_leaves_less_room_than_one():
    one, mean = claim(value=2.25), claim(value=2.25, selection="mean", seeds=10)
    assert against_run(one, run_of(single(2.0))).verdict == "consistent"
    found = against_run(mean, run_of(single(2.0)))
    assert found.verdict == "inconsistent"
    assert found.allowed == pytest.approx(1.959963985 * 0.1 * math.sqrt(1.1) + 0.005)


def test_a_retrained_model_needs_several_training_seeds():
    ours = Run("ours", Facts(**SAID), seeds([1.0, 2.0, 3.0], spread=0.01), True)
    assert against_run(claim(value=3.5, decimals=1), ours).verdict == "consistent"
    with pytest.raises(UsageError, match="at least 2"):
        against_run(claim(value=3.5, decimals=1), Run("ours", Facts(**SAID), single(2.0), True))


def test_a_run_of_ours_decides_before_other_papers_and_an_inconsistency_before_agreement():
    reported = claim()
    others = [reported, again(), again(12.0).model_copy(update={"id": "late"})]
    assert judge(reported, others).verdict == "inconsistent"
    assert judge(reported, others[:2]).verdict == "consistent"
    ours = judge(reported, others, [run_of(single(11.0))])
    assert (ours.verdict, len(ours.tests)) == ("consistent", 3)
    alone = judge(claim(dataset=None, selection=None), [])
    assert alone.verdict == "cannot be decided"
    assert "does not say: dataset, selection" in alone.reason


def test_the_headline_reads_all_tests_together_and_names_those_that_are_inconsistent_only_by_themselves():
    values = {"far": 3.0, "near": 2.3, **{f"fine{i}": 2.0 for i in range(8)}}
    judged = [judge(claim(name, value), [], [run_of(single(2.0))]) for name, value in values.items()]
    tests = family(judged)
    assert [one.claim.id for one in judged if one.verdict == "inconsistent"] == ["far", "near"]
    alone = by_themselves(judged, tests, 0.95)
    assert alone == {"near"}
    told = answer(judged, alone)
    assert told == ("10 published numbers: 1 inconsistent (far), 1 inconsistent only by itself (near), 8 consistent.")
    assert "inconsistent: far against ours." in family_words(tests, 0.95)
    assert [verdict_words(one, alone) for one in judged[:3]] == ["inconsistent", "inconsistent by itself", "consistent"]
    # Negative control: without the other eight the near one stands.
    two = judged[:2]
    assert by_themselves(two, family(two), 0.95) == frozenset()
    # The same images leave no noise, so that no other test can excuse a gap.
    same = {"images": "set 1"}
    apart = judge(claim("apart", 3.95, **same), [claim("fine", 3.9425574, 7, **same)])
    assert by_themselves([apart, *judged], tests, 0.95) == {"near"}
