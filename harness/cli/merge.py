"""`harness merge BENCH`: the results of a run whose work was done in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.stages import run_and_show, whole_run

SHOWN = 5


@click.command()
@whole_run
def merge(bench: Path, **options: Any) -> None:
    """Write the results of a sharded run; compute nothing.

    If a shard's work is missing from the store, names it and exits with 2; `harness run BENCH` computes it.
    """
    from harness.base import UsageError
    from harness.run import what_is_missing

    missing = what_is_missing(options["execution"], bench)
    if missing:
        more = [f"and {len(missing) - SHOWN} more"] if len(missing) > SHOWN else []
        told = "; ".join([*missing[:SHOWN], *more])
        raise UsageError(f"the store lacks {told}; run the remaining shards, or `harness run {bench}`")
    run_and_show(bench, **options)
