"""`harness submit OUT`: a finished run as one file to hand in."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH, RUN


@click.command()
@RUN
@click.option("--to", "file", type=PATH, help="The bundle to write. [OUT with .zip at its end]")
def submit(out: Path, file: Path | None) -> None:
    """Write a finished run OUT to one file: records, lock, analyses, and the digests of images and features.

    Nothing is sent anywhere. `harness verify BUNDLE` checks it without the images: schema, digests, and every interval
    computed again from the analyses; it names what cannot be checked so. A run whose own files disagree is refused.
    """
    from harness.studies import verify as study

    file = file or out.with_name(f"{out.resolve().name}.zip")
    count = study.write_bundle(out, file)
    click.echo(f"bundle    {file}: {count} files, {file.stat().st_size:,} bytes; check it with `harness verify {file}`")
