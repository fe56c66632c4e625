"""What a person sees on a terminal or in a log: progress, the leaderboard, and where the results of a run lie."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.heartbeat import current

if TYPE_CHECKING:
    from rich.progress import TaskID

    from harness.pipeline import Failure, Leaderboard
    from harness.run import Result


def show(board: Leaderboard, *, details: bool = False) -> None:
    """Print the leaderboard: what a screen holds of it, or all with `details`."""
    from harness.report import board_lines

    # A pipe or a log has no width of its own; a table must not be cut to 80 columns there.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 300
    click.echo("\n".join(board_lines(board, width, details=details)))


def closing(result: Result) -> None:
    """Print the verdict of a run and where everything is."""
    from harness.cli.lines import say
    from harness.report import answer, read_run

    # The tables above end with the last encoder's: the answer is the first one's, and comes where reading ends.
    say(f"\nverdict   {' '.join(answer(read_run(result.out)))}")
    words = "nothing to compute" if result.cached else "done"
    click.echo(f"{words} in {result.seconds:.1f} s")
    last_read(result.unread_since)
    click.echo(f"results   {result.out}/ (leaderboard.md, records.jsonl, plots/, grids/)")
    click.echo(f"report    {result.out}/report.html")
    if result.tracked:
        click.echo(f"MLflow    {result.tracked}")
    if result.untracked:
        click.echo(f"MLflow    {result.untracked}", err=True)


def last_read(when: str | None) -> None:
    """Print when the real images that were not read whole now were read last, and what reads them again."""
    from harness.cli.lines import say

    if when is not None:
        say(f"real      digests last checked {when}, files unchanged since; `harness run --verify` checks again")


class Plain:
    """A line for every unit: for logs and pipes."""

    stage, units, count = "", 0, 0

    def __enter__(self) -> Plain:
        if (beat := current()) is not None:
            beat.where = self.where
        return self

    def __exit__(self, *_: object) -> None:
        if (beat := current()) is not None:
            beat.where = str

    def where(self) -> str:
        """The stage and how far it is, for a sign of life between two lines; nothing between stages."""
        return f"{self.stage} {self.count}/{self.units}" if self.units else ""

    def begin(self, stage: str, units: int, already: int) -> None:
        """Say what is to do."""
        self.stage, self.units, self.count = stage, units, 0
        if units:
            _say(f"{stage}: {units} to do" + (f", {already} in the store" if already else ""))

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """Say what was done."""
        self.count += 1
        for words in warnings:
            _say(f"warning: {words}")
        outcome = f"FAILED: {failure.reason}" if failure else f"{seconds:.1f} s"
        _say(f"{self.stage} {self.count}/{self.units} {unit}: {outcome}")

    def end(self) -> None:
        """The stage is over: what comes next is none."""
        self.units = 0


def _say(line: str) -> None:
    click.echo(line, err=True)
    if (beat := current()) is not None:
        beat.heard()


class Hushed(Plain):
    """Warnings and failures alone."""

    def begin(self, stage: str, units: int, already: int) -> None:
        """Say nothing."""
        self.stage = stage

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """Say what went wrong."""
        for words in warnings:
            click.echo(f"warning: {words}", err=True)
        if failure:
            click.echo(f"{self.stage} {unit}: FAILED: {failure.reason}", err=True)


class Bars(Plain):
    """A bar for every stage: for terminals."""

    task: TaskID | None = None

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.bars = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[unit]}"),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Bars:
        self.bars.start()
        if (beat := current()) is not None:
            beat.say = self._between
        return self

    def _between(self, text: str) -> None:
        """Between stages nothing moves: a line then; within one the bar and its clock are sign enough."""
        if self.task is None:
            self.bars.console.print(text, markup=False)

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def begin(self, stage: str, units: int, already: int) -> None:
        """Open a bar where there is something to do."""
        self.task = self.bars.add_task(stage, total=units, unit="") if units else None

    def done(self, unit: str, seconds: float, failure: Failure | None, warnings: Sequence[str]) -> None:
        """Advance the bar; keep warnings and failures above it."""
        for words in warnings:
            self.bars.console.print(f"warning: {words}", markup=False)
        if failure:
            self.bars.console.print(f"FAILED {unit}: {failure.reason}", markup=False)
        if self.task is not None:
            self.bars.update(self.task, advance=1, unit=unit)

    def end(self) -> None:
        """Clear the last unit's name."""
        if self.task is not None:
            self.bars.update(self.task, unit="")
            self.task = None


def progress() -> Plain:
    """Bars on a terminal, lines elsewhere; neither with --quiet, where warnings and failures alone are printed."""
    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().meta.get("harness.quiet"):
        return Hushed()
    return Bars() if sys.stderr.isatty() else Plain()
