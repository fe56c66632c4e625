"""One question, one line: two printed numbers, or one and a run, with no file of claims."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from scipy import stats

from harness.base import UsageError
from harness.cli.main import main
from harness.studies import Scored
from harness.studies import fdr6 as average
from harness.studies.reproduce import Printed, of_run, of_two
from harness.studies.reproduce.question import typical
from tests.studies.test_fdr6 import left_behind


def two(mine: str, theirs: str, **options):
    given = {"protocol": "adm", "n": 50_000, **options}
    return of_two(Printed(mine, given["protocol"], given["n"]), Printed(theirs, **given))


def test_a_gap_is_held_against_students_quantile_of_the_spread_and_both_roundings():
    answer = two("2.31", "2.27", std="0.030", runs=5)
    test = answer.judged.tests[0]
    spread = 0.0305  # the upper end of its rounding
    assert test.allowed == pytest.approx(stats.t.ppf(0.975, 4) * spread * 2**0.5 + 0.01)
    assert answer.judged.verdict == "consistent"
    assert two("2.51", "2.27", std="0.030", runs=5).judged.verdict == "inconsistent"


def test_without_a_spread_typical_noise_is_taken_and_said():
    share, rows, _ = typical("fid")
    assert rows > 20
    assert 0.002 < share < 0.03
    answer = two("2.31", "2.29")
    assert answer.judged.verdict == "consistent"
    assert any(f"taken to be {share:.1%} of the value, the median of {rows}" in note for note in answer.notes)
    assert two("2.31", "2.10").judged.verdict == "inconsistent"


def test_what_differs_or_is_not_said_is_named():
    other = of_two(Printed("2.31", "clean", 50_000), Printed("2.27", "adm", 50_000))
    assert other.judged.verdict == "not comparable"
    assert "protocol differs (clean / adm" in other.lines[0]
    fewer = of_two(Printed("2.31", "adm", 5_000), Printed("2.27", "adm", 50_000))
    assert "n_fake differs (5,000 / 50,000)" in fewer.lines[0]
    silent = of_two(Printed("2.31"), Printed("2.27"))
    assert silent.judged.verdict == "cannot be decided"
    assert "not said: protocol, n_fake" in silent.lines[0]


def test_the_answer_says_what_it_takes_to_be_the_same():
    assert "rests on facts read out of the context, not said: dataset" in "\n".join(
        two("2.31", "2.27", std="0.03").lines
    )
    assert "taken to be over 3 runs" in "\n".join(two("2.31", "2.27", std="0.03").lines)


def test_a_number_is_held_against_a_run_with_the_runs_own_noise(tmp_path):
    out = left_behind(tmp_path / "out")
    ours = average.averaged(Scored.read(out)).rows[0].estimate
    for far, verdict in ((0.5, "consistent"), (12, "inconsistent")):
        told = of_run(out, "near", Printed(f"{ours.value + far * ours.se:.2f}", "fdr6"), metric="fdr6")
        assert told.judged.verdict == verdict
    assert "taken to be of 70 images" in told.notes[0]
    assert "fdr6-mae is printed as 0.04" in "\n".join(told.lines)


def test_a_run_of_no_published_protocol_can_be_asked_too(tmp_path):
    out = left_behind(tmp_path / "out")
    [line, *_] = of_run(out, "near", Printed("2.27"), metric="fdr6").lines
    assert line.startswith("cannot be decided: ")
    assert line.endswith("this run has 'fdr6': if theirs was made the same way, say --protocol 'fdr6'")
    same, other = "harness 0123456789abcdef", "harness fedcba9876543210"
    for theirs, verdict in ((same, "consistent"), (other, "not comparable")):
        found = of_two(Printed("2.31", same, 500), Printed("2.27", theirs, 500, std="0.03"))
        assert found.judged.verdict == verdict


def test_the_command_answers_in_a_line(tmp_path):
    def asked(*arguments):
        return CliRunner().invoke(main, ["reproduce", *arguments])

    told = asked("--mine", "2.31", "--theirs", "2.27", "--protocol", "adm", "--n", "50000", "--std", "0.03")
    assert told.exit_code == 0, told.output
    assert re.match(r"consistent: 2\.31 against 2\.27 ± 0\.03: gap \+0\.04", told.output)
    out = left_behind(tmp_path / "out")
    told = asked(f"{out}:near", "--theirs", "2.27", "--metric", "fdr6", "--protocol", "fdr6")
    assert told.exit_code == 0, told.output
    assert re.match(r"(in)?consistent: 2\.27 against our ", told.output)
    for wrong, words in (
        (("--theirs", "2.27"), "needs one thing to compare with"),
        ((), "give CLAIMS"),
        (("--mine", "two", "--theirs", "2.27"), "expected a number as printed"),
        (("--mine", "2", "--theirs", "2.27", "--protocol", "amd"), "no protocol 'amd'; did you mean 'adm'"),
        (("--mine", "2", "--theirs", "2.27", "--metric", "fjd"), "no metric 'fjd'"),
    ):
        told = asked(*wrong)
        assert told.exit_code == 2
        assert words in told.output


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no run"):
        of_run(tmp_path, "x", Printed("2"))
