"""`harness judge IMAGES …`: images and their prompts scored one by one, then ranked."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import COLUMN, PATH


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="IMAGES [IMAGES …]")
@click.option("--by", "names", multiple=True, required=True, help="A judge or a set of them (may be repeated).")
@click.option("--prompts", "table", type=PATH, help="CSV, JSON lines or a prompt a line. [what lies with the images]")
@click.option("--prompt", "prompt_column", help="The column of the prompts. [prompt, caption or text]")
@click.option("--out", type=PATH, default=Path("scores.csv"), show_default=True, help="Where the scores go.")
@click.option("--random-weights", is_flag=True, help="Use random weights (no download). Scores do not measure quality.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws random weights.")
@click.option("--compare", nargs=2, help="Say the difference of these two as well.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where judges compute: cpu, cuda …")
@COLUMN
def judge(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    table: Path | None,
    prompt_column: str | None,
    out: Path,
    random_weights: bool,
    seed: int,
    compare: tuple[str, str] | None,
    level: float,
    device: str,
    column: tuple[str, ...],
) -> None:
    """Score IMAGES one by one with the prompts that they show, and rank their generators.

    Each IMAGES is one generator's: a folder, or a zip, tar, Parquet or Arrow file. Judges: clip_score (100 max(cos, 0)
    of CLIP ViT-L/14, as torchmetrics), clip_score_published (2.5 max(cos, 0) of ViT-B/32), aesthetic (LAION, reads no
    prompt), pickscore; the set text-to-image is clip_score, aesthetic, pickscore. Higher is better for all.

    OUT has a row an image, which `harness scores OUT --score JUDGE` ranks again, and OUT.json says what each judge is,
    with the SHA-256 of its weights.
    """
    from harness.base import RANDOM, UsageError, write_atomically, write_json
    from harness.benchmark import Inside, judged_sets
    from harness.cli.lines import say
    from harness.encoders import judges_named, made
    from harness.images import prompts_of
    from harness.studies import judges as study

    facts = judges_named(names)
    if out.exists() and out.is_dir():
        raise UsageError(f"{out} is a folder; --out is the file of scores")
    given = judged_sets(paths, Inside(column))
    sets = [
        study.PromptedSet(name, kind, inside, prompts_of(kind, inside, table=table, column=prompt_column))
        for name, kind, inside in given
    ]
    study.check_prompts(sets, [one.name for one in facts if one.needs_prompts])  # before weights are read
    weights = RANDOM if random_weights else "official"
    found = study.scored_images(sets, [made(one, weights=weights, seed=seed) for one in facts], device=device)
    write_atomically(out, found.to_csv().encode("utf-8"))
    write_json(Path(f"{out}.json"), {"judges": found.judges, "notes": list(found.notes)})
    for label in found.scores:
        ranked = study.scored_by(found.by(label), judge=label, level=level)
        say("\n".join([study.text(ranked), *(study.difference_words(ranked, *compare) if compare else ()), ""]))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"scores    {out}")
