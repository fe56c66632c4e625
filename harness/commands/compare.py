"""`harness compare OUT A B` and `harness power OUT A B`: two generators of a finished run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.record import Reference
    from harness.uncertainty import Comparison, Equivalence, SeedMember

RUN = click.argument("out", type=click.Path(path_type=Path))
ENCODER = click.option("--encoder", help="An encoder of the run. [the one that ranks]")
REFERENCE = click.option(
    "--reference", type=click.Choice(["fixed", "random"]), help="What the reference counts as. [as the run declares]"
)


@click.command()
@RUN
@click.argument("first")
@click.argument("second")
@click.option("--metric", help="One metric. [all of the run]")
@ENCODER
@click.option("--margin", type=float, help="Test whether they are equivalent within ± this much of the metric.")
@REFERENCE
@click.option("--paired", is_flag=True, help="Both used the same latents or prompts, image by image.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
def compare(
    out: Path, first: str, second: str, metric: str | None, encoder: str | None, margin: float | None,
    reference: Reference | None, paired: bool, file: Path | None,
) -> None:  # fmt: skip
    """Is generator FIRST of the run OUT different from SECOND, and by how much? Paired: they share the reference."""
    from harness.errors import UsageError
    from harness.outfolder import leaderboard, read
    from harness.uncertainty import difference, equivalence

    if margin is not None and metric is None:
        raise UsageError("--margin needs --metric: a margin is an amount of one metric")
    board = leaderboard(out)
    chosen, metrics = read(out, encoder)
    better = {column["metric"]: column["lower_is_better"] for column in board["columns"]}
    told: list[dict[str, Any]] = []
    counted: Reference = reference or board["interval"]["reference"]
    click.echo(
        f"{first} minus {second} under {chosen}, reference {counted}, {board['interval']['level']:.0%} intervals"
    )
    for name in _asked(metric, metrics):
        one, two = (_members(metrics[name], generator, out) for generator in (first, second))
        found = difference(one, two, level=board["interval"]["level"], reference=counted, paired=paired)
        equal = None if margin is None else equivalence(found, margin=margin, level=board["interval"]["level"])
        verdict = _verdict(first, second, name, found, equal, lower_is_better=better[name])
        effect = _effect(found.value, one, two)
        told.append({
            "metric": name, "encoder": chosen, "first": first, "second": second, "verdict": verdict, "effect": effect,
            "comparison": asdict(found), "equivalence": None if equal is None else asdict(equal),
        })  # fmt: skip
        click.echo(f"\n{name}: {verdict}")
        click.echo(
            f"  difference {found.value:.4g} [{found.low:.4g}, {found.high:.4g}], p = {_p(found.p)}, {found.method}"
        )
        if effect is not None:
            click.echo(f"  effect     {abs(effect):.2g} standard deviations of a single training seed's value")
        if equal is not None:
            click.echo(
                f"  equivalent within ±{equal.margin:g}? {'yes' if equal.equivalent else 'not shown'}, "
                f"p = {_p(equal.p)}"
            )
        for note in found.notes:
            click.echo(f"  note       {note}")
    if len(told) > 1:
        click.echo(f"\n{len(told)} metrics were tested one by one: of so many, one in twenty differs by chance alone.")
    if file is not None:
        from harness.store import write_atomically

        write_atomically(file, (json.dumps(told, indent=1) + "\n").encode("ascii"))


@click.command()
@RUN
@click.argument("first")
@click.argument("second")
@click.option("--difference", "wanted", type=float, required=True, help="The difference to resolve, in the metric.")
@click.option("--metric", help="A metric of the run. [the one that ranks]")
@ENCODER
@click.option("--power", "chance", type=float, default=0.8, show_default=True, help="How surely it is to be seen.")
@click.option("--images", type=click.IntRange(2), help="Images per checkpoint. [as in the run]")
@click.option("--training-seeds", type=click.IntRange(1), help="Give these, and the images are planned instead.")
@REFERENCE
def power(
    out: Path, first: str, second: str, wanted: float, metric: str | None, encoder: str | None, chance: float,
    images: int | None, training_seeds: int | None, reference: Reference | None,
) -> None:  # fmt: skip
    """How many training seeds or images does it take to see a difference between FIRST and SECOND of the run OUT?"""
    from harness.outfolder import leaderboard, read
    from harness.uncertainty import plan

    board = leaderboard(out)
    chosen, metrics = read(out, encoder)
    name = next(iter(_asked(metric or board["rank_by"]["metric"], metrics)))
    level = board["interval"]["level"]
    counted: Reference = reference or board["interval"]["reference"]
    found = plan(
        _members(metrics[name], first, out), _members(metrics[name], second, out), difference=wanted, power=chance,
        level=level, reference=counted, images=images,
        training_seeds=training_seeds,
    )  # fmt: skip
    click.echo(
        f"To see a difference of {wanted:g} in {name} under {chosen} between {first} and {second} with probability "
        f"{chance:g} (at {level:.0%}):\n{found.training_seeds} training seeds of {found.images:,} images for each; "
        f"then the standard error is {found.se:.3g} and the power {found.power:.2f}."
    )
    for limit in found.limits:
        click.echo(f"limit: {limit}")


def _asked(metric: str | None, known: dict[str, Any]) -> list[str]:
    from harness.errors import UsageError
    from harness.suggest import unknown

    if metric is not None and metric not in known:
        raise UsageError(unknown("metric", metric, known, place="this run"))
    return list(known) if metric is None else [metric]


def _members(groups: dict[str, list[SeedMember]], generator: str, out: Path) -> list[SeedMember]:
    from harness.errors import UsageError
    from harness.suggest import unknown

    if generator not in groups:
        raise UsageError(unknown("generator", generator, groups, place=str(out)))
    return groups[generator]


def _effect(value: float, one: list[SeedMember], two: list[SeedMember]) -> float | None:
    """The difference in standard deviations of one training seed's value; None without several on both sides."""
    from harness.uncertainty.seeds import means

    spreads = []
    for members in (one, two):
        groups = means(members).by_training_seed.values()
        if len(groups) < 2:
            return None
        values = [sum(m.analysis.value for m in group) / len(group) for group in groups]
        middle = sum(values) / len(values)
        spreads.append(sum((v - middle) ** 2 for v in values) / (len(values) - 1))
    pooled = (sum(spreads) / 2) ** 0.5
    return value / pooled if pooled > 0 else None


def _verdict(
    first: str, second: str, metric: str, found: Comparison, equal: Equivalence | None, *, lower_is_better: bool
) -> str:
    if found.low > 0 or found.high < 0:
        winner, loser = (first, second) if (found.value < 0) == lower_is_better else (second, first)
        words = f"{winner} is better than {loser} beyond noise"
        return words + (", by less than the margin" if equal is not None and equal.equivalent else "")
    if equal is not None and equal.equivalent:
        return f"{first} and {second} are equivalent within the margin"
    return f"{first} and {second} cannot be told apart: this does not show that they are equal"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"
