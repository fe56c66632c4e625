"""`harness rank BENCH`: records and leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.stages import run_and_show, whole_run


@click.command()
@whole_run
def rank(bench: Path, **options: Any) -> None:
    """Write records and leaderboard; compute only missing scores."""
    run_and_show(bench, **options)
