"""`harness site RESULTS …`: static pages over many runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH


@click.command()
@click.argument("results", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("site"), show_default=True, help="Folder to write.")
@click.option("--title", default="Results", show_default=True, help="Title of the pages.")
def site(results: tuple[Path, ...], out: Path, title: str) -> None:
    """Build a static website over finished runs.

    Searchable, sortable tables with intervals, rank sets and provenance. RESULTS are run folders, or folders of run
    folders. The pages need no server and load nothing external. Runs share a table only if their lock files show the
    same measurement.
    """
    from harness.base import counted
    from harness.report import write_site

    count = write_site(results, out, title=title)
    click.echo(f"site      {out}/index.html over {counted(count, 'run')}")
