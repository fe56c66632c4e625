"""`harness show PROTOCOL`: a published protocol."""

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


def spelled(value: Any) -> str:
    """A fact's value as a person reads it."""
    if value is None:
        return "(does not say or have it)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
