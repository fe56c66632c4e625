"""`harness gate OUT --baseline OUT0`: fails where a generator has become worse, for continuous integration."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.figures import write_figures
from harness.cli.options import DETAILS, JSON, RUN, RUN_PLACE


@click.command()
@RUN
@click.option("--baseline", type=RUN_PLACE, required=True, help="The finished run to compare with.")
@click.option("--encoder", help="An encoder of both runs. [the one that ranks]")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--metric", help="Test this one alone. [all]")
@click.option("--margin", type=click.FloatRange(0), default=0.0, help="With --metric: how much worse passes. [0]")
@DETAILS
@JSON
@click.option("--summary", type=click.Path(path_type=Path), help="Append the judgement as Markdown to this file.")
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
    """Exit 1 where a generator of OUT is worse than in BASELINE beyond noise, in any metric; 2 where not comparable.

    Each metric of each generator that changed is one test against the same reference; Holm's correction holds the
    chance of any false alarm below 1 - level. Fidelity and diversity are tested apart, so that one cannot pay for the
    other. A generator that fails in OUT but not in BASELINE counts as worse, one that OUT leaves out is refused.
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
