"""The command line: where commands come from, and what importing them costs."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

import harness.cli
from harness.cli import main as room

COMMANDS = """
audit
check
classes
compare
diagnose
diff
encode
encoders
exam
export
fdr6
gate
judge
list
merge
pairs
parity
power
ppl
rank
report
reproduce
rerank
run
sample
score
scores
selftest
show
stats
track
verify
votes
watch
weights
"""


def test_every_command_is_the_one_in_the_file_of_its_name():
    told = CliRunner().invoke(room.main, ["--help"]).output.split("Commands:\n")[1]
    names = [line.split()[0] for line in told.splitlines() if line[:3].strip()]
    assert names == COMMANDS.split()
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
