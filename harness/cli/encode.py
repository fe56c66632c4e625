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
    """Make the features of BENCH that the store does not have, and the images they need."""
    make(bench, ("sample", "encode"), **options)
