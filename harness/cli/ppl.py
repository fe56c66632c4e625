"""`harness ppl BENCH`: how smooth the latent spaces of a benchmark's generators are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.figures import write_figures
from harness.cli.options import BENCH, GENERATORS, JSON, TRUST


@click.command()
@BENCH
@GENERATORS
@click.option("--pairs", type=click.IntRange(100), default=10_000, show_default=True, help="Pairs of latents.")
@click.option("--epsilon", type=click.FloatRange(0, min_open=True), default=1e-4, show_default=True, help="The step.")
@click.option("--how", type=click.Choice(["lerp", "slerp"]), default="lerp", show_default=True, help="Way in z.")
@click.option("--net", type=click.Choice(["alex", "vgg"]), default="vgg", show_default=True, help="LPIPS' network.")
@click.option("--side", type=click.IntRange(16), default=64, show_default=True, help="Pixels a side for LPIPS.")
@click.option("--random-weights", is_flag=True, help="LPIPS without weight files; no measure of anything.")
@click.option("--seed", type=click.IntRange(0), default=2020, show_default=True, help="Draws the latents.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@JSON
@TRUST
def ppl(bench: Path, generators: tuple[str, ...], file: Path | None, **asked: Any) -> None:
    """Perceptual path length (Karras et al. 2019) of the generators of BENCH that are networks in files.

    Mean LPIPS distance of images a small step in latent space apart, over the step's square, with an interval.
    """
    from harness.studies import pathlength as study

    chosen = study.Asked(**asked)
    found = study.measured(bench, generators, chosen)
    click.echo(study.text(found, chosen))
    write_figures(file, found)
