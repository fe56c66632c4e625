"""The command `harness`: its sub-commands, and exit codes for what a person can act on.

`harness NAME` is the click command called NAME in `harness/cli/NAME.py`: a new file there is a new command, and none is
listed anywhere. Only the file of the command that was asked for is imported; what a command does lies in other rooms.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import warnings
from contextlib import nullcontext
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

import harness.cli
from harness.cli import FAILED, INTERRUPTED, USAGE
from harness.cli.heartbeat import beating, current

KEPT = "finished work is kept; run the same command again to continue"


class Commands(click.Group):
    """The commands found in `harness.cli`; exceptions that a person can act on become a line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every file of the folder that holds a command of its name, in the order of the alphabet."""
        return sorted(name for name in _files() if self.get_command(ctx, name) is not None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name in the file of that name; None where there is none."""
        if cmd_name not in _files():
            return None
        held = vars(import_module(f"harness.cli.{cmd_name}")).values()
        found = next((one for one in held if isinstance(one, click.Command) and one.name == cmd_name), None)
        if found is not None and not any("--quiet" in option.opts for option in found.params):
            found.params.append(_quiet())
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, each with its first sentence whole."""
        from harness.cli.contents import first_sentence, sections

        for title, names in sections(self.list_commands(ctx)):
            with formatter.section(title):
                commands = {name: self.get_command(ctx, name) for name in names}
                told = [(name, first_sentence(one.help or "")) for name, one in commands.items() if one is not None]
                formatter.write_dl(told, col_max=12)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command named on the command line."""
        from harness.base import UNWRITABLE, UsageError

        warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
        if isinstance(sys.stdout, io.TextIOWrapper):  # a path that is no UTF-8 is printed with escapes, as in errors
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            with nullcontext() if ctx.meta.get("harness.quiet") else beating():
                return super().invoke(ctx)
        except UsageError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
            sys.exit(USAGE)
        except KeyboardInterrupt:
            _ignore_further_interrupts()
            click.echo(f"interrupted; {KEPT}", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader left (`harness … | head`); Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            if not where and error.errno == errno.ENOSPC:  # a write names no file
                where = " (on the disk of --store or --out)"
            remedy = "choose a writable folder with --store or --out" if error.errno in UNWRITABLE else KEPT
            click.echo(f"error: {error.strerror or error}{where}; {remedy}", err=True)
            sys.exit(FAILED)


def _quiet() -> click.Option:
    """`--quiet` of any command: answers and errors only, before or after the command's name."""

    def heard(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.find_root().meta["harness.quiet"] = True
            if (beat := current()) is not None:  # said after the command's name, when it beats already
                beat.stop()

    words = "Print no progress, only results, warnings and errors."
    return click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=heard, help=words)


def _ignore_further_interrupts() -> None:
    """A second Ctrl-C while the first is answered would only add a traceback."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@cache
def _files() -> frozenset[str]:
    return frozenset(module.name for module in iter_modules(harness.cli.__path__)) - {"main"}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="generative-image-harness", prog_name="harness")
def main() -> None:
    """Benchmark generative image models: every metric with a confidence interval.

    A benchmark is one YAML file. It fixes all that decides a number; options only set where and how fast to run.

    \b
    Examples:
      harness score REAL FAKE              compare two folders of images
      harness run benchmarks/digits.yaml   run a benchmark: leaderboard, report, MLflow
      harness check my.yaml                find the mistakes in a benchmark file
      harness list metrics                 what a benchmark file can name
    """


main.params.append(_quiet())


if __name__ == "__main__":
    main()
