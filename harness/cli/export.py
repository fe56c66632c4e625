"""`harness export FORM OUT`: a finished run as hubs, papers and archives read it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH

FORMS = ("hf", "every-eval-ever", "ro-crate", "croissant", "latex", "bibtex", "metrics")


@click.command()
@click.argument("form", type=click.Choice(FORMS))
@click.argument("out", type=PATH, metavar="OUT | DATASETS.yaml")
@click.option("--to", "folder", type=PATH, help="Where the files go. [OUT with -FORM at its end]")
@click.option("--generator", "generators", multiple=True, help="Only this one (may be repeated).")
@click.option("--encoder", help="Only numbers under this one.")
@click.option("--dataset-id", "dataset", help="The data set's id there, org/name on the Hub. [as the benchmark has it]")
@click.option("--source-url", "source", help="An address that shows the run.")
@click.option("--organisation", default="not stated", help="Who evaluated, of every-eval-ever.")
def export(form: str, out: Path, folder: Path | None, **told: object) -> None:
    """Write a finished run OUT as FORM; every number keeps its interval.

    \b
    hf               .eval_results/*.yaml and model-index for each generator's repository; the interval is in the notes
    every-eval-ever  JSON of schema 0.2.1, with standard errors and confidence intervals
    ro-crate         the run's files with ro-crate-metadata.json, to archive
    croissant        DATASETS.yaml (not OUT): one description a data set
    latex, bibtex    the table, and how to cite the tool
    metrics          metrics.json: encoder, generator, metric, value with its interval
    """
    from harness.base import UsageError, counted, write_atomically
    from harness.report import About, croissant_files, exported, read_run

    if form == "croissant":
        if out.is_dir() and (out / "datasets.yaml").is_file():
            out = out / "datasets.yaml"
        if not out.is_file():
            raise UsageError(f"{out}: croissant describes data sets; give a datasets.yaml")
        found = croissant_files(out)
    else:
        about = About(**{key: value for key, value in told.items() if value is not None})  # type: ignore[arg-type]
        found = exported(form, read_run(out), about)
    folder = folder or out.with_name(f"{out.stem if form == 'croissant' else out.resolve().name}-{form}")
    if folder.resolve() == out.resolve():
        raise UsageError(f"--to {folder}: is the run itself; an export goes beside it")
    for name, content in found.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):  # a name of a stranger's run
            raise UsageError(f"{out}: names {name!r}, which lies outside of {folder}; nothing more was written")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    click.echo(f"{form}: {counted(len(found), 'file')} in {folder}")
