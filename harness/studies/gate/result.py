"""What the gate found: its tests, and the generators that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.studies.gate.matching import Match


@dataclass(frozen=True)
class Regression:
    """One test: has a generator become worse in one metric?

    `p` is one-sided; `held` says that a change for the worse is shown, after Holm's correction over all the tests.
    `axis` is what the metric is about: fidelity, diversity, novelty, or the first two at once. `unseen` is how much
    worse it may be without being called so, were this the only change.
    """

    generator: str
    metric: str
    axis: str
    before: float
    after: float
    p: float
    unseen: float
    held: bool = False


@dataclass(frozen=True)
class Gated:
    """The tests of a run against its baseline, generators whose scores are the baseline's own, and those without any.

    `broken` were scored in the baseline, `fresh` were not in it, `failing` failed there as well: no change.
    `collapsed` have a metric without an interval where the baseline had one, which only too few distinct images do;
    `untested` had none there already. Both say the metric and why. `copying` give reference images back now, so that
    their distances fall and mean nothing, and gave something of their own in the baseline; `copied` did so there.
    `checkpoints` names the trained generators of one training seed: a change there may be the seed's. `others` are held
    against a generator that is declared otherwise or has another name. `encoder_note` is what a reader must know of the
    encoder, with its name; `of_these_sizes` says that values are those at these numbers of images, though the run ranks
    population values.
    """

    out: Path
    baseline: Path
    level: float
    tests: tuple[Regression, ...]
    unchanged: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)  # generator → why it failed
    fresh: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    collapsed: Mapping[str, str] = field(default_factory=dict)
    untested: Mapping[str, str] = field(default_factory=dict)
    checkpoints: tuple[str, ...] = ()
    others: tuple[Match, ...] = ()
    copying: Mapping[str, str] = field(default_factory=dict)  # generator → what is flagged
    copied: Mapping[str, str] = field(default_factory=dict)
    encoder_note: str = ""
    of_these_sizes: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing has become worse: no test held, nothing stopped, collapsed or copies, nothing new fails."""
        return not (
            any(test.held for test in self.tests) or self.broken or self.fresh or self.collapsed or self.copying
        )

    @property
    def exit_code(self) -> int:
        """0 where it passed, else 1; runs that cannot be compared never come this far."""
        return 0 if self.passed else 1

    def to_json(self) -> dict[str, Any]:
        """Every field, paths as text, and whether it passed."""
        return {**asdict(self), "out": str(self.out), "baseline": str(self.baseline), "passed": self.passed}
