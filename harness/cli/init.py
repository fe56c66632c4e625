"""`harness init REAL FAKE …`: a benchmark to start from."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import ARRAY, COLUMN, PATH


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="REAL FAKE [FAKE …]")
@click.option("--out", type=PATH, default=Path("benchmark.yaml"), show_default=True, help="File to write.")
@click.option(
    "--protocol", help="Published protocol, which sets encoder, preprocessing and metric conventions. [default: clean]"
)
@click.option("--encoder", help="Encoder, in place of --protocol.")
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
    """Write a commented benchmark YAML from image sets, to edit and run.

    Scores nothing and overwrites nothing. Reads the real images once and pins their digest in a datasets.yaml beside
    the benchmark.
    """
    from harness.base import UsageError
    from harness.benchmark import Inside, write_starter

    if len(paths) < 2:
        raise UsageError("give the REAL images and at least one set of FAKE images")
    if protocol and encoder:
        raise UsageError("give --protocol or --encoder, not both")
    made = write_starter(paths[0], paths[1:], out=out, protocol=protocol, encoder=encoder, inside=Inside(column, array))
    for line in made.notes:
        click.echo(f"note: {line}", err=True)
    click.echo(f"written   {made.bench}, {made.bench.with_name(made.bench.stem + '.datasets.yaml')}")
    click.echo(f"schemas   {made.bench.parent / 'schemas'}/ (an editor completes and checks keys with them)")
    click.echo(f"next      harness check {made.bench}; harness run {made.bench}")
