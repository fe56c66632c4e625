"""`harness compare OUT A B`: are two generators of a finished run different?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import DETAILS, ENCODER, JSON, REFERENCE, RUN

if TYPE_CHECKING:
    from harness.base import Reference


@click.command()
@RUN
@click.argument("first")
@click.argument("second")
@click.option("--metric", help="One metric. [all of the run]")
@ENCODER
@click.option("--margin", type=float, help="Test whether they are equivalent within ± this much of the metric.")
@REFERENCE
@click.option(
    "--paired",
    is_flag=True,
    help="Images of both belong together, seed by seed: in folders, zip and tar files those of one file name (case, "
    "zero padding and extension aside), else those in one place, as in arrays or of generators with the same prompts. "
    "Latents are never shared by the harness's own generators.",
)
@DETAILS
@JSON
def compare(
    out: Path,
    first: str,
    second: str,
    metric: str | None,
    encoder: str | None,
    margin: float | None,
    reference: Reference | None,
    paired: bool,
    details: bool,
    file: Path | None,
) -> None:
    """Is generator FIRST of the run OUT different from SECOND, and by how much? Paired: they share the reference."""
    from harness.base import UsageError, write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies import Scored
    from harness.studies import compare as study

    if margin is not None and metric is None:
        raise UsageError("--margin needs --metric: a margin is an amount of one metric")
    asked = study.Question(first, second, metric, margin, reference, paired)
    found = study.compared(Scored.read(out, encoder), asked)
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    add_section(out, study.section_name(found), study.section(found))
