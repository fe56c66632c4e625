"""Ordinal statements against a run: each agrees, disagrees, or is not decided by these data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.base import UsageError
from harness.pipeline import Leaderboard, Row, results
from harness.studies.families.statements import Family, Statements
from harness.uncertainty import FEWEST_SEEDS, SeedMember, difference, holm

Verdict = Literal["agrees", "disagrees", "not decided"]
VERDICTS: tuple[Verdict, ...] = ("agrees", "disagrees", "not decided")
# What stands for an adjective: a metric of the run, or a fact beside it.
MEASURES = {"quality": "precision", "diversity": "recall"}
FASTER = 1.5  # times as many images a second: less may be the machine's mood
BANDS = {"minimal": (-math.inf, 0.1), "moderate": (0.1, 0.5), "large": (0.5, math.inf)}


@dataclass(frozen=True)
class Judged:
    """A statement with its verdict and the evidence in words."""

    axis: str
    says: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Families:
    """All verdicts on a file of statements. `missing` are families without a scored generator in the run, `shown` the
    generators of the others. `controls` are no statements about families: what must come out whatever they do."""

    title: str
    source: str
    benchmark: str
    encoder: str
    level: float
    judged: tuple[Judged, ...]
    missing: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[Judged, ...] = ()

    def count(self, verdict: Verdict, axis: str | None = None) -> int:
        """How many statements have a verdict, of one axis or of all."""
        return sum(one.verdict == verdict and axis in (None, one.axis) for one in self.judged)

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return asdict(self)


def judge(statements: Statements, out: Path, *, level: float = 0.95) -> Families:
    """The verdicts of a finished run, under the encoder that ranks.

    Quality is precision, diversity recall, each difference tested and adjusted over all statements of its axis (Holm);
    stability is the spread of the ranking metric over training seeds relative to its mean (an F test, likewise); speed
    is images a second, where 1.5 times as many count as faster; steps compare the ranking metric with its interval.
    Controls: "higher" and "lower" need a significant difference, "same" and "not lower" agree where there is none.
    Raises UsageError where OUT is not a run, or none of the families is in it.
    """
    board = results.read_leaderboard(out)
    encoder, metrics = results.read(out)
    rows = {row.generator: row for row in board.of(encoder) if row.status == "ok"}
    present = {name: family for name, family in statements.families.items() if family.generator in rows}
    if not present:
        named = ", ".join(family.generator for family in statements.families.values())
        raise UsageError(f"{out}: no family is scored here ({named}); run benchmarks/families.yaml first")
    run = _Run(board, encoder, rows, metrics, results.read_costs(out), level)
    judged: list[Judged] = []
    for axis, scale in statements.scales.items():
        judged += run.axis(axis, _pairs(present, axis, scale))
    judged += run.likelihoods(present)
    judged += run.steps(statements)
    missing = tuple(name for name in statements.families if name not in present)
    shown = {name: family.generator for name, family in present.items()}
    controls = tuple(run.controls(statements))
    source = (statements.title, statements.source)
    return Families(*source, board.benchmark, encoder, level, tuple(judged), missing, shown, controls)


@dataclass(frozen=True)
class _Pair:
    """Two families of which the first is said to be better, and how that is said."""

    better: Family
    worse: Family
    says: str


def _pairs(families: Mapping[str, Family], axis: str, scale: Sequence[str]) -> list[_Pair]:
    found = []
    for (one, first), (two, second) in combinations(families.items(), 2):
        a, b = getattr(first, axis, None), getattr(second, axis, None)
        if a is None or b is None or a == b:
            continue
        if scale.index(a) < scale.index(b):
            one, two, first, second, a, b = two, one, second, first, b, a
        found.append(_Pair(first, second, f"{one} ({a}) over {two} ({b})"))
    return found


@dataclass(frozen=True)
class _Run:
    board: Leaderboard
    encoder: str
    rows: Mapping[str, Row]
    metrics: Mapping[str, Mapping[str, list[SeedMember]]]
    costs: Mapping[str, Mapping[str, Any]]
    level: float

    @property
    def by(self) -> str:
        return str(self.board.rank_by["metric"])

    def axis(self, axis: str, pairs: Sequence[_Pair]) -> list[Judged]:
        """The statements of one axis."""
        if axis == "speed":
            return [self._speed(pair) for pair in pairs]
        compare = self._stability if axis == "stability" else self._metric(MEASURES[axis])
        tested = [compare(pair) for pair in pairs]
        adjusted = iter(holm([p for _, p, _ in tested if p is not None]))
        judged = []
        for pair, (sign, p, evidence) in zip(pairs, tested, strict=True):
            verdict: Verdict = "not decided"
            if p is not None:
                p = next(adjusted)
                evidence = f"{evidence}; p (Holm) {_p(p)}"
                if p <= 1 - self.level:
                    verdict = "agrees" if sign > 0 else "disagrees"
            judged.append(Judged(axis, pair.says, verdict, evidence))
        return judged

    def _metric(self, metric: str) -> Callable[[_Pair], tuple[float, float | None, str]]:
        members = self.metrics.get(metric)
        if members is None:
            return lambda pair: (0.0, None, f"the run has no {metric}")

        def compare(pair: _Pair) -> tuple[float, float | None, str]:
            one, two = members[pair.better.generator], members[pair.worse.generator]
            try:
                gap = difference(one, two, level=self.level, reference=self.board.interval["reference"])
            except UsageError as no_interval:
                return 0.0, None, str(no_interval)
            values = [self.rows[f.generator].metrics[metric].value for f in (pair.better, pair.worse)]
            return gap.value, gap.p, f"{metric} {values[0]:.3f} and {values[1]:.3f}"

        return compare

    def _stability(self, pair: _Pair) -> tuple[float, float | None, str]:
        """Positive where the better one's value varies less over training seeds, relative to its mean."""
        from scipy.special import fdtrc

        told = []
        for family in (pair.better, pair.worse):
            values = _seed_values(self.metrics[self.by][family.generator])
            if len(values) < FEWEST_SEEDS or np.mean(values) <= 0:
                return 0.0, None, f"{family.generator} has {len(values)} training seeds"
            told.append((float(np.std(values, ddof=1) / np.mean(values)), len(values) - 1))
        (one, first), (two, second) = told
        evidence = f"sd of {self.by} over training seeds {one:.1%} and {two:.1%} of its mean"
        if one == 0 or two == 0:
            return 0.0, None, evidence
        above = float(fdtrc(second, first, (two / one) ** 2))
        return two - one, min(1.0, 2 * min(above, 1 - above)), evidence

    def _speed(self, pair: _Pair) -> Judged:
        paces = [float(self.costs.get(f.generator, {}).get("images_per_second", 0)) for f in (pair.better, pair.worse)]
        if 0 in paces:
            return Judged("speed", pair.says, "not decided", "the run has no pace of one of them")
        ratio = paces[0] / paces[1]
        verdict: Verdict = "agrees" if ratio >= FASTER else "disagrees" if ratio <= 1 / FASTER else "not decided"
        return Judged("speed", pair.says, verdict, f"{paces[0]:.3g} and {paces[1]:.3g} images a second on this machine")

    def likelihoods(self, families: Mapping[str, Family]) -> list[Judged]:
        """Whether each family tells the likelihood that it is said to; a matter of construction, not of noise."""
        judged = []
        for name, family in families.items():
            if family.likelihood is None:
                continue
            told = self.rows[family.generator].observations.get("likelihood", {})
            kind = told.get("kind", "none")
            verdict: Verdict = "agrees" if kind == family.likelihood else "disagrees"
            value = f", {told['value']:.3f} bits/dim" if "value" in told else ""
            judged.append(Judged("likelihood", f"{name}: {family.likelihood}", verdict, f"{kind}{value}"))
        return judged

    def steps(self, statements: Statements) -> list[Judged]:
        """What is said of samplers, by the ranking metric relative to the cell that each is held against."""
        members = self.metrics[self.by]
        judged = []
        for one in statements.steps:
            lost = [name for name in (one.cell, one.against) if name not in self.rows]
            if lost:
                judged.append(Judged("steps", one.says, "not decided", f"not in this run: {', '.join(lost)}"))
                continue
            own = self.board.interval["reference"]
            try:
                gap = difference(members[one.cell], members[one.against], level=self.level, reference=own)
            except UsageError as no_interval:
                judged.append(Judged("steps", one.says, "not decided", str(no_interval)))
                continue
            whole = self.rows[one.against].metrics[self.by].value
            value, low, high = (part / whole for part in (gap.value, gap.low, gap.high))
            least, most = BANDS[one.drop]
            inside = least < low and high <= most
            verdict: Verdict = "agrees" if inside else "disagrees" if high <= least or low > most else "not decided"
            evidence = f"{self.by} {value:+.0%} [{low:+.0%}, {high:+.0%}] of {one.against}'s {whole:.3g}"
            judged.append(Judged("steps", one.says, verdict, f"{evidence}; {one.drop} is {_band(least, most)}"))
        return judged

    def controls(self, statements: Statements) -> list[Judged]:
        """What must come out of the controls, by the difference of two cells each; adjusted over all (Holm)."""
        there = [one for one in statements.controls if {one.cell, one.against} <= set(self.metrics.get(one.metric, {}))]
        judge_of = {one.metric: self._metric(one.metric) for one in there}
        tested = []
        for one in there:
            cell, against = Family(generator=one.cell), Family(generator=one.against)
            tested.append(judge_of[one.metric](_Pair(cell, against, one.says)))
        adjusted = iter(holm([p for _, p, _ in tested if p is not None]))
        judged = []
        for one, (gap, p, evidence) in zip(there, tested, strict=True):
            verdict: Verdict = "not decided"
            if p is not None:
                p = next(adjusted)
                evidence = f"{evidence}; p (Holm) {_p(p)}"
                apart = "same" if p > 1 - self.level else "higher" if gap > 0 else "lower"
                known = apart == one.is_ or (one.is_ == "not lower" and apart != "lower")
                verdict = "agrees" if known else "not decided" if apart == "same" else "disagrees"
            judged.append(Judged("controls", one.says, verdict, evidence))
        return judged


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _band(low: float, high: float) -> str:
    if low == -math.inf:
        return f"up to {high:+.0%}"
    return f"{low:+.0%} to {high:+.0%}" if high < math.inf else f"beyond {low:+.0%}"


def _seed_values(members: Sequence[SeedMember]) -> list[float]:
    seeds = dict.fromkeys(m.training_seed for m in members if m.training_seed is not None)
    return [float(np.mean([m.analysis.value for m in members if m.training_seed == seed])) for seed in seeds]
