"""`harness verify OUT`: are these the numbers?"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from harness.cli.options import DEVICE, JSON, PATH, RUN, TRUST, WORKERS


@click.command()
@RUN
@click.option("--sample", type=click.IntRange(0), default=3, show_default=True, help="Cells to compute again; 0: none.")
@click.option("--all", "everything", is_flag=True, help="Compute every cell again.")
@click.option("--sample-seed", type=click.IntRange(0), default=0, show_default=True, help="Draws the cells.")
@click.option(
    "--beside",
    type=PATH,
    help="The run's YAML: where its files and modules lie. [current folder, no modules]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 10),
    default=0.05,
    show_default=True,
    help="Standard errors by which a number may differ.",
)
@DEVICE
@WORKERS
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
    file: Path | None,
) -> None:
    """Check the numbers of OUT: against its own files, and a sample of them computed again from its lock.

    OUT is a run's folder, or a bundle that `harness submit` wrote: of that the files alone, for it has no images.

    Intervals of all records are computed again from the analyses in OUT. Then images, features and scores of some cells
    are made anew in a store of their own, which is removed. Exit 1 where a file was changed or a number differs beyond
    the tolerance, 2 where nothing could be computed again.
    """
    from harness.base import UsageError, write_json
    from harness.benchmark import Place
    from harness.cli.lines import say
    from harness.cli.terminal import progress
    from harness.pipeline import Pipeline, default_workers, executor_of
    from harness.studies import verify as study

    bundle = out.is_file()
    if bundle and everything:
        raise UsageError(f"{out}: is a bundle, without images; --all takes the folder of the run")
    found = study.verify_bundle(out) if bundle else study.from_files(out)
    if not bundle and (everything or sample):
        place = Place.of(beside or Path.cwd())
        with (
            tempfile.TemporaryDirectory(prefix="harness-verify-") as store,
            executor_of(workers=workers or default_workers()) as executor,
            progress() as heard,
        ):
            asked = study.Again(None if everything else sample, sample_seed, place, Path(store), device, tolerance)
            found = study.sampled(found, asked, lambda plan: Pipeline(plan, executor, heard))
    say(study.text(found))
    if file is not None:
        write_json(file, found.to_json())
    sys.exit(found.exit_code)
