"""`harness run BENCH`: all stages in order, then the results; or, with --shard, one share of the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.stages import run_and_show, share_and_tell, whole_run


@click.command()
@whole_run
@click.option("--shard", help="Do share i of N only, as in 2/8, or `auto` under torchrun, Slurm and Kubernetes.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="With --shard: seconds without a sign of another shard before its work is not waited for.",
)
def run(bench: Path, shard: str | None, wait: float, **options: Any) -> None:
    """Run BENCH: sample, encode, score, rank; print the leaderboard; log to MLflow.

    With --shard i/N, N runs (terminals, machines, jobs) that share one --store divide the work; a last `harness run`
    without it does what they left and writes the results.
    """
    if shard is None:
        run_and_show(bench, **options)
    else:
        share_and_tell(bench, shard, wait, **options)
