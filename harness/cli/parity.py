"""`harness parity REAL FAKE`: the peers' own programs beside ours on one's own images."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli import FAILED, USAGE
from harness.cli.options import JSON, PATH


@click.command()
@click.argument("real", type=PATH)
@click.argument("fake", type=PATH)
@click.option("--peers", help="clean-fid, torch-fidelity, pytorch-fid, torchmetrics; comma-separated. [all installed]")
@click.option("--n", type=click.IntRange(8), help="The first N files of each folder, by name. [all]")
@click.option("--random-weights", is_flag=True, help="Try it without a weight file; no measure of quality.")
@click.option("--device", default="auto", show_default=True, help="Where they compute: cpu, cuda …")
@JSON
def parity(
    real: Path, fake: Path, peers: str | None, n: int | None, random_weights: bool, device: str, file: Path | None
) -> None:
    """Run the peers' own programs and ours on the folders REAL and FAKE; print a Markdown table to paste.

    Each peer reads the files with its own code and runs its own network and arithmetic; the weight file is the same for
    all. The table has both values, how far apart the features are, what rounding allows, and seconds. Exit 1 where
    something differs by more than that, 2 where nothing could be compared: what is missing is named, with its place.
    """
    from harness.base import write_json
    from harness.studies import parity as study

    def hear(words: str) -> None:
        click.echo(words, err=True)

    found = study.side_by_side(
        real, fake, peers=study.asked(peers), n=n, random_weights=random_weights, device=device, hear=hear
    )
    if found.sides:
        click.echo(study.markdown(found))
    lines = study.remarks(found)
    click.echo("\n".join(["", *(f"- {line}" for line in lines)] if found.sides else lines))
    if file is not None:
        write_json(file, found.to_json())
    if not found.sides:
        sys.exit(USAGE)
    sys.exit(0 if found.agrees else FAILED)
