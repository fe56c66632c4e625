"""`harness classes BENCH`: every metric for every class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import BENCH, DETAILS, DEVICE, JSON, OUT, STORE, TRUST, WORKERS

if TYPE_CHECKING:
    from harness.pipeline import StorePlace


@click.command()
@BENCH
@click.option("--encoder", help="Encoder of the benchmark. [default: the one that ranks]")
@OUT
@STORE
@DEVICE
@WORKERS
@DETAILS
@JSON
@TRUST
def classes(
    bench: Path,
    encoder: str | None,
    out: Path | None,
    store: StorePlace,
    device: str,
    workers: int | None,
    details: bool,
    file: Path | None,
) -> None:
    """Score each class separately, to find classes that fail.

    A rare class can fail while the total looks fine. Classes are the labels the images were generated with (`groups:
    strata`), else the predictions of a linear classifier on the encoder's features. Each class is compared with
    held-out real images if the benchmark has the control `holdout`. Adds a section to OUT's report.
    """
    from dataclasses import replace

    from harness import benchmark
    from harness.base import UsageError, unknown, write_json
    from harness.cli.lines import say
    from harness.cli.terminal import progress
    from harness.pipeline import Asked, Pipeline, Plan, declared, executor_of, lockfile
    from harness.report import finding_name, write_finding, write_report
    from harness.studies import classes as study

    found = benchmark.load(bench)
    chosen = encoder or found.rank_by.encoder
    if chosen not in found.encoders:
        raise UsageError(f"{bench}: {unknown('encoder', chosen, found.encoders)}")
    plan = Plan(found, store, device)
    plan.check_place()
    with executor_of(asked=Asked(workers, device=device)) as executor, progress() as heard:
        result = study.by_class(plan, lambda own: Pipeline(own, executor, heard, None, frozenset([chosen])), chosen)
    say(study.text(result, details=details))
    if file is not None:
        write_json(file, result.to_json())
    folder = out or Path("results") / found.name
    if (folder / "records.jsonl").is_file():
        section = replace(study.finding(result), run=lockfile.declared_key(declared(plan)))
        write_finding(folder, finding_name("classes", chosen), section)
        click.echo(f"report    {write_report(folder)}")
