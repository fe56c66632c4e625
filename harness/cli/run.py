"""`harness run BENCH`: all stages in order, then the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.stages import run_and_show, whole_run


@click.command()
@whole_run
def run(bench: Path, **options: Any) -> None:
    """Run BENCH: sample, encode, score, rank; print the leaderboard; log to MLflow."""
    run_and_show(bench, **options)
