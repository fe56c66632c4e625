"""`harness parity REAL FAKE`: the peers' own programs beside ours on one's own images."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli import FAILED, USAGE
from harness.cli.options import DETAILS, JSON, PATH


@click.command()
@click.argument("real", type=PATH)
@click.argument("fake", type=PATH)
@click.option(
    "--peers", help="Comma-separated: clean-fid, torch-fidelity, pytorch-fid, torchmetrics. [default: all installed]"
)
@click.option("--n", type=click.IntRange(8), help="Only the first N files of each folder, by name. [default: all]")
@click.option("--random-weights", is_flag=True, help="Use random weights (no download). Scores do not measure quality.")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, mps …")
@DETAILS
@JSON
def parity(
    real: Path,
    fake: Path,
    peers: str | None,
    n: int | None,
    random_weights: bool,
    device: str,
    details: bool,
    file: Path | None,
) -> None:
    """Compare our numbers with other packages on your images.

    Each package (clean-fid, torch-fidelity, pytorch-fid, torchmetrics) runs its own code on REAL and FAKE, with the
    same weight file. Prints both values of each metric and the difference of the features; with --details, a Markdown
    table with tolerances and seconds. Exit 1 if a difference exceeds the tolerance, 2 if nothing could be compared.
    """
    from harness.base import write_json
    from harness.cli.lines import say
    from harness.studies import parity as study

    def hear(words: str) -> None:
        click.echo(words, err=True)

    found = study.side_by_side(
        real, fake, peers=study.asked(peers), n=n, random_weights=random_weights, device=device, hear=hear
    )
    say(study.text(found, details=details) if found.sides else "\n".join(study.remarks(found)))
    if file is not None:
        write_json(file, found.to_json())
    if not found.sides:
        sys.exit(USAGE)
    sys.exit(0 if found.agrees else FAILED)
