"""`harness diagnose OUT`: what a finished run says about each generator, in sentences that end in their numbers."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, ENCODER, PATH, RUN_PLACE


@click.command()
@click.argument("out", type=RUN_PLACE, required=False)
@ENCODER
@click.option("--json", "file", type=PATH, help="Write the findings and figures to this file too.")
@DETAILS
@click.option("--values", multiple=True, help="Printed numbers instead: X:fd=3,precision=.9,recall=.4,n=5000 (repeat).")
def diagnose(out: Path | None, encoder: str | None, file: Path | None, details: bool, values: tuple[str, ...]) -> None:
    """What is wrong with each generator of the run OUT, as far as its numbers go beyond noise?

    Each generator is compared with unseen real images where the run has the control `holdout`, else with what theory
    says of a perfect one (KD, density and coverage only). Verdicts and numbers also become a section of OUT's report.
    With --values, of no run at all: what numbers from a paper say, and which generator to take for what.
    """
    from harness.base import UsageError, write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies import Scored
    from harness.studies import diagnose as study

    if (out is None) == (not values):
        raise UsageError("diagnose takes a finished run, OUT, or --values; one of the two")
    if out is None:
        say(study.of_values(values))
        return
    found = study.diagnoses(Scored.read(out, encoder))
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    add_section(out, study.section_name(found), study.section(found))
