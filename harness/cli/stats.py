"""`harness stats make|list|show|fd`: reference statistics in the peers' npz, with the protocol that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.figures import write_figures
from harness.cli.options import ARRAY, COLUMN, DETAILS, JSON, STORE
from harness.studies.statistics import FORMATS, PLAIN

DEVICE = click.option("--device", default="auto", show_default=True, help="Device for encoders: auto, cpu, cuda, mps …")
FILE = click.Path(path_type=Path)


@click.group()
def stats() -> None:
    """Make, list, show and compare reference statistics (mu, sigma).

    In the npz formats of pytorch-fid, clean-fid, EDM and ADM.
    """


@stats.command()
@click.argument("real", type=FILE)
@click.option("--protocol", "name", help="Protocol for the features; see `harness list protocols`.")
@click.option("--encoder", help="Encoder, in place of --protocol: a name, a preset, or your own module:thing.")
@click.option("--out", required=True, type=FILE, help="The npz file to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=PLAIN,
    show_default=True,
    help="plain: mu and sigma, for all programs. clean-fid: also OUT_kid.npz. adm: also mu_s, sigma_s and images.",
)
@click.option("--random-weights", is_flag=True, help="Use random weights (no download). Scores do not measure quality.")
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
    """Compute reference statistics of the images in REAL.

    REAL is a folder of images or shards, or a zip, npz, npy, tar, Parquet or Arrow file. Quote a set of shards:
    'part-{000..012}.tar'. A folder written by save_to_disk is read as Arrow.
    """
    from harness.base import UsageError
    from harness.benchmark import Inside, protocols
    from harness.cli.lines import say
    from harness.studies.statistics import clean_words, file_words, make_file, of_encoder

    if (name is None) == (encoder is None):
        raise UsageError("stats make needs --protocol or --encoder, and not both")
    way = of_encoder(encoder) if encoder is not None else protocols.load(str(name))
    where["inside"] = Inside(column, array)
    made = make_file(real, out, way=way, form=form, random_weights=random_weights, **where)
    lines = file_words(out, made) + (clean_words(out, way.name) if form == "clean-fid" else [])
    say("\n".join(lines))


@stats.command("list")
def list_() -> None:
    """List published statistics: file name, protocol, images, URL.

    A file with one of these names needs no --assume-protocol, and is refused under any other protocol.
    """
    from harness.cli.lines import say
    from harness.studies.statistics import listed

    say("\n".join(listed()))


@stats.command()
@click.argument("file", type=FILE)
def show(file: Path) -> None:
    """Show what a statistics FILE holds and how it was made."""
    from harness.cli.lines import say
    from harness.studies.statistics import file_words, read

    say("\n".join(file_words(file, read(file))))


@stats.command()
@click.argument("ref", type=FILE)
@click.argument("fake", type=FILE)
@click.option("--protocol", help="Refuse REF if made under another protocol. [default: that of REF]")
@click.option("--assume-protocol", "assumed", help="Protocol of a REF that does not state its own.")
@click.option(
    "--random-weights",
    is_flag=True,
    help="With --assume-protocol: use random weights (no download). Scores do not measure quality.",
)
@COLUMN
@ARRAY
@STORE
@DEVICE
@DETAILS
@JSON
def fd(
    ref: Path,
    fake: Path,
    protocol: str | None,
    assumed: str | None,
    random_weights: bool,
    column: tuple[str, ...],
    array: tuple[str, ...],
    details: bool,
    file: Path | None,
    **where: Any,
) -> None:
    """Fréchet distance between FAKE and the statistics in REF.

    FAKE is a statistics file, or images as for `stats make`.
    """
    from harness.benchmark import Inside
    from harness.cli.lines import say
    from harness.studies.statistics import distance_to, distance_words

    where["inside"] = Inside(column, array)
    found = distance_to(ref, fake, protocol=protocol, assumed=assumed, random_weights=random_weights, **where)
    say("\n".join(distance_words(found, details=details)))
    write_figures(file, found)
