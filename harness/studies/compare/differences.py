"""The difference of two generators in each metric, its effect size, equivalence, and all metrics read together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.base import UsageError
from harness.studies.compare.pairing import partners
from harness.studies.compare.result import Answer, Compared, Effect, Question
from harness.studies.compare.words import paired_note, verdict
from harness.studies.scored import Scored
from harness.uncertainty import (
    SeedMember,
    difference,
    equivalence,
    fake_variance,
    holm,
    means,
    why_no_interval,
    why_not_paired,
)


def compared(run: Scored, question: Question) -> Compared:
    """The answers to a question about two generators of a run, under the run's encoder.

    Metrics without an interval on either side, and those that do not pair where pairs are asked for, are left out and
    named. UsageError where that is all of them, and for generators without scores, an unknown metric, and images that
    do not pair.
    """
    run.check_two(question.first, question.second)
    reference = question.reference or run.reference
    alone: dict[str, str] = {}
    for name in run.asked(question.metric):
        if (reason := _why_left_out(run, question, name)) is not None:
            alone[name] = reason
    if not (tested := [name for name in run.asked(question.metric) if name not in alone]):
        raise UsageError([f"{name} {reason}, so nothing can be compared" for name, reason in alone.items()])
    answers = [_answer(run, question, name) for name in tested]
    adjusted = holm([answer.comparison.p for answer in answers])
    notes = dict.fromkeys(note for answer in answers for note in answer.comparison.notes)
    if question.paired:
        notes[paired_note(by_name=question.first in run.file_names)] = None
    return Compared(
        question,
        run.encoder,
        run.note,
        run.level,
        reference,
        tuple(replace(answer, p_holm=p) for answer, p in zip(answers, adjusted, strict=True)),
        tuple(notes),
        alone,
    )


def _why_left_out(run: Scored, question: Question, metric: str) -> str | None:
    """Why a metric cannot be compared, worded to follow its name; None where it can."""
    groups = [run.metrics[metric].get(generator) for generator in (question.first, question.second)]
    known = [members for members in groups if members is not None]
    if len(known) < 2:
        return "has no interval: it failed for one of the two"
    if (reason := why_no_interval(*known)) is not None:
        return f"has no interval for one of the two: {reason}"
    if question.paired and (reason := why_not_paired(*known)) is not None:
        return f"{reason}; without --paired it can be compared"
    return None


def _answer(run: Scored, question: Question, metric: str) -> Answer:
    one, two = (run.metrics[metric][generator] for generator in (question.first, question.second))
    found = difference(
        one,
        two,
        level=run.level,
        reference=question.reference or run.reference,
        target=run.targets.get(metric, "T_N"),
        paired=question.paired,
        partners=partners(run, question, one, two) if question.paired else None,
    )
    equal = None if question.margin is None else equivalence(found, margin=question.margin, level=run.level)
    lower = run.lower_is_better[metric]
    winner = None
    if found.low > 0 or found.high < 0:
        winner = question.first if (found.value < 0) == lower else question.second
    words = verdict(question, winner, equal)
    return Answer(metric, lower, words, found, effect(found.value, one, two), equal, winner)


def effect(value: float, one: Sequence[SeedMember], two: Sequence[SeedMember]) -> Effect | None:
    """The difference in standard deviations of a single value, both sides' variances averaged; None where they are 0.

    Over training seeds where both sides have several: how far apart are two methods, beside what a seed changes? Else
    over redrawn images, which says less: it grows with the number of images.
    """
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
