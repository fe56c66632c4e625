"""What a comparison of two generators found, and what a plan of the next run says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.base import Reference
from harness.uncertainty import Comparison, Equivalence, NextRun


@dataclass(frozen=True)
class Question:
    """Is `first` different from `second`? In one metric, or in all of the run where none is named.

    `margin` (needs a metric, in its units) asks for equivalence too. `reference` is what the reference counts as, None
    for what the run declares. `paired`: image i of both belongs together, seed by seed.
    """

    first: str
    second: str
    metric: str | None = None
    margin: float | None = None
    reference: Reference | None = None
    paired: bool = False


@dataclass(frozen=True)
class Effect:
    """A difference in standard deviations (first minus second, no unit), and of what these are, in words."""

    size: float
    of: str


@dataclass(frozen=True)
class Answer:
    """One metric's difference, first minus second; `winner` is who is better beyond noise by this metric alone.

    `p_holm` counts all metrics of the comparison.
    """

    metric: str
    lower_is_better: bool
    verdict: str
    comparison: Comparison
    effect: Effect | None
    equivalence: Equivalence | None
    winner: str | None = None
    p_holm: float = 1.0

    @property
    def equivalent(self) -> bool:
        """Whether the difference is shown to be smaller than the margin."""
        return self.equivalence is not None and self.equivalence.equivalent


@dataclass(frozen=True)
class Compared:
    """The answers to a question, a metric each, under one encoder of a run; `reference` is what it counted as.

    `alone` says of metrics that are left out why: no interval on one side, or no way to pair images.
    """

    question: Question
    encoder: str
    encoder_note: str
    level: float
    reference: Reference
    answers: tuple[Answer, ...]
    notes: tuple[str, ...] = ()
    alone: Mapping[str, str] = field(default_factory=dict)

    @property
    def different(self) -> list[str]:
        """The metrics that differ with all of them read together (Holm)."""
        return [answer.metric for answer in self.answers if answer.p_holm <= 1 - self.level]

    def to_json(self) -> list[dict[str, Any]]:
        """One object a metric; infinite degrees of freedom are left for the writer to spell."""
        return [
            {
                "metric": answer.metric,
                "encoder": self.encoder,
                "encoder_note": self.encoder_note,
                "first": self.question.first,
                "second": self.question.second,
                "verdict": answer.verdict,
                "effect": None if answer.effect is None else asdict(answer.effect),
                "comparison": asdict(answer.comparison),
                "equivalence": None if answer.equivalence is None else asdict(answer.equivalence),
                "p_holm": answer.p_holm,
            }
            for answer in self.answers
        ]


@dataclass(frozen=True)
class Planned:
    """What the next run should be to see a difference between two generators of a finished one.

    `encoder` is its label. `trained` says that either generator is trained, `seeds_given` that training seeds were
    given and images planned. `pilot_images` and `pilot_seeds` are the least that the run has of each; `of_size` says
    that the metric at another number of images is another quantity.
    """

    first: str
    second: str
    metric: str
    encoder: str
    chance: float
    reference: Reference
    plan: NextRun
    trained: bool
    seeds_given: bool
    pilot_images: int
    pilot_seeds: int
    of_size: bool

    def to_json(self) -> dict[str, Any]:
        """The plan and what it rests on."""
        return asdict(self)
