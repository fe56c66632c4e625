"""`harness show PROTOCOL` and `harness diff P Q`."""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("protocol")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(protocol: str, as_json: bool) -> None:
    """Print a published PROTOCOL: every fact that decides its numbers, with sources. `harness list protocols`."""
    import json

    from harness.benchmark import protocols

    found = protocols.load(protocol)
    if as_json:
        click.echo(json.dumps({**found.model_dump(mode="json"), "digest": found.digest()}, indent=1))
        return
    click.echo(f"{found.name}, version {found.version}: {found.title}\n")
    part = ""
    for name, value in found.facts().items():
        head, _, rest = name.partition(".")
        click.echo(f"{head if head != part else '':<18} {rest:<22} {spelled(value)}")
        part = head
    if found.recipe:
        click.echo(f"\nrecipe             {found.recipe} (harness list preprocessing)")
    for note in found.notes:
        click.echo(f"note               {note}")
    for source in found.sources:
        click.echo(f"source             {source}")
    click.echo(f"digest             {found.digest()}")


@click.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """Say in which facts the protocols FIRST and SECOND differ, and what that does to a number."""
    from harness.benchmark import protocols

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


def spelled(value: Any) -> str:
    """A fact's value as a person reads it."""
    if value is None:
        return "(does not say or have it)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
