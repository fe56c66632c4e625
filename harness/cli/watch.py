"""`harness watch CHECKPOINTS BENCH`: checkpoints scored as they appear."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from harness.cli import FAILED
from harness.cli.options import BENCH, DEVICE, OUT, PATH, STORE, TRUST, WORKERS

COLUMNS = 3  # metrics of a checkpoint on the terminal; the report has all


@click.command()
@click.argument("checkpoints", type=PATH)
@BENCH
@click.option("--pattern", default="*", show_default=True, help="Glob for names of checkpoint files or folders.")
@click.option("--every", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds between two scans.")
@click.option("--once", is_flag=True, help="Scan once, score what is there, and exit.")
@click.option(
    "--settle",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Seconds without a change before a checkpoint counts as complete.",
)
@OUT
@STORE
@DEVICE
@WORKERS
@TRUST
def watch(
    checkpoints: Path,
    bench: Path,
    pattern: str,
    every: float,
    once: bool,
    settle: float,
    out: Path | None,
    **options: Any,
) -> None:
    """Score checkpoints as training writes them.

    Checks the folder CHECKPOINTS for new ones. One generator of BENCH has '{checkpoint}' as the value of a parameter,
    such as file: '{checkpoint}'. All results go to one OUT, with the best checkpoint and the bias from choosing it.
    Stop and restart at any time. The watcher need not run on the machine that trains.
    """
    from harness.cli.terminal import progress
    from harness.studies import live

    watcher = live.Watcher(checkpoints, bench, out, pattern, settle, options)
    failed = False
    while True:
        with progress() as heard:
            seen = watcher.look(heard)
        if seen is not None:
            _tell(seen)
            failed = bool(seen.failures)
        elif once:
            click.echo(f"{checkpoints}: no complete checkpoint matches {pattern}", err=True)
            failed = True
        if once:
            sys.exit(FAILED if failed else 0)
        time.sleep(every)


def _tell(seen: Any) -> None:
    from harness.base import aligned
    from harness.cli.lines import say

    board = seen.leaderboard
    encoder = board.rank_by["encoder"]
    names = {path.name for path in seen.new}
    scored = []
    for row in board.of(encoder):
        swept = row.observations.get("swept", {}).get("axes", {})
        if any(Path(str(value)).name in names for value in swept.values()):
            if row.status == "ok":
                scored.append((row.generator, *board.cells(row)[2:-2][:COLUMNS]))
            else:
                say(f"{row.generator}: FAILED: {row.reason}")
    if scored:
        heads = board.header(encoder)[2:-2][:COLUMNS]
        say("\n".join(aligned(scored, heads=("checkpoint", *heads), right=range(1, len(scored[0])))))
    for line in seen.best:
        say(f"best      {line}")
    for line in seen.failures:
        click.echo(f"failed: {line}", err=True)
    say(f"results   {seen.out}/report.html (all metrics)")
