"""`harness encoders [NAME]`."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print the whole table as Markdown, as in docs/encoders.md.")
def encoders(name: str | None, markdown: bool) -> None:
    """List encoder presets, or show everything about one.

    Use a preset in a benchmark with `{preset: NAME}`. `harness list encoders` lists the underlying networks.
    """
    from harness.benchmark import presets

    if markdown:
        click.echo("\n".join(presets.rows()))
    elif name is None:
        click.echo("\n".join(presets.listed()))
    else:
        click.echo(presets.described(name))
