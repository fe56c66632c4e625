"""`harness diagnose` on a finished run: its sentences, its JSON, its section of the report, and its refusals."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from harness.cli.main import main
from harness.report.finding import read_findings
from harness.studies.diagnose.findings import BRIEF, TITLES
from tests.conftest import Small

pytestmark = pytest.mark.slow


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A small run with controls whose diagnosis is known."""
    made = Small(tmp_path_factory.mktemp("diagnosed"))
    controls = "  noise: {}\n  memorise: {}\n  mode_drop: {keep: [0, 1, 2, 3]}\n"
    made.edit("  noise: {}\n", controls + "  leak: {use: holdout, split: reference}\n")
    outcome = made.run()
    assert outcome.returncode == 0, outcome.stderr
    return made.folder / "results/small"


def test_the_controls_of_a_run_are_diagnosed_as_what_they_are(ran, tmp_path):
    told = ask("diagnose", ran, "--details", "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    found = json.loads((tmp_path / "told.json").read_text())
    said = {one["generator"]: {f["kind"] for f in one["findings"]} for one in found["diagnoses"]}
    assert found["against"] == "holdout"
    assert said["noise"] == {"other kind"}
    assert "memorisation" in said["memorise"]
    assert "mode collapse" in said["mode_drop"] or "less diverse" in said["mode_drop"]
    assert "reference copies" in said["leak"]
    assert said["holdout"] == set()
    assert not any("reference copies" in kinds for name, kinds in said.items() if name != "leak")
    assert not any("memorisation" in kinds for name, kinds in said.items() if name != "memorise")
    for one in found["diagnoses"]:
        assert f"{one['generator']}: {one['verdict']}" in told.output
        for finding in one["findings"]:
            assert finding["kind"] in TITLES
            assert finding["sentence"].endswith(").")
            assert any(c.isdigit() for c in finding["sentence"])
    assert "about these checkpoints" in told.output
    assert "fd and kd" in told.output


def test_without_details_a_diagnosis_is_a_line_a_finding_and_no_p(ran, tmp_path):
    told = ask("diagnose", ran, "--json", tmp_path / "told.json").output
    table = told.split("\n\n")[1].splitlines()
    found = {one["generator"]: one["findings"] for one in json.loads((tmp_path / "told.json").read_text())["diagnoses"]}
    assert table[0].split() == ["generator", "finding", "numbers"]
    for name, findings in found.items():
        (line,) = [number for number, line in enumerate(table) if line.startswith(f"  {name} ")]
        own = [f for f in findings if f["kind"] != "unreached" or len(findings) == 1]
        for finding, row in zip(own, table[line:], strict=False):
            assert BRIEF[finding["kind"]] in row
    assert " p " not in told.replace("Intervals, p and", "")
    assert max(map(len, told.splitlines()[:-1])) <= 100
    assert len(told.splitlines()) <= 40


def test_verdicts_and_numbers_are_a_section_of_the_report(ran, tmp_path):
    out = shutil.copytree(ran, tmp_path / "out")
    for path in out.glob("*.finding.json"):
        path.unlink()
    told = ask("diagnose", out, "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    first = (out / "report.html").read_bytes()
    finding = read_findings(out)["diagnosis-digits_convnet"]
    diagnoses = json.loads((tmp_path / "told.json").read_text())["diagnoses"]
    assert told.output.startswith(finding.verdict[0]), "the answer is the first line"
    assert [part.partition(":")[0] for part in finding.verdict[-2:]] == ["How sure", "What would change it"]
    assert finding.verdict[1:-3] == tuple(f"{one['generator']}: {one['verdict']}" for one in diagnoses)
    kinds = {one["generator"]: {f["kind"] for f in one["findings"]} for one in diagnoses}
    wrong = sum(not found <= {"nothing", "few copies"} for name, found in kinds.items() if name != "holdout")
    assert finding.verdict[0].startswith(f"Something is wrong beyond noise with {wrong} of {len(diagnoses) - 1} gen")
    sentences = {row[1] for row in finding.tables[0].rows}
    assert sentences >= {f["sentence"] for one in diagnoses for f in one["findings"]}
    recall = next(row for row in finding.tables[1].rows if row[:2] == ("mode_drop", "recall"))
    shown = next(
        e for one in diagnoses if one["generator"] == "mode_drop" for e in one["evidence"] if e["use"] == "recall"
    )
    assert recall[2] == pytest.approx(shown["value"], rel=0.01)
    assert recall[-1] == "below"
    assert b"Diagnosis under digits_convnet" in first
    ask("diagnose", out)
    assert (out / "report.html").read_bytes() == first
    ask("diagnose", out, "--encoder", "pixels")
    assert list(read_findings(out)) == ["diagnosis-digits_convnet", "diagnosis-pixels"]


def test_a_changed_run_drops_the_studies_of_the_old_numbers(copy_of):
    small = copy_of()
    out = small.folder / "results/small"
    for path in out.glob("*.finding.json"):  # other tests' studies of the same run
        path.unlink()
    assert ask("diagnose", out).exit_code == 0
    assert ask("rerank", out).exit_code == 0
    assert ask("compare", out, "kde", "noise").exit_code == 0
    assert small.run().returncode == 0  # nothing changed: they stay
    assert list(read_findings(out)) == ["compare-kde-noise-digits_convnet", "diagnosis-digits_convnet", "rerank"]
    small.edit("level: 0.95", "level: 0.9")
    assert small.run().returncode == 0
    assert read_findings(out) == {}


def test_another_encoder_can_be_asked_and_an_unknown_one_is_named(ran):
    assert "under pixels, against holdout" in ask("diagnose", ran, "--encoder", "pixels", "--details").output
    told = ask("diagnose", ran, "--encoder", "pixel")
    assert told.exit_code == 2
    assert "did you mean 'pixels'" in told.output


def with_holdout(ran, out, **observations):
    """A copy of the run whose holdout was observed to be otherwise."""
    shutil.copytree(ran, out)
    board = json.loads((out / "leaderboard.json").read_text())
    for row in board["rows"]:
        if row["generator"] == "holdout":
            row["observations"] |= observations
    (out / "leaderboard.json").write_text(json.dumps(board))
    (out / ".complete.json").unlink(missing_ok=True)  # whoever changes a file takes the receipt away
    return out


def test_a_run_whose_holdout_shows_reference_images_is_read_against_theory(ran, tmp_path):
    out = with_holdout(ran, tmp_path / "out", reference_copies=0.1)
    assert "no usable `holdout`" in ask("diagnose", out).output
    told = ask("diagnose", out, "--details")
    assert told.exit_code == 0, told.output
    assert "no usable `holdout`" in told.output
    assert "fd " not in told.output.split("orders of")[0].split("\n", 1)[1]


def test_a_holdout_with_a_few_twins_of_other_splits_still_serves(ran, tmp_path):
    out = with_holdout(ran, tmp_path / "out", training_copies=0.005)
    assert "vs: holdout" in ask("diagnose", out).output


def test_a_holdout_that_is_not_exchangeable_with_the_reference_is_compared_with_nothing(ran, tmp_path):
    out = shutil.copytree(ran, tmp_path / "out")
    records = []
    for line in (out / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if (record["level"], record["cell"]["generator"], record["metric"]) == ("generator", "holdout", "kd"):
            record["estimate"] |= {"value": 25.6, "low": 18.9, "high": 35.7}
        records.append(json.dumps(record))
    (out / "records.jsonl").write_text("\n".join(records) + "\n")
    (out / ".complete.json").unlink(missing_ok=True)
    told = ask("diagnose", out, "--json", tmp_path / "told.json")
    assert told.exit_code == 0, told.output
    assert "Control: holdout is not exchangeable with the reference (kd 25.6 [18.9, 35.7]" in told.output
    assert re.search(r"^  holdout +not exchangeable with the reference", told.output, re.MULTILINE)
    whole = ask("diagnose", out, "--details").output
    assert "holdout: real images, and yet not exchangeable with the reference" in whole
    found = json.loads((tmp_path / "told.json").read_text())
    assert found["against"] is None
    assert found["unlike_reference"]["low"] == 18.9
    for one in found["diagnoses"]:
        assert one["generator"] == "holdout" or one["against"] is None
    assert any("Control: " in sentence for sentence in read_findings(out)["diagnosis-digits_convnet"].verdict)


def test_a_folder_that_is_no_run_or_a_broken_one_costs_one_sentence(ran, tmp_path):
    assert ask("diagnose", tmp_path).exit_code == 2
    for name in ("benchmark.lock.yaml", "records.jsonl"):
        out = shutil.copytree(ran, tmp_path / name)
        (out / name).write_text("{")
        told = ask("diagnose", out)
        assert told.exit_code == 2
        assert "rewrite it with" in told.output
