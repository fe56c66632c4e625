"""`harness score REAL FAKE …`, the two-folder job, and `harness score BENCH`, the third stage alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import ARRAY, COLUMN, DETAILS, DEVICE, EXECUTION, OUT, RECEIPT, TRUST, ImagesPlace
from harness.cli.stages import make, run_and_show

if TYPE_CHECKING:
    from harness.pipeline import Execution


@click.command()
@click.argument("paths", nargs=-1, required=True, type=ImagesPlace(), metavar="BENCH | REAL FAKE [FAKE …]")
@click.option(
    "--protocol",
    help="REAL FAKE: published protocol, which sets encoder, preprocessing and metric conventions. [default: clean]",
)
@click.option(
    "--encoder", "encoders", multiple=True, help="REAL FAKE: encoder, in place of --protocol. BENCH: only this encoder."
)
@click.option("--generator", "generators", multiple=True, help="BENCH: only this generator; repeatable.")
@click.option("--n", type=click.IntRange(8), help="REAL FAKE: subsample each set to N images. [default: all]")
@click.option(
    "--random-weights", is_flag=True, help="REAL FAKE: use random weights (no download). Scores do not measure quality."
)
@click.option("--seed", type=click.IntRange(0), help="REAL FAKE: seed for subsampling with --n. [default: 0]")
@COLUMN
@ARRAY
@OUT
@DEVICE
@EXECUTION
@RECEIPT
@DETAILS
@TRUST
def score(
    paths: tuple[Path, ...],
    protocol: str | None,
    encoders: tuple[str, ...],
    generators: tuple[str, ...],
    n: int | None,
    random_weights: bool,
    seed: int | None,
    column: tuple[str, ...],
    array: tuple[str, ...],
    out: Path | None,
    receipt: Path | None,
    details: bool,
    execution: Execution,
) -> None:
    """Score FAKE images against REAL ones, with confidence intervals.

    REAL and FAKE are folders of images or shards, or zip, npz, npy, tar, Parquet or Arrow files, local or remote
    (s3://…, hf://…). Quote a set of shards: 'part-{000..012}.tar'. Also writes the equivalent benchmark YAML; `harness
    run` on it reproduces these numbers.

    With BENCH, a benchmark YAML, computes the scores missing from the store.

    \b
    Examples:
      harness score photos/ samples/
      harness score photos/ model_a/ model_b.npz --n 5000
      harness score photos/ samples/ --encoder pixels
    """
    if len(paths) == 1:
        sampled = {"--n": n, "--seed": seed, "--column": column or None, "--array": array or None}
        made = {"--protocol": protocol, "--random-weights": random_weights or None, "--out": out}
        _one_benchmark(paths[0], {**made, **sampled})
        stages = ("sample", "encode", "score")
        make(paths[0], stages, execution, receipt=receipt, generators=generators, encoders=encoders)
        return
    from harness.base import UsageError
    from harness.benchmark import Inside, from_folders, protocols
    from harness.pipeline import keep_decoded, ownership

    if given := _given({"--generator": generators or None, "--receipt": receipt}):
        raise UsageError(f"{given}: only with a benchmark YAML; you gave image sets, REAL FAKE")
    if (protocol and encoders) or len(encoders) > 1:
        raise UsageError("give one --protocol or one --encoder; for several, write a benchmark YAML (`harness init`)")
    out = out or Path("results") / "score"
    declared = from_folders.declare(
        paths[0],
        paths[1:],
        out=out,
        protocol=protocol,
        encoder=encoders[0] if encoders else None,
        n=n,
        random_weights=random_weights,
        seed=seed or 0,
        inside=Inside(column, array),
        claim=ownership.claim,
        read=partial(keep_decoded, execution.opened()),
    )
    for line in declared.notes:
        click.echo(f"note: {line}", err=True)
    run_and_show(declared.bench, execution, out=out, no_tracking=True, details=details)
    if protocol is not None and protocols.load(protocol).constants:
        from harness.cli.fdr6 import show

        show(out, details=details)
    click.echo(f"benchmark {declared.bench}: `harness run {declared.bench}` reproduces these numbers")


def _one_benchmark(path: Path, flags: Mapping[str, Any]) -> None:
    """Raise UsageError where `harness score` is given one set of images, or flags that its YAML decides."""
    from harness.base import UsageError
    from harness.benchmark import suffixes

    if path.is_dir() or path.suffix.lower() in suffixes():
        raise UsageError(f"{path} is one set of images; give two or more: REAL FAKE [FAKE …]")
    if given := _given(flags):
        raise UsageError(f"{given}: only with image sets, REAL FAKE; for a benchmark, set this in {path}")


def _given(flags: Mapping[str, Any]) -> str:
    return ", ".join(flag for flag, value in flags.items() if value is not None)
