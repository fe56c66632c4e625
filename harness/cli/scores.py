"""`harness scores FILE.csv`: generators by a judge's scores of their images."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DETAILS, JSON, LEVEL, PATH


@click.command()
@click.argument("table", type=PATH)
@click.option("--score", default="score", show_default=True, help="Score column.")
@click.option("--generator", default="generator", show_default=True, help="Column of generator names.")
@click.option("--prompt", help="Prompt column. [default: prompt, if present]")
@click.option("--checkpoint", help="Training-seed column. [default: training_seed, if present]")
@click.option(
    "--better", type=click.Choice(["higher", "lower"]), default="higher", show_default=True, help="Which is better."
)
@click.option(
    "--common", is_flag=True, help="If some prompts lack images, use only the prompts common to all generators."
)
@click.option("--compare", nargs=2, help="Also compare these two generators.")
@LEVEL
@click.option("--out", type=PATH, help="Write a run's folder here, for `export`, `site`, `compare` and `verify`.")
@DETAILS
@JSON
def scores(
    table: Path,
    score: str,
    generator: str,
    prompt: str | None,
    checkpoint: str | None,
    better: str,
    common: bool,
    compare: tuple[str, str] | None,
    level: float,
    out: Path | None,
    details: bool,
    file: Path | None,
) -> None:
    """Rank generators by per-image scores from any judge.

    TABLE is a CSV with one row per image: GenEval, VQAScore, a preference model, human ratings. Images of one prompt
    are correlated, and generators share prompts: prompts are the sampling units.
    """
    from harness.base import write_json
    from harness.cli.lines import say
    from harness.studies import judges as study

    columns = study.ScoreColumns(generator, score, prompt, checkpoint)
    asked = study.Asked("scores_csv", columns, level, better == "lower", common)
    found = asked.judged(table)
    say("\n".join([study.text(found, details=details), *(study.difference_words(found, *compare) if compare else ())]))
    if out is not None:
        study.write_folder(out, table, asked, found)
        click.echo(f"results   {out}/ (records.jsonl, leaderboard.md, benchmark.lock.yaml)")
    if file is not None:
        write_json(file, found.to_json())
