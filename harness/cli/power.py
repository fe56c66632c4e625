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
@click.option(
    "--difference", "wanted", type=float, required=True, help="Smallest difference to detect, in units of the metric."
)
@click.option("--metric", help="Metric of the run. [default: the one that ranks]")
@ENCODER
@click.option("--power", "chance", type=float, default=0.8, show_default=True, help="Target statistical power.")
@click.option("--images", type=click.IntRange(2), help="Images per checkpoint. [default: as in the run]")
@click.option(
    "--training-seeds", type=click.IntRange(1), help="Fix the number of training seeds and plan the images instead."
)
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
    """Plan how many seeds or images are needed to detect a difference.

    Uses the variances of generators FIRST and SECOND in the finished run OUT.
    """
    from harness.cli.lines import say
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
    say(study.plan_text(found))
    write_figures(file, found)
