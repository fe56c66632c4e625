"""What a report is made of: a run's folder, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.base import Record, UsageError
from harness.benchmark import TABLE
from harness.pipeline import Column, Leaderboard, Row, lockfile, results
from harness.report.finding import Finding, read_findings

NEEDED = ("records.jsonl", "leaderboard.json", "benchmark.lock.yaml")
CONTROLS = {entry.name for entry in TABLE if entry.control}
PICTURED = {False: 30, True: 10}  # contestants and controls that a figure has room for; tables have them all
UNSEEN = "holdout"  # the built-in control of held-out real images


@dataclass(frozen=True)
class RunFiles:
    """Everything that a report shows, and nothing that differs between two runs of the same key."""

    out: Path
    board: Leaderboard
    records: tuple[Record, ...]
    lock: Mapping[str, Any]
    lock_text: str
    findings: Mapping[str, Finding]
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The encoder that ranks."""
        return str(self.board.rank_by["encoder"])

    @property
    def by(self) -> Column:
        """The metric that ranks."""
        return next(column for column in self.board.columns if column.metric == self.board.rank_by["metric"])

    def scored(self, encoder: str) -> list[Row]:
        """The rows with numbers, best first; those without a rank last."""
        return [row for row in self.board.of(encoder) if row.status == "ok"]

    def ranked(self, encoder: str) -> list[Row]:
        """The rows with a rank, best first."""
        return [row for row in self.scored(encoder) if row.rank is not None]

    def use(self, generator: str) -> str:
        """The component behind a generator's name."""
        declared = self.lock["benchmark"].get("generators", {}).get(generator, {})
        return str(declared.get("use", generator))

    def pictured(self, encoder: str) -> list[Row]:
        """The rows with numbers that a figure shows: the best contestants, then the first controls."""
        rows = self.scored(encoder)
        return [r for kind in (False, True) for r in [row for row in rows if row.control is kind][: PICTURED[kind]]]

    def parameters(self, metric: str) -> Mapping[str, Any]:
        """The parameters that a metric was computed with."""
        return next((record.parameters for record in self.records if record.metric == metric), {})

    def prd_curves(self, encoder: str) -> dict[str, list[tuple[float, float]]]:
        """(recall, precision) along the curve of each generator, best first, averaged over its image sets.

        Empty where the run has no metric that is read off one.
        """
        columns = [column.metric for column in self.board.columns_of(encoder)]
        if not any(self.uses(metric).startswith("prd_") for metric in columns):
            return {}
        import numpy as np

        _, found = results.read(self.out, encoder)
        curves = {
            generator: [member.analysis.curve for member in members if member.analysis.curve is not None]
            for groups in found.values()
            for generator, members in groups.items()
            if members[0].analysis.curve is not None
        }
        shown = [row.generator for row in self.pictured(encoder) if row.generator in curves]
        # Every tenth point: a picture has no room for a thousand.
        means = {name: np.mean(curves[name], axis=0)[:, ::10] for name in shown}
        return {name: [(float(r), float(p)) for r, p in mean.T] for name, mean in means.items()}

    def uses(self, metric: str) -> str:
        """The component behind a metric's name."""
        declared = self.lock["benchmark"].get("metrics", {}).get(metric) or {}
        return str(declared.get("use", metric)) if isinstance(declared, Mapping) else metric

    def cells(self, encoder: str, metric: str) -> list[Record]:
        """Records of the single image sets that have a value, for the reading of the reference that is shown."""
        return [
            r
            for r in self.records
            if r.level == "cell"
            and r.cell.encoder == encoder
            and r.metric == metric
            and r.estimate is not None
            and r.estimate.reference == self.board.interval["reference"]
        ]


def read_run(out: Path) -> RunFiles:
    """The run in a folder that `harness run` wrote. Raises UsageError where there is none."""
    if missing := [name for name in NEEDED if not (out / name).is_file()]:
        raise UsageError(f"{out}: no {' and no '.join(missing)} here; give the folder that `harness run` wrote")
    lock = lockfile.read_lock(out)
    if lock is None:
        raise UsageError(f"{out / lockfile.LOCK} cannot be read as YAML; rewrite it with `harness rank`")
    return RunFiles(
        out=out,
        board=_with_controls(results.read_leaderboard(out), lock),
        records=tuple(results.records(out)),
        lock=lock,
        lock_text=(out / lockfile.LOCK).read_text(encoding="utf-8"),
        findings=read_findings(out),
        costs=results.read_costs(out),
    )


def _with_controls(board: Leaderboard, lock: Mapping[str, Any]) -> Leaderboard:
    """The board with its controls marked, by the lock where a folder was written before rows said so themselves."""
    declared = lock["benchmark"].get("generators", {})
    known = {name for name, entry in declared.items() if entry.get("use", name) in CONTROLS}
    if any(row.control for row in board.rows) or not known or len(known) == len(declared):
        return board
    rows = (replace(row, control=row.generator in known and not row.training_seeds) for row in board.rows)
    return replace(board, rows=tuple(rows))
