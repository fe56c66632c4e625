"""Code that a benchmark names: shown before it first runs, refused where nobody allowed it, never asked for twice."""

from __future__ import annotations

import warnings

import pytest

from harness import benchmark
from harness.base import UsageError
from harness.benchmark import trust
from harness.pipeline import Plan
from tests.conftest import ROOT

YAML = """\
name: foreign
seed: 7
dataset: digits
datasets: {datasets}
n_real: 120
n_fake: 100
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators: {{theirs: {{use: "{use}"{more}}}}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""
MODULE = "open('ran', 'w').close()\n\nclass Theirs:\n    def sample(self, seeds):\n        return None\n"


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A folder with a YAML that names a module beside it; the user stands elsewhere, at home."""
    folder, home = tmp_path / "downloaded", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    (folder / "theirs.py").write_text(MODULE)
    monkeypatch.delenv("HARNESS_TRUST_CODE")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.chdir(home)
    monkeypatch.setattr(trust, "_named", set())
    monkeypatch.setattr(trust, "_asks", [])

    def declared(use="theirs:Theirs", more=""):
        path = folder / "bench.yaml"
        path.write_text(YAML.format(datasets=ROOT / "datasets.yaml", use=use, more=more))
        return benchmark.load(path)

    return declared


def test_code_beside_the_yaml_is_shown_once_and_not_again(foreign):
    found = foreign()
    with pytest.warns(trust.CodeWarning, match=r"generator theirs: theirs:Theirs of .*theirs\.py"):
        trust.check(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trust.check(found)


def test_two_pieces_of_code_are_told_apart_in_one_line(foreign):
    with pytest.warns(
        trust.CodeWarning, match=r"runs code: generator theirs: .*\.py; generator mine: theirs:Theirs of "
    ):
        trust.check(foreign(more='}, mine: {use: "theirs:Theirs"'))


def test_on_a_terminal_a_no_ends_it_and_a_yes_is_remembered(foreign):
    asked = []
    trust.ask_by(lambda text: bool(asked.append(text)))
    with pytest.raises(UsageError, match="was not run"):
        trust.check(foreign())
    assert "theirs:Theirs" in asked[0]
    trust.ask_by(lambda text: asked.append(text) is None)
    trust.check(foreign())
    trust.check(foreign())
    assert len(asked) == 2


def test_installed_code_needs_the_users_word(foreign, monkeypatch):
    """A YAML alone could else start any program: subprocess.Popen is a class with keyword arguments."""
    found = foreign("subprocess:Popen", ", args: [touch, ran]")
    with pytest.raises(UsageError, match=r"is neither beside the YAML .* HARNESS_TRUST_CODE=subprocess"):
        trust.check(found)
    monkeypatch.setenv("HARNESS_TRUST_CODE", "numpy, subprocess")
    trust.check(found)


def test_a_plan_refuses_before_anything_is_imported(foreign, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_TRUST_CODE", "0")
    plan = Plan(foreign(), tmp_path / "store")
    with pytest.raises(UsageError, match=r"not allowed: \$HARNESS_TRUST_CODE is 0"):
        plan.check_place()
    assert not list(tmp_path.rglob("ran"))
    assert not (tmp_path / "store").exists()


def test_what_a_user_types_is_allowed_and_a_benchmark_without_code_asks_for_nothing(foreign, monkeypatch):
    monkeypatch.setenv("HARNESS_TRUST_CODE", "0")
    trust.named_by_user("theirs:Theirs")
    trust.check(foreign())
    monkeypatch.setattr(trust, "_named", set())
    trust.check(foreign("noise"))


def test_a_module_in_the_project_that_holds_the_yaml_counts_as_beside_it(foreign, tmp_path, monkeypatch):
    (tmp_path / "project_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)  # the folder that holds both
    assert [one.beside for one in trust.code_of(foreign("project_module:Theirs"))] == [True]
    (tmp_path / "home" / "project_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path / "home")  # a YAML from elsewhere that names a module of mine
    assert [one.beside for one in trust.code_of(foreign("project_module:Theirs"))] == [False]


def test_check_lists_the_code_that_would_run(foreign, capsys):
    from click.testing import CliRunner

    from harness.cli.check import check

    path = foreign().folder / "bench.yaml"
    told = CliRunner().invoke(check, [str(path)]).output
    assert "code    generator theirs: theirs:Theirs of" in told
