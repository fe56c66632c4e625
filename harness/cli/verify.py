"""`harness verify OUT`: are these the numbers?"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from harness.cli.options import DETAILS, DEVICE, JSON, PATH, RUN, TRUST, WORKERS


@click.command()
@RUN
@click.option("--sample", type=click.IntRange(0), default=3, show_default=True, help="Cells to recompute; 0 for none.")
@click.option("--all", "everything", is_flag=True, help="Recompute every cell.")
@click.option(
    "--sample-seed", type=click.IntRange(0), default=0, show_default=True, help="Seed for choosing the cells."
)
@click.option(
    "--beside",
    type=PATH,
    help="The run's YAML; its files and modules are found beside it. [default: current folder, no modules]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 10),
    default=0.05,
    show_default=True,
    help="Allowed difference, in standard errors.",
)
@DEVICE
@WORKERS
@DETAILS
@JSON
@TRUST
def verify(
    out: Path,
    sample: int,
    everything: bool,
    sample_seed: int,
    beside: Path | None,
    tolerance: float,
    device: str,
    workers: int | None,
    details: bool,
    file: Path | None,
) -> None:
    """Verify a run's files and recompute a sample of its numbers.

    OUT is a run's folder, or a bundle from `harness submit`; a bundle has no images, so only its files are checked.

    Recomputes all intervals from the analyses in OUT, then images, features and scores of some cells in a temporary
    store. Exit 1 if a file was changed or a number differs beyond the tolerance, 2 if nothing could be recomputed.
    """
    from harness.base import UsageError, write_json
    from harness.benchmark import Place
    from harness.cli.lines import say
    from harness.cli.terminal import progress
    from harness.pipeline import Pipeline, default_workers, executor_of, lockfile
    from harness.studies import judges
    from harness.studies import verify as study

    bundle = out.is_file()
    if bundle and everything:
        raise UsageError(f"{out} is a bundle without images; --all needs the run's folder")
    found = study.verify_bundle(out) if bundle else study.from_files(out)
    judged = None if bundle else judges.of_lock(lockfile.read_lock(out))
    if judged is not None and (everything or sample):
        found = judges.judged_again(found, judged, tolerance=tolerance)
    elif not bundle and (everything or sample):
        place = Place.of(beside or Path.cwd())
        with (
            tempfile.TemporaryDirectory(prefix="harness-verify-") as store,
            executor_of(workers=workers or default_workers()) as executor,
            progress() as heard,
        ):
            asked = study.Again(None if everything else sample, sample_seed, place, Path(store), device, tolerance)
            found = study.sampled(found, asked, lambda plan: Pipeline(plan, executor, heard))
    say(study.text(found, details=details))
    if file is not None:
        write_json(file, found.to_json())
    sys.exit(found.exit_code)
