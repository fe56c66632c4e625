"""`harness selftest PROTOCOL`: recompute the numbers that a protocol's authors published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import FAILED, USAGE
from harness.cli.figures import plain, write_figures
from harness.cli.options import DETAILS, JSON, STORE

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


@click.command()
@click.argument("protocol")
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of public data. [default: $HARNESS_DATA, else harness/data in your cache folder; that of FILE.yaml]",
)
@STORE
@click.option("--device", default="auto", show_default=True, help="Device for encoders: auto, cpu, cuda, mps …")
@DETAILS
@JSON
def selftest(
    protocol: str, folder: Path | None, store: StorePlace, device: str, details: bool, file: Path | None
) -> None:
    """Recompute the values published for a protocol.

    PROTOCOL is a protocol's name, or a FILE.yaml with your own values. Exit 1 if a value differs, 2 if one could not be
    computed. Downloads nothing; names missing data and weights, and where to put them.
    """
    from harness.cli.lines import say
    from harness.studies.selftest import RANDOM, SUFFIXES, load, progress_words, run, tally, text

    declared = load(protocol)
    if folder is None and protocol.endswith(SUFFIXES):
        folder = Path(protocol).absolute().parent
    if declared.random_weights:
        click.echo(RANDOM)
    outcomes = []
    for outcome in run(declared, folder=folder, store=store, device=device):
        outcomes.append(outcome)
        click.echo(progress_words(outcome), err=True)
    found = tally(declared.protocol, outcomes)
    say(text(found, outcomes, details=details))
    told = [{**plain(one), "verdict": one.verdict} for one in outcomes]
    write_figures(file, {"protocol": found.protocol, "outcomes": told})
    if found.differ or found.absent:
        sys.exit(FAILED if found.differ else USAGE)
