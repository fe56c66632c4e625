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
        return
    if name is None:
        for each in presets.names():
            one = presets.load(each)
            click.echo(f"{each:<24} {one.dim:>5} features  {one.side:>3}×{one.side:<3}  {one.layer}")
        return
    one = presets.load(name)
    facts = {
        "encoder": one.use,
        **{f"  {key}": value for key, value in one.parameters.items()},
        "features": one.dim,
        "image": f"{one.side}×{one.side}",
        "preprocessing": presets.recipe(name).words,
        "layer": one.layer,
        "weights": presets.weights(name).replace("`", ""),
        "source": one.source,
    }
    for key, value in facts.items():
        click.echo(f"{key:<18} {str(value).lower() if isinstance(value, bool) else value}")
    click.echo(f"\nencoders:\n  {presets.entry(name)}")
