"""`harness register BENCH`: what is to be decided, frozen before sampling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import BENCH, STORE, TRUST

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


@click.command()
@BENCH
@click.option("--metric", help="Metric that decides. [default: the one that ranks]")
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Smallest difference that matters, in units of the metric.",
)
@click.option("--rule", help="Decision rule, in one sentence. [default: that of `harness gate`]")
@STORE
@TRUST
def register(bench: Path, metric: str | None, margin: float, rule: str | None, store: StorePlace) -> None:
    """Preregister a benchmark before sampling.

    Writes digest, seeds, metric, margin and decision rule to a file beside BENCH. Records of exactly this declaration
    are then marked `registered`, with time and digest; all others `post hoc`. Refused if the store already holds its
    images. The file proves its content, not its date: publish the digest or commit the file before you sample.
    """
    from harness import benchmark
    from harness.pipeline import Plan, write_registration

    plan = Plan(benchmark.load(bench), store, "cpu")
    path, digest = write_registration(bench, plan, metric=metric, margin=margin, rule=rule)
    click.echo(f"written   {path}")
    click.echo(f"digest    {digest}")
