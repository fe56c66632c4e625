"""`harness judge IMAGES …`: images and their prompts scored one by one, then ranked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import COLUMN, DETAILS, LEVEL, PATH, STORE, TRUST

if TYPE_CHECKING:
    from harness.pipeline import StorePlace
    from harness.studies.judges import PromptedSet


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="IMAGES [IMAGES …] | BENCH")
@click.option("--by", "names", multiple=True, required=True, help="Judge or set of judges; repeatable.")
@click.option(
    "--prompts",
    "table",
    type=PATH,
    help="CSV, JSON lines, or text with one prompt per line. [default: prompts stored with the images]",
)
@click.option("--prompt", "prompt_column", help="Prompt column. [default: prompt, caption or text]")
@click.option("--out", type=PATH, default=Path("scores.csv"), show_default=True, help="CSV file for the scores.")
@click.option("--random-weights", is_flag=True, help="Use random weights (no download). Scores do not measure quality.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed for --random-weights.")
@click.option("--compare", nargs=2, help="Also compare these two generators.")
@click.option(
    "--common", is_flag=True, help="If some prompts lack images, use only the prompts common to all generators."
)
@LEVEL
@click.option("--device", default="cpu", show_default=True, help="Device for judges: cpu, cuda, mps …")
@STORE
@COLUMN
@TRUST
@DETAILS
def judge(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    table: Path | None,
    prompt_column: str | None,
    out: Path,
    random_weights: bool,
    seed: int,
    compare: tuple[str, str] | None,
    common: bool,
    level: float,
    device: str,
    store: StorePlace,
    column: tuple[str, ...],
    details: bool,
) -> None:
    """Score text-to-image samples with CLIPScore, PickScore or aesthetics.

    Each IMAGES holds the samples of one generator: a folder, or a zip, tar, Parquet or Arrow file.

    \b
    Judges (higher is better for all):
      clip_score            100 max(cos, 0), CLIP ViT-L/14, as in torchmetrics
      clip_score_published  2.5 max(cos, 0), CLIP ViT-B/32
      aesthetic             LAION aesthetic predictor; ignores prompts
      pickscore             PickScore
      text-to-image         the set clip_score, aesthetic, pickscore

    With BENCH, judges its generators that have prompts: those with `prompts:`, and image files with text files beside
    them. Adds a section to the report in results/<name>.

    OUT has one row per image; `harness scores OUT --score JUDGE` ranks it again. OUT.json describes each judge, with
    the SHA-256 of its weights.
    """
    from harness.base import RANDOM, UsageError, named, write_atomically, write_json
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.encoders import judges_named, made
    from harness.report import finding_name
    from harness.studies import judges as study

    facts = judges_named(names)
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder; give a CSV file")
    bench = paths[0] if len(paths) == 1 and paths[0].suffix in (".yaml", ".yml") else None
    results: Path | None = None
    if bench is not None:
        if table is not None or column:
            raise UsageError("--prompts and --column are for IMAGES; in a benchmark, set `prompts:` of the generators")
        sets, results, device = _of_benchmark(bench, store, device)
        if lacking := {one.generator for one in sets if one.prompts is None} if any(s.prompts for s in sets) else set():
            click.echo(f"note: skipped, no prompts: {named(sorted(lacking))}", err=True)
            sets = [one for one in sets if one.prompts is not None]
    else:
        sets = _of_images(paths, column, table, prompt_column)
    study.check_prompts(sets, [one.name for one in facts if one.needs_prompts])  # before weights are read
    weights = RANDOM if random_weights else "official"
    found = study.scored_images(sets, [made(one, weights=weights, seed=seed) for one in facts], device=device)
    write_atomically(out, found.to_csv().encode("utf-8"))
    write_json(Path(f"{out}.json"), {"judges": found.judges, "notes": list(found.notes)})
    for label in found.scores:
        ranked = study.scored_by(found.by(label), judge=label, level=level, common=common)
        say(
            "\n".join(
                [
                    study.text(ranked, details=details),
                    *(study.difference_words(ranked, *compare) if compare else ()),
                    "",
                ]
            )
        )
        if results is not None:
            add_section(results, finding_name("judged", label), study.finding(ranked))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"scores    {out}")


def _of_images(
    paths: Sequence[Path], column: tuple[str, ...], table: Path | None, prompt_column: str | None
) -> list[PromptedSet]:
    from harness.benchmark import Inside, judged_sets
    from harness.images import prompts_of
    from harness.studies.judges import PromptedSet

    return [
        PromptedSet.of_files(name, kind, inside, prompts_of(kind, inside, table=table, column=prompt_column))
        for name, kind, inside in judged_sets(paths, Inside(column))
    ]


def _of_benchmark(bench: Path, store: StorePlace, device: str) -> tuple[list[PromptedSet], Path, str]:
    """The image sets of a benchmark, made where they are missing; its results' folder; the device."""
    from harness import benchmark
    from harness.base import UsageError
    from harness.cli.terminal import progress
    from harness.pipeline import Pipeline, Plan, executor_of
    from harness.studies.judges import prompted_sets

    found = benchmark.load(bench)
    plan = Plan(found, store, device)
    plan.check_place()
    with executor_of(workers=1) as executor, progress() as heard:
        pipeline = Pipeline(plan, executor, heard)
        pipeline.sample()
    if pipeline.image_failures:
        raise UsageError(next(iter(pipeline.image_failures.values())).reason)
    return prompted_sets(plan), Path("results") / found.name, plan.resolved_device
