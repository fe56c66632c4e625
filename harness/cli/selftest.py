"""`harness selftest PROTOCOL`: the numbers that a protocol's authors published, computed again here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import FAILED, USAGE

if TYPE_CHECKING:
    from harness.studies.selftest import Outcome

RANDOM = "random weights: these values say nothing about a published pipeline, only whether they stay"
WORDS = {"agrees": "agrees ", "differs": "DIFFERS", "not run": "not run"}


@click.command()
@click.argument("protocol")
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Where public data lie. [$HARNESS_DATA or harness/data in the cache folder; for a FILE.yaml its own folder]",
)
@click.option(
    "--store", type=click.Path(path_type=Path), help="Cache of images and features. [$HARNESS_STORE or .harness]"
)
@click.option("--device", default="auto", show_default=True, help="Where encoders compute: cpu, cuda …")
def selftest(protocol: str, folder: Path | None, store: Path | None, device: str) -> None:
    """Exit 1 where a value published for PROTOCOL comes out otherwise here; 2 where one could not be computed.

    PROTOCOL is a protocol's name, or a FILE.yaml of your own values. Data and weights that are not here are named with
    the place where they belong; nothing is downloaded. A name without published values is told which have some.
    """
    from harness.studies.selftest import SUFFIXES, load, run

    declared = load(protocol)
    if folder is None and protocol.endswith(SUFFIXES):
        folder = Path(protocol).absolute().parent
    if declared.random_weights:
        click.echo(RANDOM)
    outcomes = []
    for outcome in run(declared, folder=folder, store=store, device=device):
        outcomes.append(outcome)
        _say(outcome)
    differ, absent = (sum(o.verdict == verdict for o in outcomes) for verdict in ("differs", "not run"))
    agree = len(outcomes) - differ - absent
    for line in dict.fromkeys(line for outcome in outcomes for line in outcome.missing):
        click.echo(f"missing: {line}")
    click.echo(f"{declared.protocol}: {agree} of {len(outcomes)} agree, {differ} differ, {absent} not run")
    if differ or absent:
        sys.exit(FAILED if differ else USAGE)


def _say(outcome: Outcome) -> None:
    case = outcome.case
    ours = "" if outcome.ours is None else f"ours {outcome.ours:.8g}, "
    click.echo(f"{WORDS[outcome.verdict]} {case.words}")
    click.echo(f"        {ours}published {case.value:.8g}, tolerance {case.tolerance:.2g} ({case.because})")
    click.echo(f"        {case.source}")
