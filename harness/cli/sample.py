"""`harness sample BENCH`: the first stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import BENCH, EXECUTION, GENERATORS, RECEIPT, TRUST
from harness.cli.stages import make


@click.command()
@BENCH
@GENERATORS
@EXECUTION
@RECEIPT
@TRUST
def sample(bench: Path, **options: Any) -> None:
    """Generate the images of a benchmark that the store lacks."""
    make(bench, ("sample",), **options)
