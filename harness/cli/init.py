"""`harness init REAL FAKE …`: a benchmark to start from."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import ARRAY, COLUMN, PATH


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="REAL FAKE [FAKE …]")
@click.option("--out", type=PATH, default=Path("benchmark.yaml"), show_default=True, help="The file to write.")
@click.option("--protocol", help="Encoder, preprocessing and conventions of a published one. [clean]")
@click.option("--encoder", help="An encoder instead.")
@COLUMN
@ARRAY
def init(
    paths: tuple[Path, ...],
    out: Path,
    protocol: str | None,
    encoder: str | None,
    column: tuple[str, ...],
    array: tuple[str, ...],
) -> None:
    """Write a commented benchmark YAML from sets of images, to edit and run; nothing is scored.

    The real images are read once, to pin them by digest in a datasets.yaml beside it. Nothing is asked, and no file is
    written over.
    """
    from harness.base import UsageError
    from harness.benchmark import Inside, write_starter

    if len(paths) < 2:
        raise UsageError("give the REAL images and then at least one set of FAKE ones")
    if protocol and encoder:
        raise UsageError("say --protocol or --encoder, one of the two")
    made = write_starter(paths[0], paths[1:], out=out, protocol=protocol, encoder=encoder, inside=Inside(column, array))
    for line in made.notes:
        click.echo(f"note: {line}", err=True)
    click.echo(f"written   {made.bench}, {made.bench.with_name(made.bench.stem + '.datasets.yaml')}")
    click.echo(f"next      harness check {made.bench}; harness run {made.bench}")
