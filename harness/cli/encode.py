"""`harness encode BENCH`: the second stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import BENCH, DEVICE, ENCODERS, EXECUTION, GENERATORS, RECEIPT, TRUST
from harness.cli.stages import make


@click.command()
@BENCH
@GENERATORS
@ENCODERS
@DEVICE
@EXECUTION
@RECEIPT
@TRUST
def encode(bench: Path, **options: Any) -> None:
    """Compute the features of a benchmark that the store lacks.

    Generates missing images first.
    """
    make(bench, ("sample", "encode"), **options)
