"""What a run says of its generators: each finding on a known pathology, and where it must not be said."""

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.analyses import analyse
from harness.pipeline.exchangeable import Unlike
from harness.studies.diagnose import evidence
from harness.studies.diagnose.diagnosis import diagnose
from harness.studies.diagnose.evidence import Case, Copies, Evidence, likelier, perfect_coverage
from harness.studies.diagnose.findings import BRIEF, TITLES
from harness.studies.diagnose.result import Diagnosed, Diagnoses
from harness.studies.diagnose.words import headline, text
from harness.studies.rerank.reversals import compared
from harness.uncertainty import Table
from harness.uncertainty.analysis import Bias, MetricCall
from harness.uncertainty.design import Design
from harness.uncertainty.seeds import SeedMember

CALLS = {
    "fd": MetricCall("fd"),
    "kd": MetricCall("kd"),
    "precision": MetricCall("precision", {"k": 3}),
    "recall": MetricCall("recall", {"k": 3}),
    "density": MetricCall("density", {"k": 5}),
    "coverage": MetricCall("coverage", {"k": 5}),
}
N, D = 300, 6
CENTRES = np.random.default_rng(99).normal(0, 6, (8, D))


def modes(rng, keep=8, scale=1.0, n=N):
    """Rows around the first `keep` of eight centres; the real ones are modes(rng)."""
    return CENTRES[rng.integers(keep, size=n)] + scale * rng.normal(size=(n, D))


def gaussian(rng, scale=1.0, shift=0.0, wide=0, n=N):
    rows = scale * rng.normal(size=(n, D))
    rows[:wide] *= 3
    return rows + shift * np.eye(D)[0]


def groups_of(real, **fakes):
    """metric → name → members, against one real set."""
    found = {}
    for number, (name, rows) in enumerate(fakes.items()):
        for metric, one in analyse(CALLS, real, rows, real_seed=1, fake_seed=2 + number, replicates=60).items():
            found.setdefault(metric, {})[name] = [SeedMember(None, 0, one)]
    return found


def case_of(real, unseen, fake, *, theory=False, keep=tuple(CALLS)):
    groups = {m: g for m, g in groups_of(real, fake=fake, unseen=unseen).items() if m in keep}
    if theory:
        found, notes = evidence.against_theory(groups, "fake", level=0.95, parameters={})
    else:
        found, notes = evidence.against_holdout(groups, "fake", "unseen", level=0.95, reference="random", targets={})
    tested, _ = evidence.together(found, None, level=0.95)
    return Case("fake", "e", 0.95, None if theory else "unseen", tested, None, notes)


def kinds(case):
    return {finding.kind for finding in diagnose(case).findings}


def drawn(draw, other, seed):
    rng = np.random.default_rng(seed)
    return draw(rng), draw(rng), other(rng)


PATHOLOGIES = {
    "mode collapse": (modes, lambda rng: modes(rng, keep=4)),
    "over-smoothing": (modes, lambda rng: modes(rng, scale=0.6)),
    "other kind": (modes, lambda rng: rng.normal(0, 8, (N, D))),
    "low fidelity": (modes, lambda rng: modes(rng, scale=1.5)),
    "uneven": (
        lambda rng: modes(rng, n=3 * N),
        lambda rng: np.concatenate([modes(rng, n=N // 4), modes(rng, keep=4, n=11 * N // 4)]),
    ),
    "shift": (gaussian, lambda rng: gaussian(rng, shift=0.5)),
    "outlier reals": (lambda rng: gaussian(rng, wide=N // 10), lambda rng: gaussian(rng, scale=1.4)),
    "nothing": (modes, modes),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("pathology", PATHOLOGIES)
def test_each_pathology_is_named_and_none_of_the_others(pathology, seed):
    """Every other row of PATHOLOGIES is the negative control of this one."""
    found = kinds(case_of(*drawn(*PATHOLOGIES[pathology], seed)))
    assert found - {"unreached"} == {pathology}


@pytest.mark.slow
def test_equal_distributions_are_left_alone_as_often_as_the_level_says():
    """Holm at 95%: about 2 alarms of 40 expected, more than 5 has probability 0.014."""
    alarms = [kinds(case_of(*drawn(modes, modes, seed), theory=t)) != {"nothing"} for seed in range(40) for t in (0, 1)]
    assert sum(alarms[::2]) <= 5
    assert sum(alarms[1::2]) <= 5


@pytest.mark.slow
def test_missing_modes_are_never_called_crowding_nor_crowding_missing_modes():
    said = {
        kind: [kinds(case_of(*drawn(*PATHOLOGIES[kind], seed))) for seed in range(100, 115)]
        for kind in ("mode collapse", "over-smoothing")
    }
    assert not any("over-smoothing" in found for found in said["mode collapse"])
    assert not any("mode collapse" in found for found in said["over-smoothing"])
    assert all(sum(kind in found for found in said[kind]) >= 12 for kind in said)


def test_without_a_holdout_theory_is_the_reference_point():
    rng = np.random.default_rng(3)
    real, same, half = modes(rng), modes(rng), modes(rng, keep=4)
    whole = case_of(real, real, same, theory=True)
    assert set(whole.metrics) == {"kd", "density", "coverage"}
    assert kinds(whole) == {"nothing"}
    lost = diagnose(case_of(real, real, half, theory=True))
    assert [f.kind for f in lost.findings] == ["less diverse"]
    assert "takes recall and coverage both" in lost.findings[0].sentence


def alarms_of_theory(draw, repetitions):
    """How often each metric of a perfect generator is beyond noise; draw(rng) gives reals, fakes and their design."""
    calls = {use: CALLS[use] for use in ("kd", "density", "coverage")}
    rng = np.random.default_rng(0)
    raised = dict.fromkeys(calls, 0)
    for r in range(repetitions):
        real, fake, design = draw(rng)
        made = analyse(calls, real, fake, real_seed=2 * r, fake_seed=2 * r + 1, replicates=60, **design)
        groups = {metric: {"fake": [SeedMember(None, 0, one)]} for metric, one in made.items()}
        found, notes = evidence.against_theory(groups, "fake", level=0.95, parameters={})
        for use, one in evidence.together(found, None, level=0.95)[0].items():
            raised[use] += one.side != 0
    return raised, notes


def test_a_perfect_generator_against_few_reals_is_not_judged_by_this_reference_alone():
    """With this reference held fixed 18 tests of these 25 generators find something: many fakes see how it deviates."""
    raised, notes = alarms_of_theory(lambda rng: (rng.normal(size=(150, 8)), rng.normal(size=(700, 8)), {}), 25)
    assert sum(raised.values()) <= 5  # measured: 9 of 100 generators at 200 reals and 1,000 fakes
    assert notes == ()


def test_a_class_balanced_perfect_generator_is_not_too_good():
    """At T_N 16 of these 25 are: fixed counts put KD below zero."""
    labels = np.repeat(np.arange(5), 40)
    centres = np.random.default_rng(1).normal(0, 6, (5, 4))

    def draw(rng):
        real, fake = (centres[labels] + rng.normal(size=(200, 4)) for _ in range(2))
        return real, fake, {"design_real": Design(strata=labels), "design_fake": Design(strata=labels)}

    raised, _ = alarms_of_theory(draw, 25)
    assert raised["kd"] <= 3


def test_kd_and_coverage_of_clustered_images_are_not_held_against_theory():
    """Images of one prompt crowd: 95% of such generators fell short of a perfect generator's coverage."""
    prompts = np.repeat(np.arange(25), 8)

    def draw(rng):
        fake = 0.95 * rng.normal(size=(25, 4))[prompts] + 0.3 * rng.normal(size=(200, 4))
        return rng.normal(size=(200, 4)), fake, {"design_fake": Design(clusters=prompts)}

    raised, notes = alarms_of_theory(draw, 4)
    assert raised["kd"] == raised["coverage"] == 0
    assert len(notes) == 1
    assert "kd and coverage" in notes[0]


def test_the_coverage_of_a_perfect_generator_is_what_simulation_gives():
    from harness.metrics.manifold.values import coverage, density

    rng = np.random.default_rng(0)
    drawn = [(rng.normal(size=(40, 3)), rng.normal(size=(60, 3))) for _ in range(300)]
    for metric, expected in ((coverage, perfect_coverage(40, 60, 3)), (density, 1.0)):
        values = [metric(real, fake, k=3) for real, fake in drawn]
        assert abs(np.mean(values) - expected) < 3.5 * np.std(values) / np.sqrt(len(values))


def test_near_copies_are_counted_as_fishers_exact_test_counts():
    from scipy.stats import fisher_exact

    for count, n, other, m in ((9, 20, 3, 25), (0, 10, 4, 10), (10, 10, 0, 12), (170, 400, 150, 400)):
        expected = fisher_exact([[count, n - count], [other, m - other]], alternative="greater").pvalue
        assert likelier(count, n, other, m) == pytest.approx(expected, rel=1e-9)


# -------------------------------------------------------------------- rules, on evidence made by hand


def shown(use, value, real, half, side):
    gap = value - real
    return Evidence(use, use, value, real, gap, gap - half, gap + half, 0.001 if side else 0.5, 0.002, side)


def by_hand(copies=None, **told):
    return Case("g", "e", 0.95, "holdout", {use: shown(use, *numbers) for use, numbers in told.items()}, copies)


FINE = {"precision": (0.9, 0.9, 0.02, 0), "recall": (0.9, 0.9, 0.02, 0), "density": (1.0, 1.0, 0.05, 0)}


@pytest.mark.parametrize(
    ("copies", "kind"),
    [
        (Copies(images=100, reference=3), "reference copies"),
        (Copies(images=100, training=60, holdout_images=100, p_holm={"training": 0.001}), "memorisation"),
        (Copies(images=100, training=60), "copies"),
        (
            Copies(images=100, training=9, near=50, unseen_images=100, unseen_near=40, p_holm={"training": 1.0}),
            "copies",
        ),
        (
            Copies(images=100, training=90, near=90, unseen_images=100, unseen_near=40, p_holm={"training": 0.001}),
            "memorisation",
        ),
        (
            Copies(images=100, training=2, holdout_images=100, holdout_training=2, p_holm={"training": 0.7}),
            "few copies",
        ),
        (Copies(images=100, near=90, unseen_images=100, unseen_near=40, p_holm={"near": 0.001}), "near copies"),
        (Copies(images=100, repeats=7), "repeats"),
        (Copies(images=100, near=45, unseen_images=100, unseen_near=40, p_holm={"near": 0.3}), None),
    ],
)
def test_copies_are_said_with_their_counts_and_only_where_there_are_any(copies, kind):
    found = diagnose(by_hand(copies, **FINE)).findings
    said = {f.kind: f.sentence for f in found}
    kinds_of_copies = {"reference copies", "memorisation", "copies", "few copies", "near copies", "repeats"}
    assert set(said) & kinds_of_copies == {kind} - {None}
    if kind:
        assert "of 100" in said[kind]
        assert said[kind].endswith(").")
    # What does not change how the metrics read leaves "nothing" standing; the rest replaces it.
    assert ("nothing" in said) == (kind in (None, "repeats", "copies", "few copies"))


def test_near_copies_and_crowding_are_not_told_apart_where_density_is_high():
    near = Copies(images=100, near=90, unseen_images=100, unseen_near=40, p_holm={"near": 0.001})
    doubt = "cannot tell the two apart"
    high = diagnose(by_hand(near, **FINE | {"density": (1.4, 1.0, 0.1, 1)}))
    assert doubt in high.findings[0].sentence
    assert "density 1.4" in high.findings[0].sentence
    assert doubt not in diagnose(by_hand(near, **FINE)).findings[0].sentence


def test_a_loss_that_the_intervals_leave_open_is_not_called_mode_collapse():
    clear = FINE | {"recall": (0.5, 0.9, 0.04, -1), "coverage": (0.5, 0.9, 0.04, -1)}
    assert kinds(by_hand(**clear)) == {"mode collapse"}
    open_ = clear | {"recall": (0.5, 0.9, 0.3, -1), "coverage": (0.6, 0.9, 0.25, -1)}
    found = diagnose(by_hand(**open_))
    assert [f.kind for f in found.findings] == ["less diverse"]
    assert "leave both missing regions and crowding open" in found.findings[0].sentence
    crowded = diagnose(by_hand(**clear | {"density": (1.5, 1.0, 0.1, 1)}))
    assert [f.kind for f in crowded.findings] == ["less diverse"]
    assert "cannot be told apart" in crowded.verdict


def test_recall_lost_no_more_than_fidelity_says_nothing_about_modes():
    lost = {"recall": (0.5, 0.9, 0.04, -1), "coverage": (0.5, 0.95, 0.04, -1)}
    unfaithful = {"precision": (0.4, 0.9, 0.05, -1), "density": (0.4, 1.0, 0.05, -1)}
    assert kinds(by_hand(**unfaithful, **lost)) == {"low fidelity", "unreached"}
    # A density too noisy to tell is no proof of fidelity either.
    noisy = {"precision": (0.9, 0.9, 0.02, 0), "density": (0.6, 1.0, 0.5, 0)}
    assert kinds(by_hand(**noisy, **lost)) == {"unreached"}


def test_a_part_that_fails_is_told_from_a_whole_that_fails():
    lower = {"precision": (0.7, 0.9, 0.05, -1)}
    assert kinds(by_hand(**FINE | lower)) == {"mixed fidelity"}
    assert kinds(by_hand(**FINE | lower | {"density": (0.7, 1.0, 0.05, -1)})) == {"low fidelity"}
    assert kinds(by_hand(**FINE | {"density": (0.95, 1.0, 0.04, -1)})) == {"low density"}
    assert kinds(by_hand(**FINE | {"density": (0.6, 1.0, 0.04, -1)})) == {"outlier reals"}


def test_a_set_nearer_than_unseen_real_images_is_suspected_and_one_within_noise_is_not():
    assert kinds(by_hand(**FINE, fd=(0.5, 2.0, 0.5, -1))) == {"too good"}
    assert kinds(by_hand(**FINE, fd=(1.8, 2.0, 0.5, 0))) == {"nothing"}


def test_a_distance_alone_does_not_say_how_a_set_differs():
    assert kinds(by_hand(fd=(9.0, 2.0, 0.5, 1))) == {"different"}
    assert kinds(by_hand(**FINE, fd=(9.0, 2.0, 0.5, 1))) == {"shift"}


def test_a_shift_is_said_with_what_else_the_intervals_leave_open():
    """A tenth of the images far off moves FD beyond noise while precision is still within it."""
    sure = diagnose(by_hand(**FINE, fd=(9.0, 2.0, 0.5, 1))).findings[0].sentence
    assert "images outside the real ones (at most 5%) or real ones unreached (at most 2%)" in sure
    loose = FINE | {"precision": (0.85, 0.9, 0.1, 0), "recall": (0.95, 0.9, 0.02, 0)}
    open_ = diagnose(by_hand(**loose, fd=(9.0, 2.0, 0.5, 1))).findings[0].sentence
    assert "images outside the real ones (at most 17%) or real ones unreached (at most 0%)" in open_


def test_weak_numbers_are_marked_where_they_weaken_a_sentence():
    case = by_hand(**FINE)
    hidden = replace(case.metrics["recall"], conservative=True, weak=("at the boundary: few rows",))
    found = diagnose(replace(case, metrics={**case.metrics, "recall": hidden})).findings[0]
    assert found.weak[0] == "recall: at the boundary: few rows"
    assert "may hide a difference: recall" in found.weak[1]
    assert diagnose(case).findings[0].weak == ()
    both = {use: replace(e, weak=("few rows",)) for use, e in case.metrics.items()}
    assert diagnose(replace(case, metrics=both)).findings[0].weak == ("precision, recall, density: few rows",)
    # A difference that is found was not hidden.
    away = replace(hidden, side=1, weak=())
    assert not any(f.weak for f in diagnose(replace(case, metrics={**case.metrics, "recall": away})).findings)


def test_all_tests_of_a_generator_are_read_together():
    tests = [replace(shown("recall", 0.8, 0.9, 0.1, 0), p=0.02)]
    alone, _ = evidence.together(tests, None, level=0.95)
    assert alone["recall"].side == -1
    more = tests + [replace(shown(use, 1.0, 1.0, 0.1, 0), p=0.5) for use in ("fd", "kd", "precision")]
    family, copies = evidence.together(more, Copies(images=9, p={"near": 0.6}), level=0.95)
    assert family["recall"].side == 0
    assert family["recall"].p_holm == pytest.approx(0.1)
    assert copies.p_holm == {"near": 1.0}


# -------------------------------------------------------------------- orders


def table(name, values, seed=0, noise=0.05):
    """A metric whose values are the squared lengths of shifts: FD of Gaussians, with real intervals."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(N, 3))
    fakes = {g: rng.normal(size=(N, 3)) + v * np.eye(3)[0] for g, v in values.items()}
    groups = {
        g: [SeedMember(None, 0, analyse({"fd": CALLS["fd"]}, real, rows, real_seed=1, fake_seed=i)["fd"])]
        for i, (g, rows) in enumerate(fakes.items())
    }
    return Table(name, groups, True)


def test_orders_are_of_the_target_that_a_table_is_about():
    """a is better than b as it is, and worse once the bias is off."""
    plain = table("one", {"a": 0.0, "b": 1.0, "c": 3.0})
    of = {g: members[0].analysis for g, members in plain.groups.items()}
    bias = {"a": 0.0, "b": 1.5, "c": 0.0}
    groups = {g: [SeedMember(None, 0, replace(a, bias=Bias(0.0, bias[g], "minus its bias")))] for g, a in of.items()}
    biased, limit = (Table("two", groups, True, target) for target in ("T_N", "T_inf"))
    assert compared(plain, biased, level=0.95, reference="random").pairs == ()
    turned = compared(plain, limit, level=0.95, reference="random")
    assert ("a", "b") in turned.pairs
    assert "two prefers b (a minus b: 0." in turned.sentence


def test_two_orders_that_disagree_name_the_pair_and_two_that_agree_name_none():
    first = table("one", {"a": 0.0, "b": 1.0, "c": 3.0})
    other = table("two", {"a": 1.0, "b": 0.0, "c": 3.0}, seed=1)
    turned = compared(first, other, level=0.95, reference="random")
    assert turned.pairs == (("a", "b"),)
    assert "one prefers a" in turned.sentence
    assert "two prefers b" in turned.sentence
    alike = compared(first, table("two", {"a": 0.0, "b": 1.0, "c": 3.0}, seed=1), level=0.95, reference="random")
    assert alike.pairs == ()
    assert "no pair of generators differently beyond noise" in alike.sentence
    near = compared(
        table("one", {"a": 0.0, "b": 0.05, "c": 3.0}),
        table("two", {"a": 0.05, "b": 0.0, "c": 3.0}, seed=1),
        level=0.95,
        reference="random",
    )
    assert near.pairs == ()
    assert compared(table("one", {"a": 0.0, "b": 1.0}), other, level=0.95, reference="random") is None


def of(*found, against="holdout", unlike=None):
    """The diagnoses of a run from cases by hand, by the name of each generator."""
    read = tuple(Diagnosed(name, diagnose(case), case) for name, case in found)
    return Diagnoses("b", "e", "", {"level": 0.95}, against, read, (), unlike)


BAD = FINE | {"precision": (0.6, 0.9, 0.05, -1), "density": (0.6, 1.0, 0.05, -1)}


def test_the_headline_counts_what_something_was_found_against_and_names_the_rest():
    """Two of three lines that say "nothing found" were once counted as wrong."""
    clear, bad = by_hand(**FINE), by_hand(**BAD)
    assert headline(of(("a", clear), ("b", bad), ("c", clear))) == (
        "Something is wrong beyond noise with 1 of 3 generators; nothing is found against a and c."
    )
    assert headline(of(("b", bad))) == "Something is wrong beyond noise with 1 of 1 generators."
    twins = Copies(images=100, training=2, holdout_images=100, holdout_training=2, p_holm={"training": 0.7})
    assert headline(of(("a", by_hand(twins, **FINE)))).startswith("Something is wrong beyond noise with 0 of 1 ")
    many = headline(of(*((f"g{i}", clear) for i in range(8))))
    assert many.endswith("nothing is found against g0, g1, g2, g3, g4 and 3 more.")


def test_what_precision_and_density_are_of_noise_is_called_not_of_this_kind_and_nothing_is_said_of_modes():
    noise = FINE | {
        "precision": (0.03, 0.9, 0.05, -1),
        "density": (0.02, 1.0, 0.05, -1),
        "recall": (0.1, 0.9, 0.05, -1),
        "coverage": (0.02, 0.97, 0.02, -1),
    }
    found = diagnose(by_hand(**noise))
    assert [f.kind for f in found.findings] == ["other kind"]
    assert found.verdict.startswith("not images of this kind")
    assert "cannot be told apart" not in found.verdict
    # Blurred or half of them off is not yet another kind, nor what precision and density do not agree on.
    for metric, numbers in (
        ("precision", (0.4, 0.9, 0.05, -1)),
        ("density", (0.4, 1.0, 0.05, -1)),
        ("density", (1.0, 1.0, 0.05, 0)),
    ):
        assert "other kind" not in kinds(by_hand(**noise | {metric: numbers}))


def test_noise_that_fills_a_wide_ball_around_an_outlying_real_image_is_no_want_of_diversity():
    """The values of uniform noise under a LeNet trained on MNIST, 1,000 images against 1,000."""
    lenet = {
        "precision": (0.964, 0.913, 0.02, 1),
        "density": (0.223, 1.0, 0.06, -1),
        "recall": (0.0, 0.9, 0.02, -1),
        "coverage": (0.006, 0.968, 0.01, -1),
    }
    found = diagnose(by_hand(**FINE | lenet))
    assert [f.kind for f in found.findings] == ["other or margin"]
    assert found.verdict.startswith("not images of this kind, or a few at their margin")
    # A generator that repeats one typical image lies in as many real balls as real images do.
    assert "other or margin" not in kinds(by_hand(**FINE | lenet | {"density": (1.1, 1.0, 0.2, 0)}))


def test_a_verdict_ends_in_the_size_of_its_largest_change():
    low = diagnose(by_hand(**BAD))
    assert low.verdict.startswith("less faithful than real (density 0.6 against 1)")
    lost = {"recall": (0.3, 0.9, 0.05, -1), "coverage": (0.6, 0.95, 0.05, -1)}
    assert "(recall 0.3 against 0.9)" in diagnose(by_hand(**FINE | lost)).verdict


def test_a_control_that_is_not_exchangeable_is_said_and_nothing_is_compared_with_it():
    control = Unlike("holdout", "e", "kd", 25.6, 18.9, 35.7)
    told = text(of(("a", by_hand(**FINE)), against=None, unlike=control), details=True)
    assert "holdout is not exchangeable with the reference (kd 25.6 [18.9, 35.7] under e" in told
    assert "holdout is not used for comparison" in told
    assert "against what theory says" in told
    assert of(against=None, unlike=control).to_json()["unlike_reference"]["value"] == 25.6


def test_every_kind_of_finding_has_a_short_name():
    assert BRIEF.keys() == TITLES.keys()
    assert max(map(len, BRIEF.values())) <= 36
