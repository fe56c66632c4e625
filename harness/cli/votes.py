"""`harness votes FILE.csv`: generators by people's choices between two images."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import JSON, PATH


@click.command()
@click.argument("table", type=PATH)
@click.option("--left", default="left", show_default=True, help="The column of the first generator.")
@click.option("--right", default="right", show_default=True, help="The column of the second generator.")
@click.option("--winner", default="winner", show_default=True, help="The column of left, right, tie, or a name.")
@click.option("--voter", help="The column of who voted. [voter, where there is one]")
@click.option("--compare", nargs=2, help="Say the difference of these two as well.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@JSON
def votes(
    table: Path,
    left: str,
    right: str,
    winner: str,
    voter: str | None,
    compare: tuple[str, str] | None,
    level: float,
    file: Path | None,
) -> None:
    """Rank generators by two-alternative votes: Bradley-Terry strengths with intervals and rank sets.

    A voter's votes hang together, so voters count as what was drawn where the file names them; votes where not.
    """
    from harness.base import write_json
    from harness.studies import judges as study

    found = study.voted(study.read_votes(table, study.VoteColumns(left, right, winner, voter)), level=level)
    click.echo("\n".join([study.text(found), *(study.difference_words(found, *compare) if compare else ())]))
    if file is not None:
        write_json(file, found.to_json())
