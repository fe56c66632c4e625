"""`harness stats make|list|show|fd`: reference statistics in the peers' npz, with the protocol that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.figures import write_figures
from harness.cli.options import ARRAY, COLUMN, JSON, STORE
from harness.studies.statistics import FORMATS, PLAIN

DEVICE = click.option("--device", default="auto", show_default=True, help="Where encoders compute: cpu, cuda …")
FILE = click.Path(path_type=Path)


@click.group()
def stats() -> None:
    """Reference statistics (mu, sigma) as pytorch-fid, clean-fid, EDM and ADM read them: make, list, show, compare."""


@stats.command()
@click.argument("real", type=FILE)
@click.option("--protocol", "name", help="The pipeline that makes the features. `harness list protocols`")
@click.option("--encoder", help="An encoder instead: a name, a preset, or your own as module:thing.")
@click.option("--out", required=True, type=FILE, help="The npz to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=PLAIN,
    show_default=True,
    help="plain: mu and sigma, which all of them read. clean-fid adds OUT_kid.npz, adm mu_s, sigma_s and images.",
)
@click.option("--random-weights", is_flag=True, help="No weight file; no measure of quality.")
@COLUMN
@ARRAY
@STORE
@DEVICE
def make(
    real: Path,
    name: str | None,
    encoder: str | None,
    out: Path,
    form: str,
    random_weights: bool,
    column: tuple[str, ...],
    array: tuple[str, ...],
    **where: Any,
) -> None:
    """Compute the statistics of the images of REAL under a protocol, or in features of an encoder.

    REAL is a folder of images or of shards, or a zip, npz, npy, tar, Parquet or Arrow file; in quotes,
    'part-{000..012}.tar' is one set of shards; a folder that save_to_disk left is read as Arrow.
    """
    from harness.base import UsageError
    from harness.benchmark import Inside, protocols
    from harness.studies.statistics import clean_words, file_words, make_file, of_encoder

    if (name is None) == (encoder is None):
        raise UsageError("stats make takes --protocol P or --encoder E, one of the two")
    way = of_encoder(encoder) if encoder is not None else protocols.load(str(name))
    where["inside"] = Inside(column, array)
    made = make_file(real, out, way=way, form=form, random_weights=random_weights, **where)
    lines = file_words(out, made) + (clean_words(out, way.name) if form == "clean-fid" else [])
    click.echo("\n".join(lines))


@stats.command("list")
def list_() -> None:
    """List the statistics that projects publish: file name, protocol, images, address.

    A file of such a name needs no --assume-protocol, and is refused as the reference of another protocol.
    """
    from harness.studies.statistics import listed

    click.echo("\n".join(listed()))


@stats.command()
@click.argument("file", type=FILE)
def show(file: Path) -> None:
    """Say what a FILE of statistics holds, and what it says about how they were made."""
    from harness.studies.statistics import file_words, read

    click.echo("\n".join(file_words(file, read(file))))


@stats.command()
@click.argument("ref", type=FILE)
@click.argument("fake", type=FILE)
@click.option("--protocol", help="Refuse REF unless it was made under this one. [what REF says]")
@click.option("--assume-protocol", "assumed", help="Of a peer's REF, which does not say: the one you know it is of.")
@click.option("--random-weights", is_flag=True, help="With --assume-protocol: no weight file; no measure of quality.")
@COLUMN
@ARRAY
@STORE
@DEVICE
@JSON
def fd(
    ref: Path,
    fake: Path,
    protocol: str | None,
    assumed: str | None,
    random_weights: bool,
    column: tuple[str, ...],
    array: tuple[str, ...],
    file: Path | None,
    **where: Any,
) -> None:
    """The Fréchet distance of FAKE (images as for `stats make`, or statistics) to the statistics in REF."""
    from harness.benchmark import Inside
    from harness.studies.statistics import distance_to, distance_words

    where["inside"] = Inside(column, array)
    found = distance_to(ref, fake, protocol=protocol, assumed=assumed, random_weights=random_weights, **where)
    click.echo("\n".join(distance_words(found)))
    write_figures(file, found)
