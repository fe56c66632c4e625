"""`harness pairs REAL FAKE [FAKE …]`: images beside the ones they should be."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.figures import write_figures
from harness.cli.options import DEVICE, JSON, PATH


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="REAL FAKE [FAKE …]")
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["psnr", "ssim", "lpips"]),
    help="What to compare by (may be repeated). [psnr, ssim]",
)
@click.option("--net", type=click.Choice(["alex", "vgg"]), default="alex", show_default=True, help="LPIPS' network.")
@click.option("--random-weights", is_flag=True, help="LPIPS without weight files; no measure of anything.")
@click.option("--clusters", is_flag=True, help="Images of one folder hang together: folders are what was drawn.")
@click.option("--compare", nargs=2, help="Say the difference of these two as well.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option(
    "--csv", "table", type=PATH, help="Write every image's scores to this file, as `harness scores` reads it."
)
@DEVICE
@JSON
def pairs(
    paths: tuple[Path, ...],
    measures: tuple[str, ...],
    net: str,
    random_weights: bool,
    clusters: bool,
    compare: tuple[str, str] | None,
    level: float,
    table: Path | None,
    device: str,
    file: Path | None,
) -> None:
    """Compare FAKE images with the REAL ones of the same file name: super-resolution, inpainting, compression.

    PSNR, SSIM (Wang et al. 2004) and LPIPS, with intervals of their means; generators share the real images. Sets
    without pairs are refused: pixels cannot score generation, `harness score` can.
    """
    from harness.base import UsageError, write_atomically
    from harness.studies import pairs as study

    if len(paths) < 2:
        raise UsageError("give the REAL images and then at least one set of FAKE ones")
    chosen = tuple(dict.fromkeys(measures)) or ("psnr", "ssim")
    asked = study.Asked(chosen, net, random_weights, clusters, level, device)
    found = study.scored_pairs(paths[0], paths[1:], asked)
    click.echo(study.report(found, compare))
    write_figures(file, found)
    if table is not None:
        write_atomically(table, study.written(found))
