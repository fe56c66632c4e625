"""The spread over runs that a claim prints is noise of its value, also against a run of ours."""

import math

import numpy as np
import pytest

from harness.studies.reproduce.claims import Facts
from harness.studies.reproduce.judging import Run, against_published, against_run
from harness.studies.reproduce.noise import MINIMUM_MEAN
from harness.uncertainty.reproducing import reproduction
from harness.uncertainty.significance import quantile
from tests.studies.test_claims import SAID, claim
from tests.studies.test_claims_verdicts import run_of
from tests.uncertainty.test_comparisons import seeds, single


def test_the_spread_that_a_claim_prints_over_runs_is_its_noise_against_a_run():
    def beside(std, **changed):
        one = claim(value=2.5, seeds=5, std=std, std_decimals=2, **changed)
        return against_run(one, run_of(single(2.0)))

    bare = against_run(claim(value=2.5), run_of(single(2.0)))
    wide = beside(0.30)
    assert (bare.verdict, wide.verdict) == ("inconsistent", "consistent")
    # Welch and Satterthwaite: 0.01 of ours is known, the square of 0.305 has four degrees of freedom.
    degrees = (0.01 + 0.305**2) ** 2 / (0.305**4 / 4)
    assert wide.allowed == pytest.approx(quantile(0.975, degrees) * math.sqrt(0.01 + 0.305**2) + 0.005)
    assert "theirs as printed over 5 runs, t with 4.91 degrees of freedom" in wide.evidence[0]
    # A mean of the five has a fifth of that variance; a best of three flatters by the printed spread.
    mean = beside(0.30, selection="mean")
    assert mean.allowed < wide.allowed
    assert beside(0.30, selection="best_of_three").gap == pytest.approx(0.5 + 0.305 * MINIMUM_MEAN)
    # Negative controls: a spread below our own noise changes nothing, nor does one of splits.
    assert beside(0.03).allowed == bare.allowed
    assert beside(0.30, std_of="splits").allowed == bare.allowed
    for told in (bare, wide):
        assert "if both are of the same checkpoint" in told.evidence[0]


def test_a_claim_with_a_spread_of_five_runs_is_called_inconsistent_with_a_run_as_often_as_promised():
    rng, wrong, known, rounds = np.random.default_rng(3), 0, 0, 1_000
    for _ in range(rounds):
        runs, ours = rng.normal(2.0, 0.5, 5), run_of(single(float(rng.normal(2.0, 0.1))))
        one = claim(value=float(rng.normal(2.0, 0.5)), decimals=12, seeds=5, std=float(runs.std(ddof=1)))
        one = one.model_copy(update={"std_decimals": 12})
        wrong += against_run(one, ours).verdict == "inconsistent"
        known += against_run(one.model_copy(update={"std": None}), ours).verdict == "inconsistent"
    assert 0.03 < wrong / rounds < 0.071  # 5% ± 3 standard errors
    assert known / rounds > 0.5  # with our image noise for theirs


def test_a_retrained_models_printed_spread_counts_beside_that_of_our_seeds():
    ours = Run("ours", Facts(**SAID), seeds([1.0, 2.0, 3.0], spread=0.01), True)
    plain, wide = (against_run(claim(value=7.5, seeds=4, std=std), ours) for std in (None, 3.0))
    assert (plain.verdict, wide.verdict) == ("inconsistent", "consistent")
    assert "same checkpoint" not in plain.evidence[0] + wide.evidence[0]
    with pytest.raises(ValueError, match="at least 2"):
        reproduction(single(2.0), 2.0, published_n_fake=200, decimals=1, retrained=False, published_sd=0.1)


@pytest.mark.parametrize(
    ("first", "second", "unequal"),
    [((3.45, 0.19, 5), (3.29, 0.01, 10), 0.133), ((6.54, 0.37, 5), (6.19, 0.03, 10), 0.102)],
)
def test_two_printed_spreads_are_not_pooled(first, second, unequal):
    """Five runs that scatter more than ten others say little of their own mean: Welch's test, not Student's."""
    from scipy.stats import ttest_ind_from_stats as scipys

    (a, sd_a, n_a), (b, sd_b, n_b) = first, second
    assert scipys(a, sd_a, n_a, b, sd_b, n_b, equal_var=False).pvalue == pytest.approx(unequal, abs=5e-4)
    plain = {"selection": "mean", "std_of": "runs"}

    def judged(decimals):
        spread = {"decimals": decimals, "std_decimals": decimals}
        one = claim("one", value=a, std=sd_a, seeds=n_a, **plain, **spread)
        return against_published(one, claim("other", value=b, std=sd_b, seeds=n_b, **plain, **spread))

    assert judged(9).p == pytest.approx(unequal, abs=5e-4)
    printed = judged(2)  # as printed: half a unit of the last place is allowed for, in the gap and in either spread
    rounded = scipys(a - 0.01, sd_a + 0.005, n_a, b, sd_b + 0.005, n_b, equal_var=False)
    assert printed.p == pytest.approx(rounded.pvalue, abs=1e-9)
    assert printed.verdict == "consistent"
    assert "t with 4." in printed.evidence[0]  # Welch's degrees of freedom: of 13 together, all but 4 tell nothing
