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
    """Send the Records in OUT to MLflow; what is there already is not sent twice."""
    from harness.pipeline import ownership
    from harness.report import TrackingUnavailable
    from harness.report import track as send

    ownership.check_run(out)
    try:
        click.echo(f"MLflow: {send(out, tracking_uri).url}")
    except TrackingUnavailable as problem:
        click.echo(f"error: {problem}; nothing is lost, try again later", err=True)
        sys.exit(FAILED)
