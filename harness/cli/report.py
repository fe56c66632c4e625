"""`harness report OUT`: the page that shows a finished run, written anew from the run's files."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import RUN


@click.command()
@RUN
def report(out: Path) -> None:
    """Rewrite OUT/report.html from the files of a finished run.

    One self-contained page: verdict, figures, samples, table, methods, and a section for each study in OUT
    (OUT/<name>.finding.json). It loads nothing; sizes: 0.1 MB for 3 generators, 0.3 MB for 20, 1 MB for 200,
    plus sample images.
    """
    from harness.report import write_report

    click.echo(f"report    {write_report(out)}")
