"""`harness gate OUT --baseline OUT0`: fails where a generator has become worse, for continuous integration."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.figures import write_figures
from harness.cli.options import DETAILS, JSON, RUN, RUN_PLACE


@click.command()
@RUN
@click.option("--baseline", type=RUN_PLACE, required=True, help="Finished run to compare with.")
@click.option("--encoder", help="Encoder of both runs. [default: the one that ranks]")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="1 minus the chance of a false alarm.",
)
@click.option("--metric", help="Test only this metric. [default: all]")
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=0.0,
    help="With --metric: tolerated loss, in units of the metric. [default: 0]",
)
@DETAILS
@JSON
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    help="Append the verdict to this file as Markdown, such as $GITHUB_STEP_SUMMARY.",
)
def gate(
    out: Path,
    baseline: Path,
    encoder: str | None,
    level: float,
    metric: str | None,
    margin: float,
    details: bool,
    summary: Path | None,
    file: Path | None,
) -> None:
    """Fail if a generator is worse than in a baseline run (for CI).

    Exit 1 if any metric of any generator is worse beyond noise, 2 if the runs are not comparable. Each metric of each
    changed generator is one test; Holm's correction keeps the chance of any false alarm below 1 - level. A gain in
    diversity cannot offset a loss of fidelity. A generator that newly fails counts as worse; a missing one is an error.

    \b
    Example:
      harness gate results/new --baseline results/main
    """
    from harness.cli.lines import say
    from harness.studies import Scored
    from harness.studies import gate as study

    run = Scored.read(out, encoder)
    found = study.judge(run, Scored.read(baseline, run.encoder), level=level, metric=metric, margin=margin)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(study.markdown(found))
    say(study.text(found, details=details))
    write_figures(file, found)
    sys.exit(found.exit_code)
