"""`harness run BENCH`: all stages in order, then the results; or, with --shard, one share of the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.stages import run_and_show, share_and_tell, whole_run


@click.command()
@whole_run
@click.option("--shard", help="Do only share i of N, such as 2/8; `auto` under torchrun, Slurm and Kubernetes.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="With --shard: seconds to wait for a shard that shows no progress.",
)
def run(bench: Path, shard: str | None, wait: float, **options: Any) -> None:
    """Run a benchmark: sample, encode, score, rank, report.

    Writes the leaderboard, records, plots and report.html to OUT, and logs to MLflow.

    With --shard i/N, N runs on any machines share the work through one --store. A last `harness run` without --shard
    finishes what is left and writes the results.

    \b
    Examples:
      harness run benchmarks/digits.yaml
      harness run my.yaml --out results/mine --device cuda --no-tracking
      harness run my.yaml --store /shared/store --shard 2/8
    """
    if shard is None:
        run_and_show(bench, **options)
    else:
        share_and_tell(bench, shard, wait, **options)
