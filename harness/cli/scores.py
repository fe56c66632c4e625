"""`harness scores FILE.csv`: generators by a judge's scores of their images."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import JSON, PATH


@click.command()
@click.argument("table", type=PATH)
@click.option("--score", default="score", show_default=True, help="The column of the scores.")
@click.option("--generator", default="generator", show_default=True, help="The column of the generators' names.")
@click.option("--prompt", help="The column of the prompts. [prompt, where there is one]")
@click.option("--checkpoint", help="The column of the training seeds. [training_seed, where there is one]")
@click.option("--better", type=click.Choice(["higher", "lower"]), default="higher", show_default=True)
@click.option("--common", is_flag=True, help="Take the prompts that all answered, where some did not answer all.")
@click.option("--compare", nargs=2, help="Say the difference of these two as well.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
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
    file: Path | None,
) -> None:
    """Rank generators by any judge's scores, one line an image: GenEval, VQAScore, a preference model, people.

    Prompts count as what was drawn: all generators answered the same ones, and images of one prompt hang together.
    """
    from harness.base import write_json
    from harness.studies import judges as study

    columns = study.ScoreColumns(generator, score, prompt, checkpoint)
    found = study.scored_by(
        study.read_scores(table, columns), judge=score, lower_is_better=better == "lower", common=common, level=level
    )
    click.echo("\n".join([study.text(found), *(study.difference_words(found, *compare) if compare else ())]))
    if file is not None:
        write_json(file, found.to_json())
