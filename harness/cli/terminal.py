"""What a person sees on a terminal or in a log: progress, the leaderboard, and where the results of a run lie."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.heartbeat import current

if TYPE_CHECKING:
    from rich.progress import TaskID

    from harness.pipeline import Failure, Leaderboard
    from harness.run import Result


def show(board: Leaderboard) -> None:
    """Print the leaderboard, one table an encoder."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A pipe or a log has no width of its own; a table must not be folded to 80 columns there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 300)
    for encoder in board.encoders:
        console.print(Text(f"\n{board.title(encoder)}", style="bold"))
        *titles, _ = board.header(encoder)
        found = board.of(encoder)
        rows = [board.cells(row)[:-1] for row in found]
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        for columns in side_by_side(widths, console.width):
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for number in columns:
                # Folded where even one column is too wide: an end of an interval must not become an ellipsis.
                table.add_column(titles[number], justify="left" if number in NAMING else "right", overflow="fold")
            for row, cells, following in zip(found, rows, [*found[1:], None], strict=True):
                table.add_row(
                    *[Text(cells[number]) for number in columns],
                    end_section=following is not None and following.control and not row.control,
                )
            console.print(table)
        # What a row must be read with stands below the table: a column of sentences would fold all the others.
        for row in board.of(encoder):
            if remark := board.cells(row)[-1]:
                console.print(Text(f" ! {row.generator}: {remark}"))
    console.print()
    for note in board.notes:
        console.print(Text(f"· {note}"))


def closing(result: Result) -> None:
    """Print the verdict of a run and where everything is."""
    from harness.cli.lines import say
    from harness.report import answer, read_run

    # The tables above end with the last encoder's: the answer is the first one's, and comes where reading ends.
    say(f"\nverdict   {' '.join(answer(read_run(result.out)))}")
    words = "nothing to compute" if result.cached else "done"
    click.echo(f"{words} in {result.seconds:.1f} s")
    last_read(result.unread_since)
    click.echo(f"results   {result.out}/ (leaderboard.md, plots/, grids/_all.png, records.jsonl, benchmark.lock.yaml)")
    click.echo(f"report    {result.out}/report.html")
    if result.tracked:
        click.echo(f"MLflow    {result.tracked}")
    if result.untracked:
        click.echo(f"MLflow    {result.untracked}", err=True)


def last_read(when: str | None) -> None:
    """Print when the real images that were not read whole now were read last, and what reads them again."""
    if when is not None:
        click.echo(f"real      last read whole {when}, unchanged files since; `harness run --verify` reads them again")


NAMING = (0, 1)  # rank and generator


def side_by_side(widths: Sequence[int], room: int) -> list[tuple[int, ...]]:
    """Columns in groups that fit into `room` letters, each led by rank and generator; one group where all fit.

    A group has at least one column beside those two, however narrow the room is.
    """
    groups: list[tuple[int, ...]] = [NAMING]
    for column in range(len(NAMING), len(widths)):
        wider = (*groups[-1], column)
        # Rich sets three letters between two columns and one at either edge.
        if groups[-1] != NAMING and sum(widths[n] for n in wider) + 3 * (len(wider) - 1) + 2 > room:
            groups.append((*NAMING, column))
        else:
            groups[-1] = wider
    return groups


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
            _say(f"{stage}: {units} to do" + (f", {already} found in the store" if already else ""))

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
