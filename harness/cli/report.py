"""`harness report OUT`: the page that shows a finished run, written anew from the run's files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import RUN


@click.command()
@RUN
def report(out: Path) -> None:
    """Write OUT/report.html: verdict, figures, samples, table, methods, and the studies' findings in OUT.

    One file that loads nothing from anywhere. Studies add a section each by OUT/<name>.finding.json.
    """
    from harness.report import write_report

    click.echo(f"report    {write_report(out)}")
