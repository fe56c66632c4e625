"""Two generators, two runs, the next run: what OUT alone can tell, as a user asks it."""

import json
import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from harness.base.record import read_records
from harness.cli.main import main
from harness.pipeline.lockfile import run_key
from harness.pipeline.results import read, write_analyses
from harness.report.finding import read_findings
from harness.uncertainty.seeds import combine
from harness.uncertainty.significance import holm

pytestmark = pytest.mark.slow


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def out(finished, tmp_path):
    """A finished run's folder, free to be changed: whoever changes a file takes the receipt away."""
    made = shutil.copytree(finished.folder / "results/small", tmp_path / "out")
    (made / ".complete.json").unlink()
    return made


def test_out_alone_gives_the_estimates_of_the_records_again(finished):
    folder = finished.folder / "results/small"
    chosen, metrics = read(folder)
    assert chosen == "digits_convnet"
    checked = 0
    for record in read_records(folder / "records.jsonl"):
        if record.level == "generator" and record.cell.encoder == chosen:
            again = combine(
                metrics[record.metric][record.cell.generator],
                level=0.95,
                target="T_N",
                reference=record.estimate.reference,
            ).estimate
            assert (again.value, again.low, again.high) == (
                record.estimate.value,
                record.estimate.low,
                record.estimate.high,
            )
            checked += 1
    assert checked == 4 * 6 * 2


def test_noise_is_worse_than_holdout_beyond_noise_in_every_metric(out):
    told = ask("compare", out, "noise", "holdout", "--json", out.parent / "told.json")
    assert told.exit_code == 0, told.output
    found = json.loads((out.parent / "told.json").read_text())
    assert [one["metric"] for one in found] == ["fd", "kd", "precision", "recall", "density", "coverage"]
    assert all(one["verdict"] == "holdout is better than noise beyond noise" for one in found)
    assert all(one["comparison"]["p"] < 0.05 for one in found)
    assert "about these checkpoints" in told.output
    assert "(Holm): they differ in fd, kd, precision, recall, density, coverage" in told.output
    # Nothing was trained, so the effect is in image noise and says so.
    assert all("image sampling" in one["effect"]["of"] and abs(one["effect"]["size"]) > 1 for one in found)
    assert all(one["p_holm"] >= one["comparison"]["p"] for one in found)


def test_a_comparison_is_a_section_of_the_report_with_its_direction_and_units(out):
    told = ask("compare", out, "noise", "holdout", "--json", out.parent / "told.json")
    found = json.loads((out.parent / "told.json").read_text())
    section = read_findings(out)["compare-noise-holdout-digits_convnet"]
    assert section.verdict[0].startswith(
        "holdout is better in fd, kd, precision, recall, density, coverage: beyond noise"
    )
    assert told.output.startswith(section.verdict[0]), "the answer is the first line"
    assert section.verdict[0] in (out / "report.html").read_text()
    assert section.run == run_key(out)
    by_metric = {row[0]: row for row in section.tables[0].rows}
    assert {name: row[1] for name, row in by_metric.items() if name in ("fd", "recall")} == {
        "fd": "lower",
        "recall": "higher",
    }
    for one in found:
        assert by_metric[one["metric"]][3] == pytest.approx(one["comparison"]["value"], rel=1e-3)
        assert one["verdict"].startswith(by_metric[one["metric"]][2])
    assert "report" in told.output
    ask("compare", out, "noise", "holdout", "--metric", "fd", "--margin", "100000")
    section = read_findings(out)["compare-noise-holdout-digits_convnet-fd-within-100000"]
    assert section.verdict[0].endswith("by less than the margin of 100000.")


@pytest.mark.parametrize("asked", [("compare",), ("power", "--difference", "1")])
def test_a_generator_is_not_compared_with_itself(out, asked):
    told = ask(asked[0], out, "kde", "kde", *asked[1:])
    assert told.exit_code == 2, told.output
    assert "FIRST and SECOND are both kde" in told.output
    assert not [name for name in read_findings(out) if name.startswith("compare-kde-kde")]
    told = ask(asked[0], out, "nobody", "nobody", *asked[1:])
    assert "nobody" in told.output
    assert "are both" not in told.output, "who is not there is the mistake to mend first"


def test_a_level_between_whole_percents_is_said_as_declared(out):
    path = out / "leaderboard.json"
    board = json.loads(path.read_text())
    path.write_text(json.dumps({**board, "interval": {**board["interval"], "level": 0.975}}))
    told = ask("compare", out, "noise", "holdout", "--metric", "fd").output
    assert "97.5% intervals" in told
    assert "holds in 97.5% of cases" in told
    told = ask("power", out, "noise", "holdout", "--difference", "50").output
    assert re.search(r"confidence level +97\.5%", told)


def test_a_folder_that_cannot_be_written_still_answers(out, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.report.finding.write_atomically", refuse)  # root may write anything
    told = ask("compare", out, "noise", "holdout")
    assert told.exit_code == 0
    assert "holdout is better in fd" in told.output
    assert "(Permission denied)" in told.output


def test_the_json_is_json_where_degrees_of_freedom_are_infinite(out):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    file = out.parent / "told.json"
    assert ask("compare", out, "noise", "holdout", "--reference", "fixed", "--json", file).exit_code == 0
    found = {one["metric"]: one["comparison"] for one in json.loads(file.read_text(), parse_constant=refuse)}
    assert found["precision"]["degrees"] is None
    assert found["fd"]["degrees"] > 3


def test_the_effect_between_trained_generators_is_in_scatter_of_training_seeds(out):
    file = out.parent / "told.json"
    assert ask("compare", out, "mine", "kde", "--metric", "fd", "--json", file).exit_code == 0
    told = json.loads(file.read_text())[0]
    values = {
        name: [np.mean([m.analysis.value for m in group if m.training_seed == seed]) for seed in (0, 1)]
        for name, group in read(out)[1]["fd"].items()
        if name in ("mine", "kde")
    }
    pooled = np.sqrt((np.var(values["mine"], ddof=1) + np.var(values["kde"], ddof=1)) / 2)
    expected = (np.mean(values["mine"]) - np.mean(values["kde"])) / pooled
    assert told["effect"]["size"] == pytest.approx(expected)
    assert told["effect"]["of"] == "of a single training seed's value"
    assert told["comparison"]["value"] == pytest.approx(np.mean(values["mine"]) - np.mean(values["kde"]))


def test_a_generator_and_its_twin_are_no_different_and_equivalent_within_a_margin(out):
    chosen, metrics = read(out)
    write_analyses(out, {chosen: {name: {**groups, "twin": groups["holdout"]} for name, groups in metrics.items()}})
    board = json.loads((out / "leaderboard.json").read_text())
    board["rows"] += [{**row, "generator": "twin"} for row in board["rows"] if row["generator"] == "holdout"]
    (out / "leaderboard.json").write_text(json.dumps(board))
    (out / "records.jsonl").unlink()  # they know no twin, and without them there is no report to write
    told = ask("compare", out, "holdout", "twin", "--metric", "fd", "--margin", "50")
    assert "holdout and twin are equivalent within ±50" in told.output
    told = ask("compare", out, "holdout", "twin", "--metric", "fd", "--margin", "0.001")
    assert "cannot be told apart: this does not show that they are equal" in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("noise", "holdoot"), "did you mean 'holdout'"),
        (("noise", "kde", "--metric", "fid"), "no metric 'fid' in this run"),
        (("noise", "kde", "--encoder", "pixel"), "did you mean 'pixels'"),
        (("noise", "kde", "--margin", "1"), "--margin needs --metric"),
    ],
)
def test_what_the_run_does_not_have_is_named(out, arguments, words):
    told = ask("compare", out, *arguments)
    assert told.exit_code == 2
    assert words in told.output
    assert len(told.output.splitlines()) == 1


def test_a_generator_that_failed_is_answered_by_the_reason_that_the_run_gave(out):
    board = json.loads((out / "leaderboard.json").read_text())
    for row in board["rows"]:
        if row["generator"] == "kde" and row["encoder"] == "digits_convnet":
            row |= {"status": "failed", "reason": "disk full", "metrics": {}}
    (out / "leaderboard.json").write_text(json.dumps(board))
    for arguments in (("compare", out, "noise", "kde"), ("power", out, "kde", "noise", "--difference", "1")):
        told = ask(*arguments)
        assert (told.exit_code, len(told.output.splitlines())) == (2, 1)
        assert "kde has no scores under digits_convnet: disk full" in told.output
    assert ask("compare", out, "noise", "kde", "--encoder", "pixels").exit_code == 0


def test_a_leaderboard_without_its_keys_costs_one_sentence(out):
    (out / "leaderboard.json").write_text('{"rows": []}')
    told = ask("compare", out, "noise", "kde")
    assert (told.exit_code, len(told.output.splitlines())) == (2, 1)
    assert "not a leaderboard of this version" in told.output


def test_a_damaged_file_and_a_folder_that_is_no_run_cost_one_sentence(out):
    file = out / "analyses/digits_convnet.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    told = ask("compare", out, "noise", "kde")
    assert told.exit_code == 2
    assert "is damaged" in told.output
    assert "holds no run" in ask("compare", out.parent, "noise", "kde").output


def test_more_power_takes_more_and_what_no_seed_removes_is_said(out):
    asked = ("power", out, "kde", "mine", "--reference", "fixed", "--training-seeds", 5)
    images = {}
    for difference in (1.0, 2.0):
        told = ask(*asked, "--difference", difference)
        assert told.exit_code == 0, told.output
        images[difference] = int(told.output.split(" training seeds of ")[1].split(" ")[0].replace(",", ""))
    assert images[1.0] > 2 * images[2.0]
    told = ask("power", out, "kde", "mine", "--difference", "0.001", "--reference", "random")
    assert told.exit_code == 2
    assert "the shared reference alone leaves a standard error" in told.output
    assert "use more reference images (`n_real`)" in told.output


def test_power_says_what_its_plan_rests_on(out):
    asked = ("power", out, "--reference", "fixed", "--difference", "1")
    told = ask(*asked, "noise", "holdout").output
    assert "note: neither generator is trained\n" in told
    assert "rough estimate" not in told
    told = ask(*asked[:-1], "1000", "noise", "holdout", "--training-seeds", 1).output
    assert told.startswith("1 sampling seed of ")
    assert "note: neither generator is trained, so --training-seeds counts sampling seeds" in told
    told = ask(*asked, "kde", "mine", "--training-seeds", 4).output
    assert "note: fd depends on n. The run has 100 images per set; at " in told
    assert "note: rough estimate: the run has only 2 training seeds" in told
    told = ask(*asked, "kde", "mine", "--training-seeds", 4, "--images", 50)
    assert told.exit_code == 2
    assert "not both; the other is planned" in told.output


def test_the_gate_passes_an_unchanged_run(out, finished):
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 0, told.output
    assert "no regression: 0 tests at 95% (Holm), 4 generators unchanged" in told.output


def edited(folder, change):
    """Rewrite the analyses: `change` gets [metric, generator, training seed, sampling seed, facts], False drops one."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    file = folder / "analyses/digits_convnet.safetensors"
    with safe_open(file, framework="numpy") as stream:
        facts = json.loads(stream.metadata()["analyses"])
        arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    kept = [number for number, one in enumerate(facts) if change(*one) is not False]
    moved = {
        f"{new:06d}/{name.partition('/')[2]}": array
        for new, old in enumerate(kept)
        for name, array in arrays.items()
        if int(name.partition("/")[0]) == old
    }
    save_file(moved, file, {"analyses": json.dumps([facts[number] for number in kept])})


def worsened(folder, metric, shift):
    """Move one generator's analyses of a metric, as a change for the worse would."""

    def change(name, generator, training_seed, sampling_seed, plain):
        if (name, generator) == (metric, "holdout"):
            plain["value"] += shift

    edited(folder, change)


@pytest.mark.parametrize(
    ("metric", "shift", "axis"), [("recall", -0.4, "diversity"), ("precision", -0.4, "fidelity"), ("fd", 40.0, "both")]
)
def test_the_gate_fails_a_generator_that_became_worse_in_one_axis_only(out, finished, metric, shift, axis):
    worsened(out, metric, shift)
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 1, told.output
    assert f"WORSE holdout: {metric}" in told.output
    assert axis.replace("both", "fidelity and diversity together") in told.output
    assert told.output.count("WORSE") == 1
    answer = told.output.splitlines()[0]
    assert answer.startswith(
        f"gate: holdout became worse in {axis.replace('both', 'fidelity and diversity together')} ("
    )
    spared = {"diversity", "fidelity"} - {axis}
    assert all(f"; {other} is not shown to (" in answer for other in spared)
    assert told.output.count(answer) == 1
    assert "may pass unseen" in told.output
    assert told.output.splitlines()[1].startswith("WORSE"), "what fell stands before what did not"


def test_an_equal_run_of_other_sampling_seeds_passes_and_a_finite_pool_of_them_is_unchanged(copy_of, finished):
    """Seeds without a 0 once broke `rank`: a pool of real images has no block for a seed that is not declared."""
    again = copy_of()
    again.edit("sampling_seeds: [0, 1]", "sampling_seeds: [2, 3]")
    outcome = again.run("--out", "again")
    assert outcome.returncode == 0, outcome.stderr
    told = ask("gate", again.folder / "again", "--baseline", finished.folder / "results/small")
    assert told.exit_code == 0, told.output
    assert told.output.startswith("gate: no regression: ")
    assert re.search(r"^ok    \d+ tests of kde", told.output, re.MULTILINE), "new images are tested"
    whole = ask("gate", again.folder / "again", "--baseline", finished.folder / "results/small", "--details").output
    assert re.search(r"^ok   kde +fd \(", whole, re.MULTILINE)
    same = next(line for line in told.output.splitlines() if line.startswith("same"))
    assert "holdout" in same


def test_the_gate_lets_an_improvement_pass(out, finished):
    worsened(out, "fd", -1.0)
    worsened(out, "recall", 0.05)
    assert ask("gate", out, "--baseline", finished.folder / "results/small").exit_code == 0


def test_the_gate_refuses_a_run_that_leaves_a_generator_out(out, finished):
    edited(out, lambda metric, generator, *_: generator != "noise")
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 2, told.output
    assert "lacks noise" in told.output
    # The other way round nothing is lost: a new generator has no past to fall from.
    told = ask("gate", finished.folder / "results/small", "--baseline", out)
    assert told.exit_code == 0, told.output


def test_a_generator_that_no_longer_runs_fails_the_gate(out, finished):
    edited(out, lambda metric, generator, *_: generator != "noise")
    board = json.loads((out / "leaderboard.json").read_text())
    for row in board["rows"]:
        if row["generator"] == "noise":
            row |= {"status": "failed", "reason": "out of ideas"}
    (out / "leaderboard.json").write_text(json.dumps(board))
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 1, told.output
    assert "WORSE noise: scored in" in told.output
    assert "out of ideas" in told.output


def test_a_new_generator_that_does_not_run_fails_the_gate_and_one_that_never_ran_is_named(out, finished):
    def changed(change):
        board = json.loads((out / "leaderboard.json").read_text())
        board["rows"] += change(board["rows"])
        (out / "leaderboard.json").write_text(json.dumps(board))

    def failing(rows):
        return [row | {"generator": "newest", "status": "failed", "reason": "no ink"} for row in rows[:1]]

    base = finished.folder / "results/small"
    assert ask("gate", out, "--baseline", base).exit_code == 0
    changed(failing)
    told = ask("gate", out, "--baseline", base)
    assert told.exit_code == 1, told.output
    assert told.output.startswith("gate: newest, which is new, does not run: ")
    (line,) = [line for line in told.output.splitlines() if line.startswith("FAILS")]
    assert line == f"FAILS newest: not in {base}, failed in {out}: no ink"
    # One that failed in the baseline already is no change, but is not passed over in silence.
    told = ask("gate", out, "--baseline", out)
    assert told.exit_code == 0, told.output
    assert f"note  newest: failed in {out} and fails in {out}: no ink" in told.output


def test_a_metric_under_a_name_of_the_users_own_keeps_its_axis(out, finished, tmp_path):
    base = shutil.copytree(finished.folder / "results/small", tmp_path / "base")
    (base / ".complete.json").unlink()
    for folder in (out, base):
        for name in ("leaderboard.json", "benchmark.lock.yaml"):
            (folder / name).write_text((folder / name).read_text().replace("recall", "spread"))
        lock = folder / "benchmark.lock.yaml"
        lock.write_text(lock.read_text().replace("use: spread", "use: recall"))
        file = folder / "analyses/digits_convnet.safetensors"
        file.write_bytes(file.read_bytes().replace(b'["recall', b'["spread').replace(b'[\\"recall', b'[\\"spread'))
    worsened(out, "spread", -0.4)
    told = ask("gate", out, "--baseline", base)
    assert told.exit_code == 1, told.output
    assert "WORSE holdout: spread (diversity)" in told.output


def test_another_machines_last_bits_do_not_stop_the_gate(out, finished):
    edited(out, lambda metric, generator, training_seed, sampling_seed, plain: plain.update(real_seed=1, fake_seed=1))
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 0, told.output
    assert "no regression: 24 tests" in told.output


def test_training_seeds_on_one_side_only_are_refused(out, finished):
    edited(out, lambda metric, generator, training_seed, *_: not (generator == "kde" and training_seed == 1))
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 2, told.output
    assert "kde has 1 training seed(s) here and 2 in the baseline" in told.output


def test_what_the_gate_says_would_pass_unseen_passes_and_more_does_not(out, finished):
    worsened(out, "fd", 1e-6)
    line = next(
        line
        for line in ask("gate", out, "--baseline", finished.folder / "results/small", "--details").output.splitlines()
        if line.startswith("ok") and line.split()[1:3] == ["holdout", "fd"]
    )
    unseen = float(line.split()[-1])
    assert unseen > 0
    # The figure is printed with two digits. What is added later comes on top of what is there.
    for shift, code in ((0.9 * unseen, 0), (0.2 * unseen, 1)):
        worsened(out, "fd", shift)
        assert ask("gate", out, "--baseline", finished.folder / "results/small").exit_code == code


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("n_fake: 100", "n_fake: 200", "n_fake: 200 here, 100 in the baseline"),
        ("  seed: 7\n", "  seed: 8\n", "seed, which draws the reference: 8 here, 7 in the baseline"),
        (
            "use: digits_convnet\n      parameters: {}\n      preprocessing: null",
            "use: digits_convnet\n      parameters: {}\n      preprocessing: {channels: rgb}",
            "preprocessing: channels rgb here, grey in the baseline",
        ),
        ("      weights: ", "      weights: 0", "encoder digits_convnet: weights 0"),
    ],
)
def test_the_gate_refuses_runs_of_other_things_and_names_the_fact(out, finished, old, new, words):
    file = out / "benchmark.lock.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 2, told.output
    assert words in told.output


def test_a_generator_really_made_worse_fails_the_gate_and_one_of_another_size_is_refused(copy_of, finished):
    changed = copy_of()
    changed.edit("kde: {}", "kde: {bandwidth: 2.0}")
    outcome = changed.run("--out", "worse")
    assert outcome.returncode == 0, outcome.stderr
    told = ask("gate", changed.folder / "worse", "--baseline", finished.folder / "results/small")
    assert told.exit_code == 1, told.output
    assert "WORSE kde: " in told.output
    assert "same  mine, holdout and noise" in told.output
    # The better of the two as the new run: nothing has become worse.
    told = ask("gate", finished.folder / "results/small", "--baseline", changed.folder / "worse")
    assert told.exit_code == 0, told.output
    changed.edit("n_fake: 100", "n_fake: 80")
    assert changed.run("--out", "smaller").returncode == 0
    told = ask("gate", changed.folder / "smaller", "--baseline", finished.folder / "results/small")
    assert told.exit_code == 2, told.output
    assert "n_fake: 80 here, 100 in the baseline" in told.output


def test_holm_multiplies_the_smallest_by_all_the_next_by_one_less_and_keeps_their_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_holm_raises_a_false_alarm_no_more_often_than_it_says():
    rng = np.random.default_rng(0)
    alarms = [min(holm(list(rng.uniform(size=12)))) <= 0.05 for _ in range(4000)]
    # 1 - (1 - .05/12)^12 = .0489 for independent tests; four standard errors of 4,000 draws are .014
    assert abs(float(np.mean(alarms)) - 0.0489) < 0.014
