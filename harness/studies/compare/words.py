"""A comparison, and a plan, in the words of the terminal; the report has the same sentences."""

from __future__ import annotations

from harness.base import aligned, p_text, percent, to_noise
from harness.studies.compare.result import Answer, Compared, Planned, Question
from harness.uncertainty import Equivalence, counted

NEITHER = "not told apart"
FEW_SEEDS = 5  # a standard deviation from fewer may be 3.7 times too small (chi-squared, 95%)


def paired_note(*, by_name: bool) -> str:
    """What counts as a pair, and what that is worth."""
    how = "the two images of one file name count" if by_name else "image i of both counts"
    return f"paired: {how} as one draw, and sets that share nothing gain nothing by it"


def verdict(question: Question, winner: str | None, equal: Equivalence | None) -> str:
    """One metric's answer: who is better beyond noise, or equivalent, or that nothing is shown."""
    first, second = question.first, question.second
    if winner is not None:
        words = f"{winner} is better than {second if winner == first else first} beyond noise"
        return words + (
            f", by less than the margin of {equal.margin:g}" if equal is not None and equal.equivalent else ""
        )
    if equal is not None and equal.equivalent:
        return f"{first} and {second} are equivalent within ±{equal.margin:g}"
    return f"{first} and {second} cannot be told apart: this does not show that they are equal"


def text(found: Compared, *, details: bool = False) -> str:
    """What `harness compare` prints: the answer, a metric a row, how sure it is.

    `details` adds p of all metrics read together (Holm), effects, tests of equivalence and how each was tested.
    """
    answer, *sure = closing(found)
    lines = [answer, f"{about(found)}.", "", *_table(found)]
    if details:
        lines += [line for one in found.answers for line in _metric_lines(one)]
    lines += [f"\n{line}" for line in left_out(found)]
    return "\n".join([*lines, "", *sure])


def _table(found: Compared) -> list[str]:
    """A metric a row: the difference, its interval, p, and who is better."""
    several = len(found.answers) > 1
    rows = []
    for one in found.answers:
        value, low, high = to_noise(one.comparison.value, one.comparison.low, one.comparison.high, sign=True)
        p = [p_text(each).removeprefix("= ") for each in (one.comparison.p, one.p_holm)[: 1 + several]]
        rows.append((one.metric, value, f"[{low}, {high}]", *p, one.winner or better(one)))
    heads = ("metric", "difference", "interval", "p", *(["p (Holm)"] if several else []), "better")
    return aligned(rows, heads=heads, right=range(1, len(heads) - 1))


def left_out(found: Compared) -> list[str]:
    """A sentence for each metric that could not be compared."""
    return [f"{metric}: not compared, since it {why}." for metric, why in found.alone.items()]


def about(found: Compared) -> str:
    """What was subtracted, under what."""
    note = f" ({found.encoder_note})" if found.encoder_note else ""
    return (
        f"{found.question.first} minus {found.question.second} under {found.encoder}{note}, reference "
        f"{found.reference}, {percent(found.level)} intervals"
        f"{', paired image by image' if found.question.paired else ''}"
    )


def _metric_lines(one: Answer) -> list[str]:
    lines = [f"\n{one.metric}: {one.verdict}", f"  method     {one.comparison.method}"]
    if one.effect is not None:
        lines.append(f"  effect     {abs(one.effect.size):.2g} standard deviations {one.effect.of}")
    if one.equivalence is not None:
        lines.append(
            f"  equivalent within ±{one.equivalence.margin:g}? {'yes' if one.equivalent else 'not shown'}, "
            f"p {p_text(one.equivalence.p)}"
        )
    return lines


def closing(found: Compared) -> list[str]:
    """The answer in a sentence, then how sure it is and what would change it."""
    together = _together(found)
    answer = _summary(found) if together else f"{found.answers[0].metric}: {found.answers[0].verdict}."
    each = "each interval and p by itself holds" if together else "the interval holds"
    notes = "".join(f"; {note}" for note in found.notes)
    sure = f"How sure: {each} in {percent(found.level)} of cases{notes}. {together}".rstrip()
    trained = " or training seeds" if any("training seeds" in one.comparison.method for one in found.answers) else ""
    power = f"`harness power OUT {found.question.first} {found.question.second} --difference X` says how many"
    return [answer, sure, f"What would change it: more images{trained} ({power}); another encoder or metric."]


def _together(found: Compared) -> str:
    if len(found.answers) == 1:
        return ""
    start = f"All {len(found.answers)} metrics read together (Holm)"
    if found.different:
        return f"{start}: they differ in {', '.join(found.different)}."
    return f"{start}, none shows a difference: one alone may be chance."


def _summary(found: Compared) -> str:
    """Who is better in what, first where that stands among all metrics: `kde is better in recall, ddpm in density`."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for one in found.answers:
        groups.setdefault((one.metric in found.different, better(one)), []).append(one.metric)
    neither = groups.pop((False, NEITHER), [])
    # A p of just 1 - level may stand beside an interval that still reaches zero: then nobody is named.
    held = [f"{who} in {', '.join(metrics)}" for (sure, who), metrics in groups.items() if sure and who != NEITHER]
    loose = [f"{who} in {', '.join(metrics)}" for (sure, who), metrics in groups.items() if not sure]
    first, second, all_of_them = found.question.first, found.question.second, len(found.answers)
    said = [
        f"{'; '.join(held)}: beyond noise with all {all_of_them} metrics read together"
        if held
        else f"{first} and {second} are not told apart with all {all_of_them} metrics read together"
    ]
    if loose:
        said.append(f"with each metric by itself also {'; '.join(loose)}")
    if neither:
        said.append(f"{NEITHER} in {', '.join(neither)}")
    return f"{'. '.join(part[0].upper() + part[1:] if place else part for place, part in enumerate(said))}."


def better(one: Answer) -> str:
    """`kde is better`, where that is beyond noise."""
    if one.winner is not None:
        return f"{one.winner} is better"
    return f"equivalent within ±{one.equivalence.margin:g}" if one.equivalence and one.equivalent else NEITHER


def plan_text(found: Planned) -> str:
    """What `harness power` prints: the run that is needed, then its limits and what would change it."""
    plan = found.plan
    what = counted(plan.training_seeds, "training seed" if found.trained else "sampling seed")
    images = "images each" if plan.training_seeds > 1 else "images"
    lines = [
        f"{what} of {plan.images:,} {images} per generator: power {plan.power:.2f} to detect a difference of "
        f"{plan.difference:g} in {found.metric} between {found.first} and {found.second}.",
        "",
        *aligned(
            [
                ("standard error of the difference then", f"{plan.se:.2g}"),
                ("target power", f"{found.chance:g}"),
                ("confidence level", percent(plan.level)),
                ("encoder, reference", f"{found.encoder}, {found.reference}"),
            ]
        ),
        "",
    ]
    if not found.trained:
        given = ", so --training-seeds counts sampling seeds" if found.seeds_given else ""
        lines.append(f"note: neither generator is trained{given}")
    if plan.images != found.pilot_images and found.of_size:
        lines.append(
            f"note: {found.metric} depends on n. The run has {found.pilot_images:,} images per set; at "
            f"{plan.images:,} the difference itself may change."
        )
    if found.trained and found.pilot_seeds < FEW_SEEDS:
        seeds = counted(found.pilot_seeds, "training seed")
        lines.append(f"note: rough estimate: the run has only {seeds}")
    lines += [f"note: {limit}" for limit in plan.limits]
    other = "more training seeds (--training-seeds)" if found.seeds_given else "more images per set (--images)"
    return "\n".join([*lines, f"What would change it: a larger --difference, {other}, a lower --power."])
