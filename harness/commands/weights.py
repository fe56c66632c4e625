"""`harness weights list|fetch|check`."""

from __future__ import annotations

import sys

import click


@click.group()
def weights() -> None:
    """Weight files of the field's encoders: list, fetch, check."""


@weights.command("list")
def list_() -> None:
    """Every registered file, its size, licence and whether it is here."""
    from harness.weights import folder, registered

    where = folder()
    for name, known in registered().items():
        size = f"{known.bytes / 1e6:,.0f} MB" if known.bytes else "size unknown"
        state = "here" if (where / name).is_file() else "absent"
        click.echo(f"{name:<38} {size:>12}  {state:<7} {known.licence:<28} {known.what}")
    click.echo(f"\nin {where}; `harness weights check` verifies what is here")


@weights.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--trust", is_flag=True, help="Take a file without a registered digest, and show its digest.")
def fetch(names: tuple[str, ...], trust: bool) -> None:
    """Download the files NAMES, resuming what is there, and verify them."""
    from harness.weights import fetch as download
    from harness.weights import find

    for name in names:
        find(name)

    def heard(done: int, whole: int | None) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done / 1e6:,.0f} of {(whole or 0) / 1e6:,.0f} MB", nl=False, err=True)

    for name in names:
        found = download(name, trust=trust, progress=heard)
        came = f"{found.transferred:,} bytes transferred" if found.transferred else "was here already"
        click.echo(f"{found.path}: SHA-256 {found.sha256}, {came}")


@weights.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Verify the files NAMES (or all that are here); exit 1 where one is wrong."""
    from harness.weights import find, folder, registered, verdict

    wrong = 0
    for name in names or registered():
        state = verdict(name)
        if state == "absent" and not names:
            continue
        wrong += state in ("wrong", "absent")
        words = {"right": "right", "present": "present, no digest registered", "absent": "absent"}
        said = words.get(state, f"WRONG: not SHA-256 {find(name).sha256}; delete it and fetch it again")
        click.echo(f"{folder() / name}: {said}")
    sys.exit(1 if wrong else 0)
