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
@click.option("--metric", help="Only this metric. [default: all]")
@ENCODER
@click.option("--margin", type=float, help="Test for equivalence within ± this value; needs --metric.")
@REFERENCE
@click.option(
    "--paired",
    is_flag=True,
    help="Pair the images of both: by file name in folders, zip and tar files (case, zero padding and extension "
    "ignored), else by index, such as the same seed or prompt. Built-in generators never share latents.",
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
    """Test whether two generators of a run differ, and by how much.

    FIRST and SECOND share the real images of the run OUT, so their scores are correlated; the test accounts for it.

    \b
    Examples:
      harness compare results/digits ddpm vae
      harness compare results/digits ddpm vae --metric fd --margin 5
    """
    from harness.base import UsageError, write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies import Scored
    from harness.studies import compare as study

    if margin is not None and metric is None:
        raise UsageError("--margin needs --metric: a margin is in units of one metric")
    asked = study.Question(first, second, metric, margin, reference, paired)
    found = study.compared(Scored.read(out, encoder), asked)
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    add_section(out, study.section_name(found), study.section(found))
