"""What a command adds to the report of the run that it read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.report import Finding


def add_section(out: Path, name: str, finding: Finding) -> None:
    """Put a finding into OUT's report and say where; where OUT is nobody's to write, a note: the answer is printed."""
    from harness.report import NEEDED, write_finding, write_report

    if not all((out / needed).is_file() for needed in NEEDED):
        return  # analyses without their run: there is no report to add to
    try:
        write_finding(out, name, finding)
        path = write_report(out)
    except OSError as problem:
        click.echo(f"note: not added to the report in {out} ({problem.strerror or problem})", err=True)
        return
    click.echo(f"report    {path}")
