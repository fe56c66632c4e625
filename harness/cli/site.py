"""`harness site RESULTS …`: static pages over many runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH


@click.command()
@click.argument("results", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("site"), show_default=True, help="The folder of the site.")
@click.option("--title", default="Results", show_default=True)
def site(results: tuple[Path, ...], out: Path, title: str) -> None:
    """Write a static site over finished runs: tables to search and sort, with intervals, rank sets and provenance.

    RESULTS are folders of runs, or folders that hold such folders. The pages need no server and load nothing. Rows of
    several runs stand in one table only where the locks say that they measure the same.
    """
    from harness.base import counted
    from harness.report import write_site

    count = write_site(results, out, title=title)
    click.echo(f"site      {out}/index.html over {counted(count, 'run')}")
