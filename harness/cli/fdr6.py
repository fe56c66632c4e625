"""`harness fdr6 OUT`: the mean of six FD ratios of a finished run."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, JSON, RUN


@click.command()
@RUN
@DETAILS
@JSON
def fdr6(out: Path, details: bool, file: Path | None) -> None:
    """FDr6: the mean FD ratio over six encoders, with intervals.

    Needs FD under the six encoders of protocol fdr6: `harness score REAL FAKE --protocol fdr6`, or in a benchmark
    `encoders: {all: {protocol: fdr6}}` and `metrics: fdr6`. Adds a section to OUT's report.
    """
    show(out, file, details=details)


def show(out: Path, file: Path | None = None, *, details: bool = False) -> None:
    """Print the averages of a run, write them where asked, and add the section to its report."""
    from harness.base import write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.studies import Scored
    from harness.studies import fdr6 as study

    found = study.averaged(Scored.read(out))
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    add_section(out, "fdr6", study.finding(found))
