"""`harness encoders [NAME]`."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="The whole table, as docs/encoders.md has it.")
def encoders(name: str | None, markdown: bool) -> None:
    """Encoders with a name of their own: features, image size and layer of all, or everything about NAME.

    A benchmark takes one with `{preset: NAME}`. `harness list encoders` names the networks that they are made of.
    """
    from harness.benchmark import presets

    if markdown:
        click.echo("\n".join(presets.rows()))
    elif name is None:
        click.echo("\n".join(presets.listed()))
    else:
        click.echo(presets.described(name))
