"""`harness exam [METRIC …]`: does a metric move the way it must when it is known what is wrong?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli import FAILED
from harness.cli.figures import write_figures
from harness.cli.options import DETAILS, JSON, PATH


@click.command()
@click.argument("metrics", nargs=-1)
@click.option("--n", default=400, show_default=True, type=click.IntRange(100), help="Rows per side.")
@click.option("--repeats", default=8, show_default=True, type=click.IntRange(4), help="Draws per level.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed for all draws.")
@click.option("--law", "laws", multiple=True, help="Only this law; repeatable. [default: all]")
@click.option("--better", type=click.Choice(["lower", "higher"]), help="Direction of your own metric.")
@click.option(
    "--axis", type=click.Choice(["fidelity", "diversity", "novelty"]), help="Axis of your own metric. [default: all]"
)
@click.option("--cost", is_flag=True, help="Also time each metric on 10,000 × 2,048 features per side.")
@click.option("--out", type=PATH, help="Folder for README.md, exam.json and one figure per metric.")
@DETAILS
@JSON
def exam(
    metrics: tuple[str, ...],
    n: int,
    repeats: int,
    seed: int,
    laws: tuple[str, ...],
    better: str | None,
    axis: str | None,
    cost: bool,
    out: Path | None,
    details: bool,
    file: Path | None,
) -> None:
    """Test whether metrics respond to known defects.

    METRIC is a built-in metric (`harness list metrics`) or your own function module:name, which takes (real, fake) and
    returns a number. Exit 1 if a named metric fails a test of its axis. Without METRIC, tests all built-in metrics and
    exits 0: none passes everything.
    """
    import json

    from harness.base import write_atomically
    from harness.cli.lines import say
    from harness.studies import exam as study

    given = [("--better", better), ("--axis", axis), ("--n", n), ("--repeats", repeats), ("--seed", seed)]
    given += [("--law", f"'{law}'" if " " in law else law) for law in laws]
    told = ["exam", *metrics, *(f"{option} {value}" for option, value in given if value is not None)]
    told += ["--cost"] if cost else []
    chosen = study.laws_named(laws)
    candidates = study.candidates(metrics, n=n, better=better, axis=axis, folder=Path.cwd())
    found = study.sit(
        candidates,
        n=n,
        repeats=repeats,
        seed=seed,
        laws=chosen,
        cost=(10_000, 2_048) if cost else None,
        said=lambda name: click.echo(f"exam of {name}", err=True),
    )
    say(study.text(found, details=details))
    write_figures(file, found)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        pictured = [card for card in found.cards if card.checks]
        for card in pictured:
            write_atomically(out / f"{study.file_name(card)}.png", study.drawn(card))
        names = {card.metric: study.file_name(card) for card in pictured}
        write_atomically(out / "README.md", study.page(found, "harness " + " ".join(told), names).encode())
        # On one line: a file of thousands of values is not read by eye.
        write_atomically(out / "exam.json", (json.dumps(found.to_json()) + "\n").encode())
        click.echo(f"written: {out}/ (README.md, exam.json, pictures)")
    if metrics and any(card.failed for card in found.cards):
        sys.exit(FAILED)
