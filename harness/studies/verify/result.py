"""What verifying found: each record beside what it should be, what is damaged, and what could not be computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.base import Estimate, Record

FROM_FILES = 1e-6  # standard errors: the same analyses give the same interval but for the last bits of a quantile
UNLIKE = 1e-9  # of the value, where there is no standard error
Where = Literal["images", "features", "scores"]


@dataclass(frozen=True)
class Drift:
    """One record beside the same number computed again.

    `by` is the largest difference of value, standard error, low and high, in the metric's units; `in_se` the same in
    standard errors of the record (of the value where it has none: relative). `begins` is the first thing that differs
    between the two: the generator's images, their features, or the scores; None where nothing does or none is known.
    `numerics` is the record's own component: by how much other batch sizes moved it, in standard errors.

    `of_value` is the difference of the value alone, which counts where images or features differ in any bit: random
    parts (`interval.replicates`) are drawn by the features' bytes, so that ends of intervals then move by their own
    Monte Carlo error.
    """

    record: str
    stored: float
    again: float
    se: float | None
    by: float
    tolerance: float
    begins: Where | None = None
    numerics: float | None = None
    of_value: float = 0.0

    @property
    def in_se(self) -> float:
        """The difference in standard errors; relative to the value where there is none."""
        unit = self.se or abs(self.stored)
        by = self.of_value if self.begins in ("images", "features") else self.by
        return by / unit if unit else (0.0 if by == 0 else float("inf"))

    @property
    def equal(self) -> bool:
        """The same bits."""
        return self.by == 0

    @property
    def drifted(self) -> bool:
        """Further than the tolerance; what has no standard error, at all."""
        return not self.in_se <= (self.tolerance if self.se else min(self.tolerance, UNLIKE))


@dataclass(frozen=True)
class Verified:
    """The numbers of OUT, or of a bundle made of one, held against what gives them.

    damaged     what is wrong with the files themselves, a sentence each
    files       every record against the analyses beside it: intervals computed again, no image needed
    again       records whose images, features and scores were computed again from the lock
    of          how many cells (an image set under an encoder) were computed again, of how many
    changed     what the lock pins and is not here: other images, other weights, a sentence each
    left        what could not be computed again, and why
    versions    what is of another version here than in the run
    unvouched   no receipt says what the files were
    """

    out: Path
    damaged: tuple[str, ...] = ()
    files: tuple[Drift, ...] = ()
    again: tuple[Drift, ...] = ()
    of: tuple[int, int] = (0, 0)
    changed: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    unvouched: bool = False
    tolerance: float = 0.0
    asked: bool = False  # whether anything was to be computed again

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """The records that differ beyond tolerance."""
        return tuple(one for one in (*self.files, *self.again) if one.drifted)

    @property
    def exit_code(self) -> int:
        """1 where a number or a file is not what it was, 2 where nothing could be computed again as asked, else 0."""
        if self.damaged or self.changed or self.drifted:
            return 1
        return 2 if self.asked and not self.again else 0

    def to_json(self) -> dict[str, Any]:
        """Every field, every record with its difference, and the answer."""
        told = {name: [self._told(one) for one in getattr(self, name)] for name in ("files", "again")}
        return {**asdict(self), **told, "out": str(self.out), "exit_code": self.exit_code}

    @staticmethod
    def _told(one: Drift) -> dict[str, Any]:
        return {**asdict(one), "in_se": one.in_se, "equal": one.equal, "drifted": one.drifted}


def called(record: Record) -> str:
    """A record in words: kde training seed 0 sampling seed 1, fd under pixels, reference random."""
    cell = record.cell
    seeds = [("training", cell.training_seed), ("sampling", cell.sampling_seed)]
    whose = " ".join([cell.generator, *(f"{name} seed {seed}" for name, seed in seeds if seed is not None)])
    whose += " (all seeds)" if record.level == "generator" else ""
    reference = f", reference {record.estimate.reference}" if record.estimate else ""
    return f"{whose}: {record.metric} under {cell.encoder}{reference}"


def compared(
    record: Record, again: Estimate, *, tolerance: float, begins: Where | None = None, numerics: float | None = None
) -> Drift:
    """A record with an estimate beside the same estimate computed again."""
    stored = record.estimate
    assert stored is not None
    by = 0.0
    for name in ("value", "se", "low", "high"):
        one, two = getattr(stored, name), getattr(again, name)
        if (one is None) != (two is None):
            by = float("inf")
        elif one is not None and not (one != one and two != two):  # NaN beside NaN
            gap = abs(one - two)
            by = max(by, gap if gap == gap else float("inf"))
    of_value = abs(stored.value - again.value) if by else 0.0
    of_value = of_value if of_value == of_value else float("inf")
    begins = begins if by else None
    return Drift(called(record), stored.value, again.value, stored.se, by, tolerance, begins, numerics, of_value)


def chosen(cells: Sequence[Any], k: int | None, seed: int) -> list[Any]:
    """`k` of the cells in their order, drawn without replacement by `seed`; all of them for None."""
    import numpy as np

    if k is None or k >= len(cells):
        return list(cells)
    return [cells[i] for i in sorted(np.random.default_rng(seed).choice(len(cells), size=k, replace=False))]
