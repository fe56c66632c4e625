"""Every command with its arguments and options, read from click."""

from __future__ import annotations

from collections.abc import Iterator

import click

from harness.cli.contents import first_sentence, sections
from harness.cli.main import main
from tests.docs.pages.markdown import cell, code, table

INTRODUCTION = """\
Generated from the commands; `harness COMMAND --help` shows the same. Every command takes `--quiet` (`-q`): no progress,
only results, warnings and errors. Exit code 0: done; 1: something failed, or the answer is no; 2: a mistake in the
input, reported with its place."""
EVERYWHERE = ("--help", "--quiet")


def page() -> str:
    """docs/reference/cli.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    context = click.Context(main, info_name="harness")
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    yield "# Commands"
    yield ""
    yield INTRODUCTION
    for title, names in sections(commands):
        yield f"\n## {title}\n"
        yield from table(
            ("command", "does"),
            [(f"[`{name}`](#{_anchor(name)})", cell(first_sentence(_help(commands[name])))) for name in names],
        )
        for name in names:
            yield from _command(f"harness {name}", commands[name], context, level=3)


def _anchor(name: str) -> str:
    return f"harness-{name}".replace(" ", "-")


def _help(command: click.Command | None) -> str:
    assert command is not None
    return command.help or ""


def _command(name: str, command: click.Command | None, above: click.Context, *, level: int) -> Iterator[str]:
    assert command is not None
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=above)
    yield f"\n{'#' * level} {name} {{#{name.replace(' ', '-')}}}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{name} {usage}\n```\n"
    yield from _paragraphs(_help(command))
    options = [one for one in command.params if isinstance(one, click.Option) and not set(EVERYWHERE) & set(one.opts)]
    if shown := [one for one in options if not one.hidden]:
        yield ""
        yield from table(("option", "value", "default", "meaning"), [_option(one, context) for one in shown])
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            yield from _command(f"{name} {sub}", command.get_command(context, sub), context, level=level + 1)


def _paragraphs(text: str) -> Iterator[str]:
    """Help as Markdown: what click keeps as it is (after a line with \\b) becomes a block of code."""
    for block in text.strip().split("\n\n"):
        if "\b" in block:
            yield "```\n" + block.replace("\b", "").strip("\n") + "\n```\n"
        else:
            yield " ".join(block.split()) + "\n"


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else option.make_metavar(context)
    extra = option.get_help_extra(context)
    default = extra.get("default", "")
    words = (option.help or "").strip() + (" *Required.*" if option.required else "")
    words += " *Repeatable.*" if option.multiple else ""
    return names, code(value), code(str(default)), cell(words)
