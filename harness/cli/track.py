"""`harness track OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli import FAILED
from harness.cli.options import RUN, TRACKING_URI


@click.command()
@RUN
@TRACKING_URI
def track(out: Path, tracking_uri: str | None) -> None:
    """Log the records of a finished run to MLflow; safe to repeat."""
    from harness.pipeline import ownership
    from harness.report import TrackingUnavailable
    from harness.report import track as send

    ownership.check_run(out)
    try:
        click.echo(f"MLflow: {send(out, tracking_uri).url}")
    except TrackingUnavailable as problem:
        click.echo(f"error: {problem}; the results are safe in OUT, try again later", err=True)
        sys.exit(FAILED)
