"""`harness weights list|fetch|check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.benchmark import Component

WORDS = {
    "right": "verified",
    "unpinned": "present, no SHA-256 published or trusted",
    "absent": "absent",
    "wrong": "WRONG",
}


@click.group()
def weights() -> None:
    """List, download and verify the weight files of encoders."""


@weights.command("list")
def list_() -> None:
    """List known weight files: size, state, licence, encoder."""
    from harness.benchmark import TABLE
    from harness.encoders import JUDGES, weights

    users = {name: facts.name for facts in JUDGES.values() for name in facts.files}
    users |= {name: component.name for component in TABLE for name in _files(component)}
    for name, known in weights.registered().items():
        state = weights.verdict(name)
        words = "present, unpinned" if state == "unpinned" else WORDS[state]
        if state == "absent" and (begun := weights.kept(name)):
            words = f"{begun / 1e6:,.0f} MB so far"
        size = f"{known.bytes:,}" if known.bytes else "unknown"
        user = users.get(name, "-")
        click.echo(f"{name:<36} {size:>13}  {words:<14}  {known.licence:<26}  {user:<21}  {known.what}")
    click.echo(f"\nname, bytes, state, licence, encoder, what; in {weights.folder()}")


@weights.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--trust-first-use",
    "--trust",
    "trust",
    is_flag=True,
    help="Accept a file without a published SHA-256: show its digest, and require that digest from now on.",
)
def fetch(names: tuple[str, ...], trust: bool) -> None:
    """Download and verify weight files; resumes partial downloads."""
    from harness.encoders import weights

    for name in names:
        weights.find(name)
    shown = sys.stderr.isatty()

    def heard(done: int, whole: int | None) -> None:
        click.echo(f"\r{done / 1e6:,.0f} of {f'{whole / 1e6:,.0f}' if whole else '?'} MB", nl=False, err=True)

    for name in names:
        found = weights.fetch(name, trust=trust, progress=heard if shown else None)
        if shown and found.transferred:
            click.echo(err=True)
        came = f"{found.transferred:,} bytes transferred" if found.transferred else "already present"
        click.echo(f"{found.path}: SHA-256 {found.sha256}, {came}")
        if found.trusted:
            click.echo("  trusted on first use: no SHA-256 is published; this one is now pinned")


@weights.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Verify weight files, by default all present.

    Exit 1 if one is wrong.
    """
    from harness.encoders import weights

    wrong = seen = 0
    for name in names or weights.registered():
        state = weights.verdict(name)
        if state == "absent" and not names:
            continue
        seen += 1
        wrong += state in ("wrong", "absent")
        said = WORDS[state]
        if state == "wrong":
            said += (
                f": SHA-256 is not {weights.pinned(name) or weights.find(name).begins}; delete the "
                "file and fetch it again"
            )
        click.echo(f"{weights.folder() / name}: {said}")
    if not seen:
        click.echo(f"{weights.folder()}: no known weight file is present, nothing to check")
    sys.exit(1 if wrong else 0)


def _files(component: Component) -> set[str]:
    """Every registered file that some parameters of an encoder ask for."""
    from itertools import product
    from typing import Literal, get_args, get_origin

    if component.registered is None or component.parameters is None:
        return set()
    fields = component.parameters.model_fields
    choices = {
        name: get_args(field.annotation) if get_origin(field.annotation) is Literal else (False, True)
        for name, field in fields.items()
        if name in ("architecture", "weights", "registers")
    }
    asked = (component.weight_file(dict(zip(choices, values, strict=True))) for values in product(*choices.values()))
    return {name for name in asked if name is not None}
