"""`harness show PROTOCOL`: a published protocol."""

from __future__ import annotations

import click


@click.command()
@click.argument("protocol")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(protocol: str, as_json: bool) -> None:
    """Show a published protocol and its sources.

    Prints all facts that decide its numbers. `harness list protocols` lists them.
    """
    import json

    from harness.benchmark import protocols

    found = protocols.load(protocol)
    if as_json:
        click.echo(json.dumps({**found.model_dump(mode="json"), "digest": found.digest()}, indent=1))
    else:
        click.echo(protocols.described(found))
