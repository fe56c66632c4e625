"""`harness check BENCH`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import BENCH


@click.command()
@BENCH
def check(bench: Path) -> None:
    """Validate BENCH: every mistake at once, each with its place; nothing is computed."""
    from harness import benchmark

    found = benchmark.load(bench)
    cells = found.cells()
    sets = {(cell.generator, cell.training_seed, cell.sampling_seed) for cell in cells}
    click.echo(
        f"{bench}: ok; {len(found.generators)} generators, {len(sets)} image sets of {found.n_fake}, "
        f"{len(found.encoders)} encoders, {len(cells)} cells, {len(found.metrics)} metrics"
    )
    data = found.data
    for name, split in data.parameters.get("splits", {}).items():
        labels = benchmark.registry.count_labels(data.component, split, data.folder)
        if labels is not None:
            click.echo(f"split {name}: {data.splits[name].size} images with {labels} labels")
