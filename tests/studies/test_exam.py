"""The exam of metrics: sound ones pass, useless and reversed ones fail, and known flaws of known metrics are found."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.base import UsageError
from harness.metrics import METRICS, WHOLE, own_facts
from harness.studies.diagnose.findings import RESTS
from harness.studies.exam import LAWS, Candidate, laws_named, sit
from harness.studies.exam.laws import draws, posterior_logits
from tests.conftest import Small

QUICK = {"n": 200, "repeats": 5}
FAULTS = [law for law in LAWS if law.answers.get(WHOLE) == "worse"]


def card(name: str, *laws: str, **options: object):
    (row,) = (row for row in METRICS if row.name == name)
    sizes = {**QUICK, **options}
    return sit([Candidate.of(row, n=int(sizes["n"]))], laws=laws_named(laws), **sizes).cards[0]


def own(function, better="lower"):
    facts = own_facts("mine:thing")
    return sit([Candidate.of(facts, better=better, n=200, function=function)], **QUICK).cards[0]


def energy(real, fake):
    """The energy distance: 0 for equal laws and for them alone."""
    from scipy.spatial.distance import cdist, pdist

    n = len(real)
    within = [2 * pdist(rows).sum() / (n * (n - 1)) for rows in (np.float64(real), np.float64(fake))]
    return float(2 * cdist(real, fake).mean() - sum(within))


def test_a_distance_that_is_zero_for_equal_laws_alone_passes_every_fault():
    found = own(energy)
    assert [check.law for check in found.checks if check.answer == "worse"] == [law.name for law in FAULTS]
    assert [check.law for check in found.failed if check.answer == "worse"] == []


def test_a_constant_a_random_and_a_reversed_metric_fail_every_fault():
    rng = np.random.default_rng(0)
    useless = {"constant": lambda real, fake: 1.0, "random": lambda real, fake: float(rng.random())}
    for name, function in useless.items():
        failed = {check.law for check in own(function).failed}
        assert len(failed & {law.name for law in FAULTS}) >= len(FAULTS) - 1, name
    reversed_ = own(energy, better="higher")
    assert {check.law for check in reversed_.failed} >= {law.name for law in FAULTS}
    assert any("moves the wrong way" in check.why for check in reversed_.failed)


def test_without_a_fault_both_sets_have_one_law():
    """Energy distance by permutation of rows: at level none it is that of a random split, at the last it is not."""
    for law in FAULTS:
        values = {}
        for level in (law.levels[0], law.levels[-1]):
            real, fake = draws(law, seed=3, repeat=0, n=150, level=level)
            rng, both = np.random.default_rng(1), np.vstack([real, fake])
            shuffled = [energy(*np.split(both[rng.permutation(300)], 2)) for _ in range(39)]
            values[level] = np.mean(np.array(shuffled) >= energy(real, fake))
        assert values[law.levels[0]] > 0.01, law.name
        assert values[law.levels[-1]] == 0.0, law.name


def test_levels_of_a_law_differ_by_the_fault_alone_and_repeats_by_their_draw():
    law = laws_named(["noise"])[0]
    real, fake = draws(law, seed=0, repeat=0, n=100, level=0.0)
    other_real, other_fake = draws(law, seed=0, repeat=0, n=100, level=0.2)
    assert np.array_equal(real, other_real)
    assert (fake == other_fake).all(axis=1).sum() == 80
    assert not np.isin(draws(law, seed=0, repeat=1, n=100, level=0.0)[0], real).any()


def test_the_logits_are_those_of_the_modes_posterior():
    from scipy.special import softmax

    law = laws_named(["shift"])[0]
    rows, _ = draws(law, seed=0, repeat=0, n=500, level=0.0)
    sure = softmax(posterior_logits(rows), axis=1)
    assert np.allclose(sure.mean(axis=0), 0.1, atol=0.05)
    assert sure.max(axis=1).mean() > 0.99


def test_known_flaws_of_known_metrics_are_on_their_cards():
    """FD's bias in n; balls in high dimension and where images repeat; coverage does not see crowding."""
    assert [check.law for check in card("fd", "sample size", "shift").failed] == ["sample size"]
    assert card("kd", "sample size", "shift").failed == []
    assert [check.law for check in card("density", "sphere in 16", "noise", "ten values").failed] == [
        "sphere in 16",
        "ten values",
    ]
    assert [check.law for check in card("coverage", "narrow", "modes dropped").failed] == ["narrow"]
    assert card("recall", "narrow", "modes dropped").failed == []


def test_metrics_are_asked_only_what_their_axis_and_their_description_promise():
    assert "modes dropped" in {check.law for check in card("recall", "modes dropped", "noise").checks}
    assert card("recall", "modes dropped", "noise").unasked.keys() == {"noise"}
    assert "as its description says" in card("vendi", "shift", "repeats").unasked["shift"]
    assert "layer sfid" in card("sfid").refused
    names = {law.name for law in LAWS}
    assert {name for row in METRICS for name in row.blind} <= names


def test_each_sentence_of_a_diagnosis_rests_on_metrics_whose_cards_allow_it():
    for kind, needed in RESTS.items():
        for use, law in needed:
            laws = {law, "noise", "modes dropped"}  # some fault that the metric sees: the scale of what must stay
            assert card(use, *laws).allows(law), (kind, use, law)


def test_too_few_rows_and_unknown_names_are_told():
    with pytest.raises(UsageError, match="at least 100 rows"):
        sit([], n=50)
    with pytest.raises(UsageError, match="did you mean 'shift'"):
        laws_named(["shfit"])


def test_the_command_examines_a_metric_of_ones_own_and_writes_its_card(small: Small):
    small.folder.joinpath("gap.py").write_text(
        "import numpy as np\n\n\ndef of_means(real, fake):\n"
        "    return float(np.linalg.norm(real.mean(axis=0) - fake.mean(axis=0)))\n"
    )
    asked = ("exam", "gap:of_means", "--better", "lower", "--n", 200, "--repeats", 5, "--law", "shift")
    passed = small.harness(*asked, "--out", "cards")
    assert (passed.returncode, passed.stderr) == (0, "exam of gap:of_means\n")
    assert "1 of 1 passed" in passed.stdout
    failed = small.harness(*asked, "--law", "narrow")
    assert failed.returncode == 1
    assert "fails narrow" in failed.stdout
    cards = json.loads((small.folder / "cards/exam.json").read_text())["cards"]
    assert [check["law"] for check in cards[0]["checks"]] == ["shift"]
    page = (small.folder / "cards/README.md").read_text()
    assert "harness exam gap:of_means --better lower --n 200 --repeats 5 --seed 0 --law shift" in page
    assert "(gap-of_means.png)" in page
    assert (small.folder / "cards/gap-of_means.png").read_bytes().startswith(b"\x89PNG")
    assert "give --better" in small.harness("exam", "gap:of_means").stderr


def test_what_reads_training_rows_is_examined_on_copies_of_them_against_rows_held_out():
    for name in ("c_t", "fls_overfit"):
        found = card(name, "copies", "near copies", "outliers among fakes", repeats=4)
        assert {check.law: check.passed for check in found.checks} == dict.fromkeys(
            ("copies", "near copies", "outliers among fakes"), True
        )
    found = card("fld", "copies", "repeats", "modes dropped", repeats=4, n=120)
    assert [check.law for check in found.failed] == []
    assert {check.law for check in found.checks} == {"copies", "repeats", "modes dropped"}
