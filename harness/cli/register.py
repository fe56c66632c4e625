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
@click.option("--metric", help="The one that decides. [the one that ranks]")
@click.option("--margin", type=click.FloatRange(0), default=0.0, show_default=True, help="How much worse would matter.")
@click.option("--rule", help="The decision rule, in a sentence. [that of `harness gate`]")
@STORE
@TRUST
def register(bench: Path, metric: str | None, margin: float, rule: str | None, store: StorePlace) -> None:
    """Freeze BENCH before sampling: digest, seeds, metric, margin and decision rule, in a file beside it.

    Records of a run of the very same declaration then say `registered`, with time and digest; all others say `post
    hoc`. Refused where the store holds images of it already. The file proves its content, not its date: publish the
    digest, or commit the file, before you sample.
    """
    from harness import benchmark
    from harness.pipeline import Plan, write_registration

    plan = Plan(benchmark.load(bench), store, "cpu")
    path, digest = write_registration(bench, plan, metric=metric, margin=margin, rule=rule)
    click.echo(f"written   {path}")
    click.echo(f"digest    {digest}")
