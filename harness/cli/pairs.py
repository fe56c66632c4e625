"""`harness pairs REAL FAKE [FAKE …]`: images beside the ones they should be."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.figures import write_figures
from harness.cli.options import DETAILS, DEVICE, JSON, LEVEL, PATH


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="REAL FAKE [FAKE …]")
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["psnr", "ssim", "lpips"]),
    help="Measure; repeatable. [default: psnr, ssim]",
)
@click.option("--net", type=click.Choice(["alex", "vgg"]), default="alex", show_default=True, help="LPIPS network.")
@click.option(
    "--random-weights", is_flag=True, help="Use random LPIPS weights (no download). Scores do not measure quality."
)
@click.option("--clusters", is_flag=True, help="Cluster by folder: images of one folder are not independent.")
@click.option("--compare", nargs=2, help="Also compare these two generators.")
@LEVEL
@click.option(
    "--csv", "table", type=PATH, help="Write per-image scores to this file, in the format of `harness scores`."
)
@DEVICE
@DETAILS
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
    details: bool,
    file: Path | None,
) -> None:
    """Compare paired images by file name: PSNR, SSIM, LPIPS.

    For super-resolution, inpainting and compression, where each FAKE image has a REAL one with the same file name.
    Means with confidence intervals. For unpaired images use `harness score`.
    """
    from harness.base import UsageError, write_atomically
    from harness.cli.lines import say
    from harness.studies import pairs as study

    if len(paths) < 2:
        raise UsageError("give the REAL images and at least one set of FAKE images")
    chosen = tuple(dict.fromkeys(measures)) or ("psnr", "ssim")
    asked = study.Asked(chosen, net, random_weights, clusters, level, device)
    found = study.scored_pairs(paths[0], paths[1:], asked)
    say(study.report(found, compare, details=details))
    write_figures(file, found)
    if table is not None:
        write_atomically(table, study.written(found))
