"""What an export says beyond the run itself, and the sentences in which it carries an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.base import Estimate, percent
from harness.pipeline import Column, Row
from harness.report.run_files import RunFiles

TOOL = "generative-image-harness"


@dataclass(frozen=True)
class About:
    """What only the user knows: which generators and encoder, and how the outside calls data set, model and source.

    dataset   its id where the export goes, `org/name` on the Hub; the benchmark's own name without
    source    an address that shows the run
    """

    generators: tuple[str, ...] = ()
    encoder: str | None = None
    dataset: str | None = None
    source: str | None = None
    organisation: str = "not stated"


@dataclass(frozen=True)
class Score:
    """One number of one generator: its row, its column and the estimate."""

    row: Row
    column: Column
    estimate: Estimate

    @property
    def task(self) -> str:
        """Metric and encoder as one name."""
        return f"{self.column.metric}-{self.row.encoder}"


def scores(run: RunFiles, about: About) -> dict[str, list[Score]]:
    """The numbers of each generator that has some, in the leaderboard's order."""
    found: dict[str, list[Score]] = {}
    for row in run.board.rows:
        wanted = not about.generators or row.generator in about.generators
        if row.status == "ok" and wanted and about.encoder in (None, row.encoder):
            columns = [column for column in run.board.columns if column.metric in row.metrics]
            found.setdefault(row.generator, []).extend(Score(row, c, row.metrics[c.metric]) for c in columns)
    return found


def provenance(run: RunFiles) -> dict[str, Any]:
    """Version, commit and libraries of the first record; the same in all of a run."""
    return dict(run.records[0].provenance) if run.records else {}


def interval(estimate: Estimate) -> str:
    """The interval in words, or why there is none."""
    if not estimate.has_interval:
        return estimate.method
    low, high = estimate.ends
    return f"{percent(estimate.level)} CI [{low:.6g}, {high:.6g}]"


def note(run: RunFiles, one: Score) -> str:
    """What a reader must have beside the number where a form has no place for it."""
    estimate, encoder = one.estimate, one.row.encoder
    remarks = [
        interval(estimate) + (" (conservative)" if estimate.conservative else ""),
        f"{one.column.label}, {'lower' if one.column.lower_is_better else 'higher'} is better, under {encoder}",
        run.board.encoder_notes.get(encoder, ""),
        f"n_real = {estimate.n_real}, n_fake = {estimate.n_fake} ({estimate.target}), reference {estimate.reference}",
        f"preprocessing {_preprocessing(run, encoder)}",
        *one.row.flags,
        f"{TOOL} {provenance(run).get('harness', '')}, run key {run.lock['run_key']}",
    ]
    return "; ".join(remark for remark in remarks if remark)


def _preprocessing(run: RunFiles, encoder: str) -> str:
    return next((record.cell.preprocessing for record in run.records if record.cell.encoder == encoder), "not stated")
