"""`harness compare OUT A B` and `harness power OUT A B`: two generators of a finished run."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.base import percent
from harness.studies import p_words

if TYPE_CHECKING:
    from harness.base import Reference, Target
    from harness.uncertainty import Comparison, Equivalence, SeedMember

RUN = click.argument("out", type=click.Path(path_type=Path))
ENCODER = click.option("--encoder", help="An encoder of the run. [the one that ranks]")
REFERENCE = click.option(
    "--reference", type=click.Choice(["fixed", "random"]), help="What the reference counts as. [as the run declares]"
)

PAIRED = (
    "paired: image i of both counts as one draw (of two folders of as many images in the order of their names, of "
    "generators with the same prompts by prompt), and sets that share nothing gain nothing by it"
)
FEW_SEEDS = 5  # a standard deviation from fewer may be 3.7 times too small (chi-squared, 95%)


@dataclass(frozen=True)
class Effect:
    """A difference in standard deviations (first minus second, no unit), and of what these are, in words."""

    size: float
    of: str


@click.command()
@RUN
@click.argument("first")
@click.argument("second")
@click.option("--metric", help="One metric. [all of the run]")
@ENCODER
@click.option("--margin", type=float, help="Test whether they are equivalent within ± this much of the metric.")
@REFERENCE
@click.option(
    "--paired",
    is_flag=True,
    help="Image i of both belongs together, seed by seed: two folders (or archives) of your own with as many images, "
    "paired in the order of their names, or generators with the same prompts or labels. Latents are never shared by "
    "the harness's own generators.",
)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
def compare(
    out: Path,
    first: str,
    second: str,
    metric: str | None,
    encoder: str | None,
    margin: float | None,
    reference: Reference | None,
    paired: bool,
    file: Path | None,
) -> None:
    """Is generator FIRST of the run OUT different from SECOND, and by how much? Paired: they share the reference."""
    from harness.base import UsageError
    from harness.cli.lines import say
    from harness.cli.sections import add_section
    from harness.pipeline import results
    from harness.report import finding_name
    from harness.studies import closing, section
    from harness.uncertainty import difference, equivalence, holm

    if margin is not None and metric is None:
        raise UsageError("--margin needs --metric: a margin is an amount of one metric")
    board = results.leaderboard(out)
    chosen, metrics = results.read(out, encoder)
    results.check_scored(out, chosen, (first, second))
    _check_two(out, first, second)
    better = {column["metric"]: column["lower_is_better"] for column in board["columns"]}
    targets = _targets(board, chosen)
    told: list[dict[str, Any]] = []
    counted: Reference = reference or board["interval"]["reference"]
    # Printed at the end: a mistake found on the way is answered by one line, without a heading before it.
    about = (
        f"{first} minus {second} under {results.labelled(board, chosen)}, reference {counted}, "
        f"{percent(board['interval']['level'])} intervals{', paired image by image' if paired else ''}"
    )
    lines: list[str] = []
    notes: dict[str, None] = {}
    for name in _asked(metric, metrics, results.labelled(board, chosen)):
        one, two = (metrics[name][generator] for generator in (first, second))
        found = difference(
            one,
            two,
            level=board["interval"]["level"],
            reference=counted,
            target=targets.get(name, "T_N"),
            paired=paired,
        )
        equal = None if margin is None else equivalence(found, margin=margin, level=board["interval"]["level"])
        verdict = _verdict(first, second, name, found, equal, lower_is_better=better[name])
        effect = _effect(found.value, one, two)
        told.append(
            {
                "metric": name,
                "encoder": chosen,
                "encoder_note": board["encoders"].get(chosen, ""),
                "first": first,
                "second": second,
                "verdict": verdict,
                "effect": None if effect is None else asdict(effect),
                "comparison": asdict(found),
                "equivalence": None if equal is None else asdict(equal),
            }
        )
        lines.append(f"\n{name}: {verdict}")
        lines.append(
            f"  difference {found.value:.4g} [{found.low:.4g}, {found.high:.4g}], {p_words(found.p)}, {found.method}"
        )
        if effect is not None:
            lines.append(f"  effect     {abs(effect.size):.2g} standard deviations {effect.of}")
        if equal is not None:
            lines.append(
                f"  equivalent within ±{equal.margin:g}? {'yes' if equal.equivalent else 'not shown'}, "
                f"{p_words(equal.p)}"
            )
        notes |= dict.fromkeys(found.notes)
    if paired:
        notes[PAIRED] = None
    adjusted = holm([row["comparison"]["p"] for row in told])
    for row, p in zip(told, adjusted, strict=True):
        row["p_holm"] = p
    together = ""
    if len(told) > 1:
        left = [row["metric"] for row, p in zip(told, adjusted, strict=True) if p <= 1 - board["interval"]["level"]]
        together = (
            f"All {len(told)} metrics read together (Holm): they differ in {', '.join(left)}."
            if left
            else f"All {len(told)} metrics read together (Holm), none shows a difference: one alone may be chance."
        )
    answer, *sure = closing(told, together, board["interval"]["level"], list(notes))
    say("\n".join([answer, f"{about}.", *lines, "", *sure]))
    if file is not None:
        from harness.base import write_atomically

        write_atomically(file, (json.dumps(_finite(told), indent=1, allow_nan=False) + "\n").encode("ascii"))
    within = () if margin is None else ("within", f"{margin:g}")
    parts = [part for part in (metric, *within, reference, "paired" if paired else None) if part is not None]
    name = finding_name("compare", first, second, chosen, *parts)
    add_section(out, name, section(told, [answer, *sure], f"{about}.", better))


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
    out: Path,
    first: str,
    second: str,
    wanted: float,
    metric: str | None,
    encoder: str | None,
    chance: float,
    images: int | None,
    training_seeds: int | None,
    reference: Reference | None,
) -> None:
    """How many training seeds or images does it take to see a difference between FIRST and SECOND of the run OUT?"""
    from harness.base import UsageError
    from harness.pipeline import results
    from harness.uncertainty import counted, plan

    if images is not None and training_seeds is not None:
        raise UsageError("--images and --training-seeds are both given; give one, and the other is planned")
    board = results.leaderboard(out)
    chosen, metrics = results.read(out, encoder)
    results.check_scored(out, chosen, (first, second))
    _check_two(out, first, second)
    name = next(iter(_asked(metric or board["rank_by"]["metric"], metrics, results.labelled(board, chosen))))
    level = board["interval"]["level"]
    held: Reference = reference or board["interval"]["reference"]
    one, two = (metrics[name][generator] for generator in (first, second))
    found = plan(
        one,
        two,
        difference=wanted,
        power=chance,
        level=level,
        reference=held,
        images=images,
        training_seeds=training_seeds,
    )
    trained = any(member.training_seed is not None for member in (*one, *two))
    what = counted(found.training_seeds, "training seed" if trained else "sampling seed")
    if not trained:
        what += f" (neither is trained{'' if training_seeds is None else ', so --training-seeds counts these'})"
    click.echo(
        f"To see a difference of {wanted:g} in {name} under {results.labelled(board, chosen)} between {first} and "
        f"{second} "
        f"with probability {chance:g} (at {percent(level)}, reference {held}):\n{what} of "
        f"{found.images:,} images for each; then the standard error is {found.se:.3g} and the power {found.power:.2f}."
    )
    pilot = min(member.analysis.n_fake for member in (*one, *two))
    if found.images != pilot and one[0].analysis.use not in ("kd", "kid_subsets"):  # unbiased: the same at any n
        click.echo(
            f"limit: the run has {pilot:,} images a set; {name} at {found.images:,} is another quantity, and so may "
            "the difference be"
        )
    seeds = min(len({member.training_seed for member in members}) for members in (one, two))
    if trained and seeds < FEW_SEEDS:
        click.echo(
            f"limit: how far training seeds scatter is known from {seeds} of them only: read it as a rough guess"
        )
    for limit in found.limits:
        click.echo(f"limit: {limit}")


def _check_two(out: Path, first: str, second: str) -> None:
    """Raises UsageError for one generator twice: the tests take FIRST's images for independent of SECOND's."""
    from harness.base import UsageError

    if first == second:
        raise UsageError(
            f"{out}: FIRST and SECOND are both {first}, and a generator differs from itself by nothing; name two. Two "
            "draws of one generator are two entries of `generators` under two names"
        )


def _asked(metric: str | None, known: dict[str, Any], encoder: str) -> list[str]:
    from harness.base import UsageError, unknown

    if metric is not None and metric not in known:
        raise UsageError(unknown("metric", metric, known, place=f"this run under {encoder}"))
    return list(known) if metric is None else [metric]


def _targets(board: dict[str, Any], encoder: str) -> dict[str, Target]:
    """What each metric's intervals speak about in this run, so that a comparison speaks about the same."""
    rows = [row for row in board["rows"] if row["encoder"] == encoder]
    return {metric: estimate["target"] for row in rows for metric, estimate in row["metrics"].items()}


def _effect(value: float, one: list[SeedMember], two: list[SeedMember]) -> Effect | None:
    """The difference in standard deviations of a single value, both sides' variances averaged; None where they are 0.

    Over training seeds where both sides have several: how far apart are two methods, beside what a seed changes? Else
    over redrawn images, which says less: it grows with the number of images.
    """
    from harness.uncertainty import fake_variance, means

    wholes = [means(members) for members in (one, two)]
    if all(whole.training_seeds > 1 for whole in wholes):
        spreads = []
        for whole in wholes:
            values = [sum(m.analysis.value for m in g) / len(g) for g in whole.by_training_seed.values()]
            middle = sum(values) / len(values)
            spreads.append(sum((v - middle) ** 2 for v in values) / (len(values) - 1))
        of = "of a single training seed's value"
    else:
        spreads = [sum(fake_variance(m.analysis) for m in own.members) / len(own.members) for own in wholes]
        of = "of a single image set's value (image sampling only: it grows with the images of a set)"
    pooled = (sum(spreads) / 2) ** 0.5
    return Effect(value / pooled, of) if pooled > 0 else None


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


def _finite(value: Any) -> Any:
    """The value with infinite degrees of freedom as null: JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
