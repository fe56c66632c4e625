"""Rankings of the same generators under several encoders and by people: do they agree beyond noise?"""

from itertools import permutations, product

import numpy as np
import pytest

from harness.base.errors import UsageError
from harness.uncertainty.agreements.orders import Ranking, evidence, independent, participants
from harness.uncertainty.agreements.people import judgement
from harness.uncertainty.agreements.rankings import agreement, consensus, spearman, tau_b

SPACED = np.arange(8.0)


ERRORS = np.linspace(0.1, 0.45, 13)


def people(truth, rng, *, sd=0.07, count=1000):
    """25 participants for each generator, as in the study, whose error rates scatter as there."""
    rates = {f"g{i}": mean + sd * rng.standard_normal(25) for i, mean in enumerate(truth)}
    return participants("people", rates, count=count, seed=int(rng.integers(2**31)))


def reorder(truth, *swaps):
    """A metric (lower is better) that ranks as people do, but for these swaps."""
    values = -np.array(truth)
    for i, j in swaps:
        values[[i, j]] = values[[j, i]]
    return values


def ranking(name, values, se=0.0, *, count=1000, seed=0, lower_is_better=True):
    names = [f"g{i}" for i in range(len(values))]
    spread = np.broadcast_to(se, len(values))
    return independent(
        name,
        dict(zip(names, values, strict=True)),
        dict(zip(names, spread, strict=True)),
        lower_is_better=lower_is_better,
        count=count,
        seed=seed,
    )


def measured(name, truth, se, rng, **how):
    """What a run would report of generators whose true values are known."""
    return ranking(name, truth + se * rng.standard_normal(len(truth)), se, seed=int(rng.integers(2**31)), **how)


def test_tau_b_and_rho_are_those_of_scipy_with_and_without_ties():
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(0)
    for span in (1000, 4):
        for _ in range(20):
            one, other = rng.integers(0, span, (2, 9)).astype(float)
            assert tau_b(one, other) == pytest.approx(kendalltau(one, other).statistic, abs=1e-12)
            assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_exact_values_give_a_correlation_without_width_and_a_direction_is_no_disagreement():
    error = ranking("error", [0.1, 0.2, 0.3, 0.4], lower_is_better=False)
    distance = ranking("distance", [4.0, 3.0, 2.0, 1.0])
    same = agreement(error, distance)
    assert (same.tau.value, same.tau.low, same.tau.high) == (1, 1, 1)
    assert (same.rho.value, same.rho.low, same.rho.high) == pytest.approx((1, 1, 1))
    assert same.tau.attenuation == 0
    opposite = agreement(distance, ranking("other", [1.0, 2.0, 3.0, 4.0]))
    assert (opposite.tau.low, opposite.tau.high, opposite.rho.low) == (-1, -1, pytest.approx(-1))
    assert all(pair.reversed_for_sure and pair.differs == 1 for pair in opposite.pairs)


def test_the_intervals_hold_every_order_and_for_tau_every_tie_that_the_sure_pairs_allow():
    """All weak orders of 4 generators: brute force against the bounds."""
    weak = {tuple(np.unique(ranks, return_inverse=True)[1]) for ranks in product(range(4), repeat=4)}
    sides = [ranking("a", [1, 2, 3, 9], [2, 0.1, 0.1, 2]), ranking("b", [1, 5, 2, 9], [0.1, 3, 0.1, 0.1])]
    found = agreement(*sides)
    allowed = []
    for orders in evidence(sides).at(0.95):
        sure = orders.signs
        assert 0 < (sure != 0).sum() < 12
        allowed.append(
            [
                np.array(w, float)
                for w in weak
                if all(np.sign(w[i] - w[j]) == sure[i, j] for i in range(4) for j in range(4) if sure[i, j])
            ]
        )
    taus = [float(tau_b(a, b)) for a in allowed[0] for b in allowed[1]]
    taus = [tau for tau in taus if np.isfinite(tau)]
    assert found.tau.low - 1e-9 <= min(taus)
    assert max(taus) <= found.tau.high + 1e-9
    assert max(taus) == pytest.approx(found.tau.high)  # and no wider than that
    strict = [[a for a in side if len(set(a)) == 4] for side in allowed]
    assert all(set(map(tuple, side)) <= set(permutations(range(4))) for side in strict)
    rhos = [float(spearman(a, b)) for a in strict[0] for b in strict[1]]
    assert found.rho.low - 1e-9 <= min(rhos)
    assert max(rhos) <= found.rho.high + 1e-9


def test_sure_orders_are_wrong_somewhere_in_no_more_than_one_in_twenty_where_all_generators_are_equal():
    rng, runs = np.random.default_rng(3), 400
    wrong = sum(
        any(o.signs.any() for o in evidence([measured(n, np.zeros(6), 1.0, rng) for n in "ab"]).at(0.95))
        for _ in range(runs)
    )
    assert 0.01 <= wrong / runs <= 0.08  # binomial noise of 400 around 0.05: ±0.021


def test_a_judgement_changes_sign_with_its_sides_and_is_nothing_against_itself():
    rng = np.random.default_rng(4)
    judge, one, other = people(ERRORS, rng), ranking("a", -ERRORS, 0.01), ranking("b", ERRORS, 0.01, seed=1)
    there, back = judgement(one, other, judge), judgement(other, one, judge)
    assert there.tau.value == pytest.approx(-back.tau.value)
    assert (there.gain.low, there.gain.high) == pytest.approx((-back.gain.high, -back.gain.low))
    assert there.gain.p == pytest.approx(back.gain.p)
    assert there.tau.low > 0
    assert there.gain.low > 0
    # Taken at random, two generators are 0.35 × 14/36 apart: picking the better gains that over picking the worse.
    assert there.gain.value == pytest.approx(0.35 * 14 / 36, abs=0.02)
    itself = judgement(one, one, judge)
    assert (itself.tau.value, itself.gain.value, itself.tau.p, itself.gain.p) == (0, 0, 1, 1)


def test_participants_spread_as_a_mean_of_people_does():
    rates = {name: np.random.default_rng(i).uniform(0, 0.5, 25) for i, name in enumerate("abc")}
    judge = participants("people", rates, count=20_000, seed=0)
    student = [np.std(r, ddof=1) / 5 * np.sqrt(24 / 22) for r in rates.values()]  # t with 24 degrees of freedom
    np.testing.assert_allclose(judge.draws.std(axis=0), student, rtol=0.03)
    np.testing.assert_array_equal(judge.draws, participants("people", rates, count=20_000, seed=0).draws)
    with pytest.raises(UsageError, match="a was judged by 1 participants"):
        participants("people", {"a": np.array([0.1])}, count=10, seed=0)


def test_a_consensus_is_the_mean_rank_and_the_pairs_that_no_encoder_doubts():
    one = ranking("one", [1.0, 2.0, 30.0, 40.0], 0.5)
    other = ranking("other", [2.0, 1.0, 40.0, 30.0], 0.5, seed=1)
    third = ranking("third", [1.0, 2.0, 30.0, 40.0], [0, 0, 20, 0], seed=2)
    found = consensus([one, other, third])
    assert {name: rank[0] for name, rank in found.mean_rank.items()} == pytest.approx(
        {"g0": 4 / 3, "g1": 5 / 3, "g2": 10 / 3, "g3": 11 / 3}
    )
    assert list(found.mean_rank) == ["g0", "g1", "g2", "g3"]
    assert found.agreed == (("g0", "g3"), ("g1", "g3"))  # g2 is unsure under the third
    bounds = {name: rank[1:] for name, rank in found.mean_rank.items()}
    # g0 and g1 are unsure of each other except under the third; there g2 can be anywhere.
    assert bounds["g0"] == pytest.approx(((1 + 1 + 1) / 3, (2 + 2 + 2) / 3))
    assert bounds["g2"] == pytest.approx(((3 + 4 + 1) / 3, (3 + 4 + 4) / 3))
    leads = found.first_place["one"]
    assert leads["g0"] == pytest.approx(0.92, abs=0.03)  # P(N(0, 0.5 sqrt 2) < 1)
    assert sum(leads.values()) == pytest.approx(1)


def test_the_noise_of_one_ranking_with_two_seeds_does_not_hide_the_order_of_another():
    sure = ranking("sure", SPACED, 0.1)
    heavy = np.random.default_rng(0).standard_cauchy((1000, 8)) + SPACED
    orders = evidence([sure, Ranking("heavy", sure.names, SPACED, heavy, True)]).at(0.95)
    assert (orders[0].signs != 0).sum() == 56
    assert not orders[1].signs.any()


def test_exact_values_beside_noisy_ones_leave_the_noisy_ones_evidence_as_it_is():
    noisy = people(ERRORS, np.random.default_rng(0))
    names = noisy.names
    exact = Ranking("exact", names, -ERRORS, np.tile(-ERRORS, (1000, 1)), True)
    alone, (_, beside) = evidence([noisy]).at(0.95)[0], evidence([exact, noisy]).at(0.95)
    np.testing.assert_array_equal(alone.signs, beside.signs)
    assert 0 < (alone.signs == 0).sum() < 13 * 13


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (([1, 2, 3], [1, 2, 3, 4]), "one ranks g0, g1, g2, other g0, g1, g2, g3"),
        (([1, 2], [1, 2]), "2 generators .* needs at least 3"),
        (([1, 1, 1], [1, 2, 3]), "gives every generator the same value"),
        (([1, np.nan, 1], [1, 2, 3]), "not a finite number"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(sides, words):
    with pytest.raises(UsageError, match=words):
        agreement(ranking("one", sides[0]), ranking("other", sides[1]))


def test_too_few_replicates_for_a_level_are_refused():
    with pytest.raises(UsageError, match=r"10 replicates are too few for level 0.95; take 400"):
        agreement(ranking("one", SPACED, 0.1, count=10), ranking("other", SPACED, 0.1, count=10))
