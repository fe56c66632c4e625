"""`harness list KIND`."""

from __future__ import annotations

import click


@click.command("list")
@click.argument(
    "kind", type=click.Choice(["datasets", "generators", "encoders", "metrics", "preprocessing", "protocols", "claims"])
)
def list_(kind: str) -> None:
    """List the names a benchmark can use, and published claims."""
    from harness import benchmark

    if kind == "protocols":
        from harness.benchmark import protocols

        for name in protocols.names():
            click.echo(f"{name:<26} {protocols.load(name).title}")
        return
    if kind == "claims":
        from harness.studies import families
        from harness.studies import reproduce as claims

        for name in claims.names():
            click.echo(f"{name:<26} {claims.load(claims.path_of(name)).title}")
        click.echo(f"{families.NAME:<26} {families.load().title}")
        return
    for name, words in benchmark.listing(kind).items():
        click.echo(f"{name:<18} {words}")
