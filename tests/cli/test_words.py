"""The words of help and errors: short summaries, whole options, and none of the words that read as translated."""

import ast
import re
from pathlib import Path

import click
import pytest

import harness
from harness.cli import main as room
from harness.cli.contents import first_sentence

# What house style replaces (the field's term, the answer first), as whole words.
BANNED = (
    r"\btold\b",
    r"\bof (?:its|one's|their) own\b",
    r"\bamounts? to\b",
    r"\bstands? (?:there|here|above|beside|below)\b",
    r"\bholds? against\b|\bheld against\b",
    r"\bhangs? together\b",
    r"\bcomes? out otherwise\b",
    r"\bis made again\b|\bmade anew\b|\bmakes the same numbers again\b",
    r"\bthe two of\b|\bone of the two\b",
    r"\bmay be repeated\b",
    r"\bwhich is no\b|\bthat is no\b",
    r"\bno measure of\b",
    r"[;:,] say\b|^say\b",
    r"\b(?:is|are) (?:no|none) (?!longer)(?:file|folder|run|npz|archive|number|address|image|pattern|bundle)",
    r"\bwhoever\b|\bone's\b",
    r"\bgoes on (?:from|where)\b",
    r"\b(?:make|made|makes) (?:it )?again\b|\banew\b",
    r"\bis there already\b|\b(?:is|are) not here\b",
    r"\b(?:a|an|the) \w+ (?:is|are) needed\b",
    r"\bhad been\b.*\bas\b",
    r"\bit takes at least\b|\btakes at least\b",
)


def commands(group=room.main, path=("harness",)):
    """Every command with its path, groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = {" ".join(path): command for path, command in commands()}


@pytest.mark.parametrize("path", COMMANDS)
def test_a_summary_is_one_short_whole_sentence(path):
    summary = first_sentence(COMMANDS[path].help or "")
    assert 10 < len(summary) <= 70, (len(summary), summary)
    assert "…" not in summary
    assert summary == first_sentence(summary)
    assert summary.endswith(".")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_says_what_it_does(path):
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.opts[0]}"
            assert option.help[-1] in ".]…", f"{path} {option.opts[0]}: {option.help}"


def spoken():
    """Strings of the harness that people read: help, and what is raised, warned or printed."""
    for path, command in COMMANDS.items():
        yield path, command.help or ""
        for option in command.params:
            yield f"{path} {option.opts[0]}", getattr(option, "help", None) or ""
    package = Path(harness.__file__).parent
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", None) or getattr(called, "attr", None)
            if name in ("UsageError", "warn", "echo", "complain", "Field", "TrackingUnavailable"):
                place = f"{file.relative_to(package)}:{node.lineno}"
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield place, part.value


def test_help_and_errors_use_the_fields_plain_words():
    banned = re.compile("|".join(BANNED))
    found = [f"{place}: {text!r}" for place, text in spoken() if banned.search(text)]
    assert not found, "\n".join(found)


# Besides, what the answers of studies and the report must not say; "told apart" is idiomatic.
SPOILT = (
    r"\btold\b(?! apart)",
    *(r"\bheld fixed\b", r"\brandom draw\b", r"\bunseen real\b", r"\b(?:un)?beaten\b", r"\bpaid for\b"),
    *(r"\bspeaks? about\b", r"\bin truth\b", r"\ball at once\b", r"\bcomputed again\b", r"\bnobody\b"),
)
SCRIPTS = ("style.py", "pages.py")  # of the report and the site: JavaScript


def answered():
    """Strings of the files that answer: words of studies, their sections, the report."""
    package = Path(harness.__file__).parent
    for file in sorted(package.rglob("*.py")):
        written = file.name.endswith("words.py") or file.name.endswith("section.py") or "report" in file.parts
        if not written or file.name in SCRIPTS:
            continue
        tree = ast.parse(file.read_text("utf-8"))
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
                yield f"{file.relative_to(package)}:{node.lineno}", node.value


def test_answers_and_the_report_use_the_fields_plain_words():
    banned = re.compile("|".join([*(one for one in BANNED if one != r"\btold\b"), *SPOILT]))
    # A single word may be a key; a sentence has several.
    found = [f"{place}: {text!r}" for place, text in answered() if " " in text.strip() and banned.search(text)]
    assert not found, "\n".join(found)


def test_the_check_of_words_can_fail():
    banned = re.compile("|".join(BANNED))
    assert banned.search("nothing was scored, for the reason told above")
    assert not banned.search("Nothing was scored; see the error above.")
