"""`harness diff P Q`: two published protocols."""

from __future__ import annotations

import click


@click.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """Show how two protocols differ, and the effect on a number."""
    from harness.benchmark import protocols

    click.echo(protocols.told_apart(protocols.load(first), protocols.load(second)))
