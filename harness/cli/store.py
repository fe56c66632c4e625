"""`harness store size|clean`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import STORE

if TYPE_CHECKING:
    from harness.pipeline import Store, StorePlace

HOUR = 3600


@click.group()
def store() -> None:
    """Show what the store holds; remove what killed runs left in it."""


@store.command()
@STORE
def size(store: StorePlace) -> None:
    """Show entries and bytes by kind, and what no entry uses."""
    from rich.filesize import decimal

    from harness.base import aligned, counted

    found = opened(store).inventory()
    rows = [[kind, f"{n:,}", decimal(found.bytes[kind])] for kind, n in sorted(found.entries.items())]
    rows.append(["total", f"{sum(found.entries.values()):,}", decimal(sum(found.bytes.values()))])
    click.echo("\n".join(aligned(rows, heads=["kind", "entries", "size"], right={1, 2})))
    if found.leftovers:
        left = decimal(sum(one.bytes for one in found.leftovers))
        words = counted(len(found.leftovers), "leftover")
        click.echo(f"\n{words} of unfinished work, {left}: `harness store clean` removes the old ones")


@store.command()
@STORE
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="Keep what changed within this time: a run may be writing it.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
def clean(store: StorePlace, older_than: float, dry_run: bool) -> None:
    """Remove what killed runs left.

    That is unfinished entries and, in a bucket, shards that no entry uses. Finished entries are never removed.
    """
    from rich.filesize import decimal

    from harness.base import counted

    held = opened(store)
    found = held.inventory().leftovers
    old = [one for one in found if one.age >= older_than * HOUR]
    if not dry_run:
        held.remove(old)
    done = "would remove" if dry_run else "removed"
    click.echo(f"{done} {counted(len(old), 'leftover')}, {decimal(sum(one.bytes for one in old))}")
    if len(old) < len(found):
        click.echo(f"kept {len(found) - len(old)} newer than {older_than:g} h")


def opened(place: StorePlace) -> Store:
    """The store at a place, which must be there."""
    from harness.base import UsageError
    from harness.pipeline import open_store

    if isinstance(place, Path) and not place.is_dir():
        raise UsageError(f"no store at {place}; give its folder or address with --store")
    found = open_store(place)
    found.check_place()
    return found
