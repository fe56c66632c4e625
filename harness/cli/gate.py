"""`harness gate OUT --baseline OUT0`: fails where a generator has become worse, for continuous integration."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import RUN, RUN_PLACE


@click.command()
@RUN
@click.option("--baseline", type=RUN_PLACE, required=True, help="The finished run to compare with.")
@click.option("--encoder", help="An encoder of both runs. [the one that ranks]")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
def gate(out: Path, baseline: Path, encoder: str | None, level: float) -> None:
    """Exit 1 where a generator of OUT is worse than in BASELINE beyond noise, in any metric; 2 where not comparable.

    Each metric of each generator that changed is one test against the same reference; Holm's correction holds the
    chance of any false alarm below 1 - level. Fidelity and diversity are tested apart, so that one cannot pay for the
    other. A generator that fails in OUT but not in BASELINE counts as worse, one that OUT leaves out is refused.
    """
    from harness.cli.lines import say
    from harness.studies import Scored
    from harness.studies import gate as study

    run = Scored.read(out, encoder)
    found = study.judge(run, Scored.read(baseline, run.encoder), level=level)
    say(study.text(found))
    sys.exit(found.exit_code)
