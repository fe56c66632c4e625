"""`harness submit OUT`: a finished run as one file to hand in."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH, RUN


@click.command()
@RUN
@click.option("--to", "file", type=PATH, help="Bundle to write. [default: OUT.zip]")
def submit(out: Path, file: Path | None) -> None:
    """Pack a finished run into one file to submit.

    Holds the records, lock file, analyses, and digests of images and features. Uploads nothing. `harness verify BUNDLE`
    checks it without the images: schema, digests, and all intervals, recomputed from the analyses. A run with
    inconsistent files is refused.
    """
    from harness.studies import verify as study

    file = file or out.with_name(f"{out.resolve().name}.zip")
    count = study.write_bundle(out, file)
    click.echo(f"bundle    {file}: {count} files, {file.stat().st_size:,} bytes; check it with `harness verify {file}`")
