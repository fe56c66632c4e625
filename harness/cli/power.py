"""`harness power OUT A B`: what the next run needs to see a difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.figures import write_figures
from harness.cli.options import ENCODER, JSON, REFERENCE, RUN

if TYPE_CHECKING:
    from harness.base import Reference


@click.command()
@RUN
@click.argument("first")
@click.argument("second")
@click.option("--difference", "wanted", type=float, required=True, help="The difference to resolve, in the metric.")
@click.option("--metric", help="A metric of the run. [the one that ranks]")
@ENCODER
@click.option("--power", "chance", type=float, default=0.8, show_default=True, help="How surely it is to be seen.")
@click.option("--images", type=click.IntRange(2), help="Images per checkpoint. [as in the run]")
@click.option("--training-seeds", type=click.IntRange(1), help="Give these, and the images are planned instead.")
@REFERENCE
@JSON
def power(
    out: Path,
    first: str,
    second: str,
    wanted: float,
    metric: str | None,
    encoder: str | None,
    chance: float,
    images: int | None,
    training_seeds: int | None,
    reference: Reference | None,
    file: Path | None,
) -> None:
    """How many training seeds or images does it take to see a difference between FIRST and SECOND of the run OUT?"""
    from harness.studies import Scored
    from harness.studies import compare as study

    asked = study.Question(first, second, metric, reference=reference)
    found = study.planned(
        Scored.read(out, encoder),
        asked,
        difference=wanted,
        chance=chance,
        images=images,
        training_seeds=training_seeds,
    )
    click.echo(study.plan_text(found))
    write_figures(file, found)
