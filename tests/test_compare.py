"""Two generators, two runs, the next run: what OUT alone can tell, as a user asks it."""

import json
import shutil

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.outfolder import read
from harness.record import read_records
from harness.uncertainty import combine

pytestmark = pytest.mark.slow


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def out(finished, tmp_path):
    """A finished run's folder, free to be changed."""
    return shutil.copytree(finished.folder / "results/small", tmp_path / "out")


def test_out_alone_gives_the_estimates_of_the_records_again(finished):
    folder = finished.folder / "results/small"
    chosen, metrics = read(folder)
    assert chosen == "digits_convnet"
    checked = 0
    for record in read_records(folder / "records.jsonl"):
        if record.level == "generator" and record.cell.encoder == chosen:
            again = combine(
                metrics[record.metric][record.cell.generator],
                level=0.95, target="T_N", reference=record.estimate.reference,
            ).estimate  # fmt: skip
            assert (again.value, again.low, again.high) == (
                record.estimate.value, record.estimate.low, record.estimate.high,
            )  # fmt: skip
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


def test_a_generator_compared_with_itself_is_no_different_and_equivalent_within_a_margin(out):
    told = ask("compare", out, "holdout", "holdout", "--metric", "fd", "--margin", "50")
    assert "holdout and holdout are equivalent within the margin" in told.output
    told = ask("compare", out, "holdout", "holdout", "--metric", "fd", "--margin", "0.001")
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


def test_the_gate_passes_an_unchanged_run(out, finished):
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 0, told.output
    assert "no regression: 24 tests of 4 generators" in told.output


def worsened(folder, metric, shift):
    """Move one generator's analyses of a metric, as a change for the worse would."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    file = folder / "analyses/digits_convnet.safetensors"
    with safe_open(file, framework="numpy") as stream:
        facts = json.loads(stream.metadata()["analyses"])
        arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    for name, generator, _, _, plain in facts:
        if name == metric and generator == "holdout":
            plain["value"] += shift
    save_file(arrays, file, {"analyses": json.dumps(facts)})


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


def test_the_gate_lets_an_improvement_pass(out, finished):
    worsened(out, "fd", -1.0)
    worsened(out, "recall", 0.05)
    assert ask("gate", out, "--baseline", finished.folder / "results/small").exit_code == 0


def test_the_gate_refuses_runs_of_other_things_and_names_the_fact(out, finished):
    file = out / "benchmark.lock.yaml"
    text = file.read_text()
    assert text.count("n_fake: 100") == 1
    file.write_text(text.replace("n_fake: 100", "n_fake: 200"))
    told = ask("gate", out, "--baseline", finished.folder / "results/small")
    assert told.exit_code == 2
    assert "n_fake differs (200 and 100)" in told.output
