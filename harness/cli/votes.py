"""`harness votes FILE.csv`: generators by people's choices between two images."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, JSON, LEVEL, PATH


@click.command()
@click.argument("table", type=PATH)
@click.option("--left", default="left", show_default=True, help="Column of the first generator.")
@click.option("--right", default="right", show_default=True, help="Column of the second generator.")
@click.option(
    "--winner", default="winner", show_default=True, help="Column of the winner: left, right, tie, or a generator name."
)
@click.option("--voter", help="Voter column. [default: voter, if present]")
@click.option("--compare", nargs=2, help="Also compare these two generators.")
@LEVEL
@click.option("--out", type=PATH, help="Write a run's folder here, for `export`, `site`, `compare` and `verify`.")
@DETAILS
@JSON
def votes(
    table: Path,
    left: str,
    right: str,
    winner: str,
    voter: str | None,
    compare: tuple[str, str] | None,
    level: float,
    out: Path | None,
    details: bool,
    file: Path | None,
) -> None:
    """Rank generators by pairwise human votes (Bradley-Terry).

    Strengths with intervals and rank sets. Votes by one voter are correlated: if TABLE names voters, they are the
    sampling units; else single votes are.
    """
    from harness.base import write_json
    from harness.cli.lines import say
    from harness.studies import judges as study

    asked = study.Asked("votes_csv", study.VoteColumns(left, right, winner, voter), level)
    found = asked.judged(table)
    say("\n".join([study.text(found, details=details), *(study.difference_words(found, *compare) if compare else ())]))
    if out is not None:
        study.write_folder(out, table, asked, found)
        click.echo(f"results   {out}/ (records.jsonl, leaderboard.md, benchmark.lock.yaml)")
    if file is not None:
        write_json(file, found.to_json())
