"""`harness export FORM OUT`: a finished run as hubs, papers and archives read it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import PATH

FORMS = ("hf", "every-eval-ever", "ro-crate", "croissant", "latex", "bibtex", "metrics")


@click.command()
@click.argument("form", type=click.Choice(FORMS))
@click.argument("out", type=PATH, metavar="OUT | DATASETS.yaml")
@click.option("--to", "folder", type=PATH, help="Folder to write. [default: OUT-FORM]")
@click.option("--generator", "generators", multiple=True, help="Only this generator; repeatable. [default: all]")
@click.option("--encoder", help="Only numbers under this encoder. [default: all]")
@click.option("--dataset-id", "dataset", help="Dataset id, such as org/name on the Hub. [default: as in the benchmark]")
@click.option("--source-url", "source", help="URL of the run.")
@click.option("--organisation", default="not stated", help="Who evaluated. [default: not stated]")
def export(form: str, out: Path, folder: Path | None, **told: object) -> None:
    """Export a run to Hugging Face, LaTeX, RO-Crate or Croissant.

    Every number keeps its interval.

    \b
    FORM:
      hf               .eval_results/*.yaml and model-index per generator; intervals in the notes
      every-eval-ever  JSON of schema 0.3.0, with standard errors and intervals
      ro-crate         the run's files with ro-crate-metadata.json, for archives
      croissant        one description per dataset; takes DATASETS.yaml, not OUT
      latex            the leaderboard as a table
      bibtex           how to cite the harness
      metrics          estimates.json: encoder, generator, metric, value, interval
    """
    from harness.base import UsageError, counted, write_atomically
    from harness.report import About, croissant_files, exported, read_run

    if form == "croissant":
        if out.is_dir() and (out / "datasets.yaml").is_file():
            out = out / "datasets.yaml"
        if not out.is_file():
            raise UsageError(f"{out}: croissant describes datasets; give a datasets.yaml")
        found = croissant_files(out)
    else:
        about = About(**{key: value for key, value in told.items() if value is not None})  # type: ignore[arg-type]
        found = exported(form, read_run(out), about)
    folder = folder or out.with_name(f"{out.stem if form == 'croissant' else out.resolve().name}-{form}")
    if folder.resolve() == out.resolve():
        raise UsageError(f"--to {folder} is the run itself; choose another folder")
    for name, content in found.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):  # a name of a stranger's run
            raise UsageError(f"{out}: the file name {name!r} points outside {folder}; export stopped")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    click.echo(f"{form}: {counted(len(found), 'file')} in {folder}")
