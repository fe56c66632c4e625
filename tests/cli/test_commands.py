"""The command line: where commands come from, and what importing them costs."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

import harness.cli
from harness.benchmark import model as benchmark
from harness.cli import main as room
from harness.cli.contents import SECTIONS, first_sentence
from harness.cli.figures import write_figures
from tests.support.noise_folders import noise

COMMANDS = """
audit
check
classes
compare
completion
diagnose
diff
encode
encoders
exam
export
fdr6
gate
init
judge
list
merge
pairs
parity
power
ppl
rank
register
report
reproduce
rerank
run
sample
schema
score
scores
selftest
show
site
stats
store
submit
track
verify
votes
watch
weights
"""


def test_every_command_is_the_one_in_the_file_of_its_name():
    told = CliRunner().invoke(room.main, ["--help"]).output.split("\nScore:\n")[1]
    names = [line.split()[0] for line in told.splitlines() if line.startswith("  ") and line[2:3].strip()]
    assert sorted(names) == COMMANDS.split()
    for name in names:
        assert CliRunner().invoke(room.main, [name, "--help"]).output.startswith(f"Usage: main {name} ")


def test_a_new_file_is_a_new_command_and_nothing_lists_it(tmp_path, monkeypatch):
    (tmp_path / "greet.py").write_text(
        "import click\n\n@click.command()\ndef greet():\n    '''Say hello.'''\n    click.echo('hello')\n"
    )
    (tmp_path / "helping.py").write_text("WORDS = 'no command of this name'\n")
    monkeypatch.setattr(harness.cli, "__path__", [*harness.cli.__path__, str(tmp_path)])
    room._files.cache_clear()
    try:
        told = CliRunner().invoke(room.main, ["--help"]).output
        assert "greet" in told
        assert "Say hello." in told
        assert "helping" not in told
        assert CliRunner().invoke(room.main, ["greet"]).output == "hello\n"
    finally:
        room._files.cache_clear()
        for name in ("greet", "helping"):
            sys.modules.pop(f"harness.cli.{name}", None)


def test_a_command_that_is_not_there_is_a_mistake_in_the_arguments():
    for word in ("lines", "main", "nothing"):  # the first two are files of the folder
        told = CliRunner().invoke(room.main, [word])
        assert told.exit_code == 2
        assert f"No such command '{word}'" in told.output


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_waits_for_no_library_of_numbers(arguments):
    code = (
        "import sys\nfrom harness.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print([name for name in ('numpy', 'torch', 'pydantic', 'mlflow', 'yaml') if name in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"


def test_help_has_whole_sentences_in_sections_and_each_command_once():
    told = CliRunner().invoke(room.main, ["--help"], terminal_width=400).output
    assert "..." not in told.split("\nScore:\n")[1]
    listed = [name for _, names in SECTIONS for name in names]
    assert len(listed) == len(set(listed))
    for title, _ in SECTIONS:
        assert f"\n{title}:\n" in told


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Say hello.", "Say hello."),
        ("Length (Karras et al. 2019) of these. More of it.", "Length (Karras et al. 2019) of these."),
        ("Which is it? This one.", "Which is it?"),
        ("One.\n\nTwo.", "One."),
    ],
)
def test_the_first_sentence_ends_where_it_ends(text, sentence):
    assert first_sentence(text) == sentence


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(shell):
    told = CliRunner().invoke(room.main, ["completion", shell]).output
    assert "_HARNESS_COMPLETE" in told
    assert f"{shell}_complete" in told


def test_commands_and_options_are_completed():
    def completed(words, at):
        env = {**os.environ, "_HARNESS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        code = "from harness.cli.main import main; main(prog_name='harness')"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env).stdout
        return [line.partition(",")[2] for line in told.splitlines()]

    assert completed("harness sco", 1) == ["score", "scores"]
    assert "--baseline" in completed("harness gate --b", 2)


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    noise(Path("real"), 24)
    noise(Path("made/a"), 20, seed=1)
    return tmp_path


def test_init_writes_a_sound_commented_benchmark_and_writes_over_nothing(sets):
    told = CliRunner().invoke(room.main, ["init", "real", "made/a", "--encoder", "pixels", "--out", "b.yaml"])
    assert told.exit_code == 0, told.output
    text = Path("b.yaml").read_text()
    assert text.count("\n# ") >= 8
    assert "Written by `harness score`" not in text + Path("b.datasets.yaml").read_text()
    found = benchmark.load(Path("b.yaml"))
    assert (found.n_real, found.n_fake, list(found.generators)) == (24, 20, ["a"])
    again = CliRunner().invoke(room.main, ["init", "real", "made/a", "--encoder", "pixels", "--out", "b.yaml"])
    assert again.exit_code == 2
    assert "already exists" in again.stderr
    assert Path("b.yaml").read_text() == text


def test_init_needs_no_weight_files_and_check_then_says_what_is_missing(sets):
    assert CliRunner().invoke(room.main, ["init", "real", "made/a"]).exit_code == 0
    told = CliRunner().invoke(room.main, ["check", "benchmark.yaml"])
    assert told.exit_code == 2
    assert "weights inception-2015-12-05.pt not found" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_quiet_leaves_the_answer_and_no_progress(sets):
    asked = ["real", "made/a", "--encoder", "pixels", "--workers", "1"]
    told = CliRunner().invoke(room.main, ["score", "--quiet", *asked])
    assert told.exit_code == 0, told.output
    assert "encode" not in told.stderr
    assert "verdict" in told.stdout
    assert any("--quiet" in option.opts for option in room.main.params)  # before the command's name too


def test_figures_are_plain_json_whatever_the_result_is_made_of(tmp_path):
    @dataclass(frozen=True)
    class Found:
        path: Path
        values: tuple[float, ...]

    write_figures(None, Found(Path("a"), ()))
    write_figures(tmp_path / "f.json", {"one": Found(Path("a"), (1.5, float("nan"))), "set": {3}})
    told = json.loads((tmp_path / "f.json").read_text())
    assert told == {"one": {"path": "a", "values": [1.5, None]}, "set": [3]}


STUDIES = """audit classes compare diagnose exam fdr6 gate parity pairs power ppl reproduce rerank scores selftest show
verify votes"""


@pytest.mark.parametrize("name", STUDIES.split())
def test_every_study_writes_its_figures_as_json(name):
    command = room.main.get_command(None, name)
    assert any("--json" in option.opts for option in command.params)


def test_a_pipe_gets_no_escape_codes_and_no_color_leaves_colours_out_of_a_terminal(monkeypatch):
    assert "\x1b" not in CliRunner().invoke(room.main, ["--help"]).output
    from rich.console import Console

    from harness.cli import terminal

    monkeypatch.setenv("TERM", "xterm-256color")
    for no_color, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setenv("FORCE_COLOR", "1")
        bars = terminal.Bars()
        with bars.bars.console.capture() as held:
            bars.bars.console.print("x", style="red")
        assert ("\x1b[31m" in held.get()) == coloured
    assert isinstance(bars.bars.console, Console)
