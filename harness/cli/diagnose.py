"""`harness diagnose OUT`: what a finished run says about each generator, in sentences that end in their numbers."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, ENCODER, PATH, RUN_PLACE


@click.command()
@click.argument("out", type=RUN_PLACE, required=False)
@ENCODER
@click.option("--json", "file", type=PATH, help="Also write the results to this JSON file.")
@DETAILS
@click.option(
    "--values",
    multiple=True,
    help="Numbers from a paper, in place of OUT: NAME:fd=3,precision=.9,recall=.4,n=5000; repeatable.",
)
def diagnose(out: Path | None, encoder: str | None, file: Path | None, details: bool, values: tuple[str, ...]) -> None:
    """Say what is wrong with each generator of a run, beyond noise.

    Compares each generator with held-out real images if the run has the control `holdout`, else with the theoretical
    values of a perfect generator (KD, density and coverage only). Adds a section to OUT's report. With --values,
    interprets published numbers without a run.
    """
    from harness.base import UsageError, write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies import Scored
    from harness.studies import diagnose as study

    if (out is None) == (not values):
        raise UsageError("give a finished run OUT or --values, and not both")
    if out is None:
        say(study.of_values(values))
        return
    found = study.diagnoses(Scored.read(out, encoder))
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    add_section(out, study.section_name(found), study.section(found))
