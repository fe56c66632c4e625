"""Sitting the exam: every metric under every law that asks something of it, by repeated draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import UsageError, unknown
from harness.benchmark import registry
from harness.metrics import METRICS, NOVELTY, MetricFacts, own_facts, value_of
from harness.studies.exam.laws import LAWS, Answer, Law, draws, posterior_logits
from harness.studies.exam.result import Card, Check, Exam
from harness.uncertainty import MetricCall

SURE = 0.95  # of pairs of repeats, one damaged and one not, in the right order: then the damage is seen
LEAST_STEP = 0.05  # of the whole change: smaller steps the wrong way are no fault
TOLERANCE = 0.1  # of the metric's least change under a full fault that it sees: smaller changes count as none
HELD_OUT = 1_000_000  # added to a repeat: the draw that was not trained on
SIZES = (0.125, 0.25, 0.5, 1.0)  # shares of n at which half the damage is looked for


@dataclass(frozen=True)
class Candidate:
    """A metric that sits the exam: its facts, how it is called, and which values are better (1: lower, -1: higher)."""

    facts: MetricFacts
    call: MetricCall
    worse_is: int

    @classmethod
    def of(cls, facts: MetricFacts, *, better: str | None = None, n: int, function: Any = None) -> Candidate:
        """The metric with its defaults, subsets made to fit n rows. Raises UsageError where a direction is missing."""
        direction = better or facts.better
        if direction not in ("lower", "higher"):
            raise UsageError(f"metric '{facts.name}' has no direction; give --better")
        parameters: dict[str, Any] = {}
        fields = getattr(facts.parameters, "model_fields", {})
        if "subset_size" in fields:
            parameters = {"subset_size": max(2, n // 16), "subsets": 20}
        return cls(facts, MetricCall(facts.name, parameters, function), 1 if direction == "lower" else -1)

    def value(self, law: Law, *, seed: int, repeat: int, n: int, level: float) -> float:
        """The value on one pair of sets of the law, which it is given as logits where it reads logits.

        Where it reads training rows, the law's real set is what was trained on, and another draw of it is held out.
        """
        real, fake = draws(law, seed=seed, repeat=repeat, n=n, level=level)
        if reads_logits(self.facts):
            real, fake = posterior_logits(real), posterior_logits(fake)
        if not self.facts.trains:
            return value_of(self.call, real.astype(np.float32), fake.astype(np.float32))
        held_out, _ = draws(law, seed=seed, repeat=repeat + HELD_OUT, n=n, level=level)
        sets = (rows.astype(np.float32) for rows in (held_out, fake))
        return value_of(self.call, *sets, training=real.astype(np.float32))

    def answer(self, law: Law) -> Answer | None:
        """What it must do under the law; one that reads training rows also what is asked of novelty alone."""
        return law.answers.get(self.facts.axis) or (law.answers.get(NOVELTY) if self.facts.trains else None)


def candidates(
    named: Sequence[str], *, n: int, better: str | None = None, axis: str | None = None, folder: Path = Path()
) -> list[Candidate]:
    """The built-in metrics of these names, and functions of one's own (module:name, looked for from `folder`).

    Without names all built-in ones. `better` and `axis` are those of one's own, whose facts are not known. Raises
    UsageError for a name that is neither, or where a direction is missing.
    """
    rows = {row.name: row for row in METRICS}
    found = []
    for name in named or rows:
        if name in rows:
            found.append(Candidate.of(rows[name], n=n))
        elif ":" in name:
            facts = own_facts(name, **({} if axis is None else {"axis": axis}))
            function = registry.make("metrics", name, {}, folder)
            found.append(Candidate.of(facts, better=better, n=n, function=function))
        else:
            raise UsageError(unknown("metric", name, rows))
    return found


def laws_named(names: Sequence[str]) -> tuple[Law, ...]:
    """The laws of these names, all without any. Raises UsageError for another name."""
    known = {law.name: law for law in LAWS}
    for name in names:
        if name not in known:
            raise UsageError(unknown("law", name, known))
    return tuple(known[name] for name in names) or LAWS


def reads_logits(facts: MetricFacts) -> bool:
    """Whether the metric takes class logits and nothing else."""
    return any("logits" in layer for layer in facts.reads)


def sit(
    candidates: Sequence[Candidate],
    *,
    n: int = 400,
    repeats: int = 8,
    seed: int = 0,
    laws: Sequence[Law] = LAWS,
    cost: tuple[int, int] | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> Exam:
    """A card for each candidate; `cost` is (rows, columns) at which its time is taken, `said` hears of each.

    Raises UsageError for n below 100 or fewer than 4 repeats: less cannot tell noise from a fault.
    """
    if n < 100 or repeats < 4:
        raise UsageError(
            "the exam needs at least 100 rows per side and 4 repeats; fewer cannot separate faults from noise"
        )
    cards = []
    for candidate in candidates:
        said(candidate.facts.name)
        cards.append(_card(candidate, n=n, repeats=repeats, seed=seed, laws=laws, cost=cost))
    return Exam(tuple(cards), n, repeats, seed)


def _card(
    candidate: Candidate, *, n: int, repeats: int, seed: int, laws: Sequence[Law], cost: tuple[int, int] | None
) -> Card:
    facts = candidate.facts
    if facts.reads and not reads_logits(facts):
        why = f"it reads features of layer {' or '.join(facts.reads)} alone, which no law here has"
        return Card(
            facts.name,
            facts.label,
            facts.axis,
            "lower" if candidate.worse_is > 0 else "higher",
            {},
            (),
            {},
            refused=why,
        )
    asked: list[tuple[Law, Answer]] = []
    unasked: dict[str, str] = {}
    for law in laws:
        answer = candidate.answer(law)
        if answer is None:
            unasked[law.name] = f"nothing is asked of a metric of {facts.axis}"
        elif reads_logits(facts) and not law.modes:
            unasked[law.name] = "it reads logits, and here no classes are known"
        elif law.name in facts.blind:
            unasked[law.name] = "it cannot see this, as its description says"
        else:
            asked.append((law, answer))
    tables: dict[str, tuple[tuple[float, ...], ...]] = {}
    refused: dict[str, str] = {}
    for law, _ in asked:
        try:
            tables[law.name] = tuple(
                tuple(candidate.value(law, seed=seed, repeat=r, n=n, level=level) for r in range(repeats))
                for level in law.levels
            )
        except UsageError as problem:
            refused[law.name] = "; ".join(problem.problems)
    scale = _Scale.of(
        [(law, tables[law.name]) for law, answer in asked if law.name in tables and answer == "worse"],
        candidate.worse_is,
    )
    checks = []
    for law, answer in asked:
        if law.name in refused:
            checks.append(Check(law.name, law.what, answer, law.levels, (), False, f"refused: {refused[law.name]}"))
            continue
        table = tables[law.name]
        if law.modes and (why := scale.lost(table)):
            checks.append(Check(law.name, law.what, answer, law.levels, table, False, why))
        elif answer == "worse":
            passed, why = _worsens(table, candidate.worse_is)
            checks.append(
                Check(
                    law.name,
                    law.what,
                    answer,
                    law.levels,
                    table,
                    passed,
                    why,
                    _seen_from(candidate, law, n=n, repeats=repeats, seed=seed) if passed else None,
                    _bend(law.levels, table),
                )
            )
        else:
            passed, why = _stays(table, scale.least, candidate.worse_is)
            checks.append(Check(law.name, law.what, answer, law.levels, table, passed, why))
    seconds = None if cost is None else _seconds(candidate, *cost)
    return Card(
        facts.name,
        facts.label or facts.name,
        facts.axis,
        "lower" if candidate.worse_is > 0 else "higher",
        dict(candidate.call.parameters),
        tuple(checks),
        unasked,
        seconds,
        *(cost or (0, 0)),
    )


@dataclass(frozen=True)
class _Scale:
    """How far a metric moves under the faults of the mixture that it must see and does.

    `least` is its least change under a full one; `sound` its value with nothing wrong, `spoilt` its worst.
    """

    least: float
    sound: float
    spoilt: float
    worse_is: int

    @classmethod
    def of(cls, tables: Sequence[tuple[Law, Sequence[Sequence[float]]]], worse_is: int) -> _Scale:
        seen = [table for law, table in tables if law.modes and _worsens(table, worse_is)[0]]
        if not seen:
            return cls(0.0, np.nan, np.nan, worse_is)
        least = min(abs(_mean(table[-1]) - _mean(table[0])) for table in seen)
        sound = float(np.median([_mean(table[0]) for table in seen]))
        spoilt = worse_is * max(worse_is * _mean(table[-1]) for table in seen)
        return cls(least, sound, spoilt, worse_is)

    def lost(self, table: Sequence[Sequence[float]]) -> str:
        """Why a table says nothing: with nothing wrong the value is nearer the metric's worst than its best."""
        value = _mean(table[0])
        if self.worse_is * (value - (self.sound + self.spoilt) / 2) > 0:
            return f"reads {value:.3g} where nothing is wrong: as bad as its worst"
        return ""


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _ordered(better: Sequence[float], worse: Sequence[float], worse_is: int) -> float:
    """The share of pairs of values, one of each, of which the damaged one is the worse; ties count half."""
    gaps = worse_is * (np.asarray(worse)[:, None] - np.asarray(better)[None])
    return float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))


def _worsens(table: Sequence[Sequence[float]], worse_is: int) -> tuple[bool, str]:
    """Whether the full damage is seen, and no step of it is taken for an improvement."""
    share = _ordered(table[0], table[-1], worse_is)
    if share <= 1.0 - SURE:
        return False, f"moves the wrong way: {_change(table)}"
    if share < SURE:
        return False, f"does not see it: {_change(table)}"
    whole = abs(_mean(table[-1]) - _mean(table[0]))
    for before, after in pairwise(table):
        back = -worse_is * (_mean(after) - _mean(before))
        noise = 2.0 * np.sqrt((np.var(before, ddof=1) + np.var(after, ddof=1)) / len(before))
        if back > max(noise, LEAST_STEP * whole):
            return False, f"is not monotone: {', '.join(f'{_mean(row):.3g}' for row in table)}"
    return True, ""


def _stays(table: Sequence[Sequence[float]], yardstick: float, worse_is: int) -> tuple[bool, str]:
    """Whether no level moves the value by more than the tolerance, noise allowed for."""
    for row in table[1:]:
        moved = abs(_mean(row) - _mean(table[0]))
        noise = 2.0 * np.sqrt((np.var(row, ddof=1) + np.var(table[0], ddof=1)) / len(row))
        if moved - noise > TOLERANCE * yardstick:
            rises = worse_is * (_mean(row) - _mean(table[0])) > 0
            share = f"{moved / yardstick:.0%} of its least fault" if yardstick else "where it should not move at all"
            return False, f"reads {'worse' if rises else 'better'} by {share}: {_change(table)}"
    return True, ""


def _change(table: Sequence[Sequence[float]]) -> str:
    return f"{_mean(table[0]):.3g} → {_mean(table[-1]):.3g}"


def _bend(levels: Sequence[float], table: Sequence[Sequence[float]]) -> float | None:
    means = np.array([_mean(row) for row in table])
    whole = means[-1] - means[0]
    if len(levels) < 3 or not whole:
        return None
    straight = means[0] + whole * (np.asarray(levels) - levels[0]) / (levels[-1] - levels[0])
    return float(np.max(np.abs(means - straight)) / abs(whole))


def _seen_from(candidate: Candidate, law: Law, *, n: int, repeats: int, seed: int) -> int | None:
    """The fewest rows a side, of the sizes tried, from which the middle level is told from none."""
    middle = law.levels[len(law.levels) // 2]
    for share in SIZES:
        rows = round(share * n)
        try:
            none, some = (
                [candidate.value(law, seed=seed, repeat=r, n=rows, level=level) for r in range(repeats)]
                for level in (law.levels[0], middle)
            )
        except UsageError:  # too few rows for the metric
            continue
        if _ordered(none, some, candidate.worse_is) >= SURE:
            return rows
    return None


def _seconds(candidate: Candidate, rows: int, columns: int) -> float:
    rng = np.random.default_rng(0)
    real, fake, training = (rng.standard_normal((rows, columns), dtype=np.float32) for _ in range(3))
    start = time.process_time()
    value_of(candidate.call, real, fake, training=training)
    return time.process_time() - start
