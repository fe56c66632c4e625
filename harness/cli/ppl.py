"""`harness ppl BENCH`: how smooth the latent spaces of a benchmark's generators are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.figures import write_figures
from harness.cli.options import BENCH, GENERATORS, JSON, LEVEL, TRUST


@click.command()
@BENCH
@GENERATORS
@click.option("--pairs", type=click.IntRange(100), default=10_000, show_default=True, help="Number of latent pairs.")
@click.option(
    "--epsilon", type=click.FloatRange(0, min_open=True), default=1e-4, show_default=True, help="Step in latent space."
)
@click.option(
    "--how", type=click.Choice(["lerp", "slerp"]), default="lerp", show_default=True, help="Interpolation in z."
)
@click.option("--net", type=click.Choice(["alex", "vgg"]), default="vgg", show_default=True, help="LPIPS network.")
@click.option("--side", type=click.IntRange(16), default=64, show_default=True, help="Image side for LPIPS, in pixels.")
@click.option(
    "--random-weights", is_flag=True, help="Use random LPIPS weights (no download). Scores do not measure quality."
)
@click.option("--seed", type=click.IntRange(0), default=2020, show_default=True, help="Seed for the latents.")
@LEVEL
@JSON
@TRUST
def ppl(bench: Path, generators: tuple[str, ...], file: Path | None, **asked: Any) -> None:
    """Perceptual path length of generators that are network files.

    Mean LPIPS distance between images a small latent step apart, divided by the squared step (Karras et al. 2019).
    """
    from harness.studies import pathlength as study

    chosen = study.Asked(**asked)
    found = study.measured(bench, generators, chosen)
    click.echo(study.text(found, chosen))
    write_figures(file, found)
