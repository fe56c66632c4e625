"""The gate where code is reviewed: the steps of action.yml one by one, and the pytest fixture."""

import os
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from harness.base.errors import UsageError
from harness.studies.gate.pytest_plugin import Gate
from tests.conftest import ROOT
from tests.studies.test_compare import out, worsened  # noqa: F401

ACTION = YAML(typ="safe").load((ROOT / "action.yml").read_text())


@pytest.fixture
def before(finished):
    return finished.folder / "results/small"


def step(number, inputs, tmp_path):
    """One step as a runner carries it out: its inputs in its environment, its script in bash."""
    wanted = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | inputs
    own = ACTION["runs"]["steps"][number]
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    given = {"github.action_path": str(ROOT), **{f"inputs.{name}": value for name, value in wanted.items()}}
    env = {name: str(given[value.removeprefix("${{ ").removesuffix(" }}")]) for name, value in own["env"].items()}
    flags = {"bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]}[own["shell"]]
    environment = {**os.environ, **files, **env, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([*flags, own["run"]], env=environment, capture_output=True, text=True, timeout=120)
    told = {name: (tmp_path / name).read_text() if (tmp_path / name).exists() else "" for name in files}
    return ran, told["GITHUB_STEP_SUMMARY"], told["GITHUB_OUTPUT"]


def test_the_steps_of_the_action_judge_and_write_the_summary(out, before, tmp_path):  # noqa: F811
    inputs = {"out": str(out), "baseline": str(before), "python": sys.executable}
    assert [one["id"] for one in ACTION["runs"]["steps"]] == ["install", "gate"]
    installed, _, _ = step(0, inputs, tmp_path)
    assert installed.returncode == 0, installed.stderr
    worsened(out, "recall", -0.4)
    ran, summary, told = step(1, inputs, tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert told == "verdict=worse\n"
    assert summary.startswith("### ❌ gate: holdout became worse in diversity")
    assert "| **worse** | holdout | recall | diversity |" in summary
    assert "| ok | holdout | precision |" in summary


def test_inputs_are_words_and_no_script(out, before, tmp_path):  # noqa: F811
    inputs = {"out": str(out), "baseline": f"$(touch {tmp_path}/ran); '\"", "python": sys.executable}
    ran, _, told = step(1, inputs, tmp_path)
    assert ran.returncode == 2
    assert told == "verdict=not-comparable\n"
    assert not (tmp_path / "ran").exists()
    assert not any("inputs." in one["run"] for one in ACTION["runs"]["steps"])


def test_the_fixture_fails_a_test_with_the_gates_words(out, before):  # noqa: F811
    gate = Gate()
    assert gate.assert_not_worse(out, before).passed
    worsened(out, "recall", -0.4)
    with pytest.raises(pytest.fail.Exception, match=r"holdout became worse in diversity"):
        gate.assert_not_worse(out, before)
    assert gate.assert_not_worse(out, before, metric="precision").passed
    with pytest.raises(pytest.fail.Exception):
        gate.assert_not_worse(out, before, metric="recall", margin=0.05)
    assert gate.assert_not_worse(out, before, metric="recall", margin=0.5).passed
    for wrong in ({"margin": 0.1}, {"metric": "recal"}):
        with pytest.raises(UsageError):
            gate.assert_not_worse(out, before, **wrong)


def test_pytest_finds_the_fixture_and_pays_nothing_for_it():
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import harness.studies.gate.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before & set(sys.modules)))\n"
        "print([n for n in ('numpy', 'torch', 'pydantic', 'click', 'yaml') if n in sys.modules and n not in before])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told.splitlines()[-1] == "[]"
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"harness_gate": "harness.studies.gate.pytest_plugin"}
