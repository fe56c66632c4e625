"""`harness schema KIND`: JSON Schemas of the YAML that it reads and of the files that it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from harness.cli.options import PATH

READ = ("benchmark", "datasets", "claims")
WRITTEN = ("record", "leaderboard", "metrics", "lock", "bundle")


def made(kind: str, *, plugins: bool = True) -> dict[str, object]:
    """The schema of a kind of file; names that installed packages add are known where `plugins` says so."""
    if kind in ("benchmark", "datasets"):
        from harness.benchmark import benchmark_schema, datasets_schema

        return {"benchmark": benchmark_schema, "datasets": datasets_schema}[kind](plugins=plugins)
    if kind == "claims":
        from harness.studies.reproduce import claims_schema

        return claims_schema()
    if kind == "bundle":
        from harness.studies.verify import bundle_schema

        return bundle_schema()
    from harness.pipeline import leaderboard_schema, lock_schema, metrics_schema, record_schema

    of: dict[str, Callable[[], dict[str, object]]] = {
        "record": record_schema,
        "leaderboard": leaderboard_schema,
        "metrics": metrics_schema,
        "lock": lock_schema,
    }
    return of[kind]()


def text(kind: str, *, plugins: bool = True) -> str:
    """The schema as its file has it."""
    from harness.base import spelled

    return spelled(made(kind, plugins=plugins))


@click.command()
@click.argument("kind", type=click.Choice((*READ, *WRITTEN)), required=False)
@click.option("--write", type=PATH, help="Write every schema into this folder, as KIND.json.")
def schema(kind: str | None, write: Path | None) -> None:
    """Print the JSON Schema of a kind of file, for editors and programs.

    benchmark, datasets and claims are YAML that you write; record (a line of records.jsonl), leaderboard, metrics, lock
    and bundle are files that a run leaves.

    \b
    harness schema --write schemas        then, as the first line of a benchmark:
    # yaml-language-server: $schema=schemas/benchmark.json
    """
    from harness.base import UsageError, write_atomically

    if (kind is None) == (write is None):
        raise UsageError(f"give a kind ({', '.join((*READ, *WRITTEN))}), or --write FOLDER for all of them")
    if kind is not None:
        click.echo(text(kind), nl=False)
    if write is not None:
        for one in (*READ, *WRITTEN):
            write_atomically(write / f"{one}.json", text(one).encode())
        click.echo(f"written   {write}: {', '.join((*READ, *WRITTEN))}")
