"""`harness diff P Q`: two published protocols."""

from __future__ import annotations

import click


@click.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """Say in which facts the protocols FIRST and SECOND differ, and what that does to a number."""
    from harness.benchmark import protocols
    from harness.cli.show import spelled

    left, right = protocols.load(first), protocols.load(second)
    found = protocols.differences(left, right)
    if not found:
        click.echo(f"{first} and {second} do not differ in any fact that decides a number.")
        return
    for one in found:
        click.echo(f"{one.fact}\n    {first}: {spelled(one.first)}\n    {second}: {spelled(one.second)}")
        if one.effect:
            click.echo(f"    effect: {one.effect}")
    features = any(one.fact.partition(".")[0] in protocols.INPUT_PARTS for one in found)
    metrics = sorted({one.fact.partition(".")[0] for one in found} - set(protocols.INPUT_PARTS))
    click.echo()
    if features:
        click.echo(f"Features of {first} and {second} differ: no number of one may be compared with one of the other.")
    else:
        click.echo(f"The features are the same; only {', '.join(metrics)} differ.")
