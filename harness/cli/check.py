"""`harness check BENCH`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import BENCH


@click.command()
@BENCH
@click.option("--pin", is_flag=True, help="First replace zero digests in datasets.yaml by those of the real images.")
def check(bench: Path, pin: bool) -> None:
    """Check a benchmark file; reports every mistake with its line."""
    from harness import benchmark
    from harness.base import counted

    if pin:
        from harness.pipeline import pin as write_digests

        for pinned, digest in write_digests(bench).items():
            click.echo(f"pinned split {pinned}: {digest}")
    found = benchmark.load(bench)
    cells = found.cells()
    sets = {(cell.generator, cell.training_seed, cell.sampling_seed) for cell in cells}
    click.echo(
        f"{bench}: ok; {counted(len(found.generators), 'generator')}, {counted(len(sets), 'image set')} of "
        f"{found.n_fake:,}, {counted(len(found.encoders), 'encoder')}, {counted(len(cells), 'cell')}, "
        f"{counted(len(found.metrics), 'metric')}"
    )
    for one in benchmark.trust.code_of(found):
        click.echo(f"code    {one}")
    for name, reason in found.left_out.items():
        click.echo(f"metric {name}: {reason}")
    data = found.data
    given = data.parameters.get("splits", {})
    for name, split in data.splits.items():
        labels = benchmark.registry.count_labels(data.component, given.get(name, {}), data.folder)
        if labels is None and split.classes is not None:
            labels = sum(size > 0 for size in split.classes)
        if labels is not None:
            click.echo(f"split {name}: {counted(split.size, 'image')} with {counted(labels, 'label')}")
    for name, entry in found.generators.items():
        if entry.component.class_folders and entry.grouping is not None:
            asked = {**entry.parameters, "labels": "folders"}
            labels = benchmark.registry.count_labels(entry.component, asked, found.folder)
            click.echo(f"generator {name}: {counted(entry.pool or 0, 'image')} with {counted(labels or 0, 'label')}")
