"""Ranked rows and their spellings: JSON, CSV, Markdown. Pure: records and rank sets in, text out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from harness.base import Estimate, as_csv, as_markdown

if TYPE_CHECKING:
    import pandas as pd

# Which way is better, and the sign that shows it.
ARROWS = {True: "↓", False: "↑"}
# Of a metric's columns in CSV: the first has the metric's own name; `ci_lo` to `ci_hi` is at the column `level`.
CSV_SUFFIXES = ("", ".se", ".ci_lo", ".ci_hi", ".target", ".method", ".conservative")
# From this share of exact copies of reference images on, distances say nothing about what a generator makes itself.
COPIED_SET = 0.1
LOPSIDED = 0.3  # of half the interval, between its middle and the value: from there on ± would mislead
HUGE = 1e7  # values from which on the table counts in powers of ten


@dataclass(frozen=True, slots=True)
class Column:
    """A metric as the leaderboard shows it."""

    metric: str
    label: str
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One generator under one encoder, over all its training and sampling seeds.

    `rank` counts from 1 by value. It is None for a control, for a generator that failed or that copies the reference,
    and under an encoder without the metric that ranks. The true rank lies in [`rank_low`, `rank_high`] simultaneously
    for all ranked generators of the encoder, at the leaderboard's level. `tied_with` names those, controls included,
    whose difference from this one is not resolved.
    """

    encoder: str
    generator: str
    status: str
    reason: str | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    tied_with: tuple[str, ...]
    training_seeds: tuple[int, ...]
    sampling_seeds: tuple[int, ...]
    n_real: int
    n_fake: int
    metrics: Mapping[str, Estimate]
    flags: tuple[str, ...]
    observations: Mapping[str, Any] = field(default_factory=dict)
    control: bool = False

    @property
    def copies_reference(self) -> bool:
        """Whether it gives back so much of the reference that its distances mean nothing: it has values and no rank."""
        return copies_reference(self.observations)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Pairs of generators whose order two metrics turn round, each beyond noise: `first` prefers the first of a pair,
    `second` the other one."""

    encoder: str
    first: str
    second: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best cell of a sweep by a metric: the value that it was chosen by, and one corrected for having chosen it.

    Both with intervals at `level`. Of `folds` parts of the data, `over` seeds or images, `picked` choose that cell.
    """

    encoder: str
    entry: str
    metric: str
    cells: tuple[str, ...]
    best: str
    value: float
    low: float
    high: float
    corrected: float
    corrected_low: float
    corrected_high: float
    picked: int
    folds: int
    level: float
    over: str


@dataclass(frozen=True, slots=True)
class Sized:
    """The metric that ranks on the first `n` images of a generator's sets: as it is, and with its bias taken off."""

    encoder: str
    generator: str
    n: int
    value: float
    low: float
    high: float
    debiased: float | None
    debiased_low: float | None
    debiased_high: float | None


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All rows, the rank-by encoder's first; within each encoder by rank, then controls by value, then failures."""

    benchmark: str
    rank_by: Mapping[str, str]
    interval: Mapping[str, Any]
    columns: tuple[Column, ...]
    encoder_notes: Mapping[str, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    disagreements: tuple[Disagreement, ...] = ()
    choices: tuple[Chosen, ...] = ()
    sizes: tuple[Sized, ...] = ()

    @property
    def encoders(self) -> tuple[str, ...]:
        """The encoders in the order of their tables."""
        return tuple(self.encoder_notes)

    def of(self, encoder: str) -> tuple[Row, ...]:
        """The rows of one encoder."""
        return tuple(row for row in self.rows if row.encoder == encoder)

    def columns_of(self, encoder: str) -> tuple[Column, ...]:
        """The metrics that are computed under an encoder; all of them where every generator failed there."""
        had = {metric for row in self.of(encoder) for metric in row.metrics}
        return tuple(column for column in self.columns if column.metric in had) if had else self.columns

    def is_ranked(self, encoder: str) -> bool:
        """Whether the metric that ranks is computed under an encoder."""
        return any(column.metric == self.rank_by["metric"] for column in self.columns_of(encoder))

    def to_json(self) -> str:
        """Everything the leaderboard says, for programs."""
        rows = [
            {
                "encoder": row.encoder,
                "encoder_note": self.encoder_notes[row.encoder],
                "rank": row.rank,
                "rank_low": row.rank_low,
                "rank_high": row.rank_high,
                "tied_with": list(row.tied_with),
                "generator": row.generator,
                "control": row.control,
                "status": row.status,
                "reason": row.reason,
                "training_seeds": list(row.training_seeds),
                "sampling_seeds": list(row.sampling_seeds),
                "n_real": row.n_real,
                "n_fake": row.n_fake,
                "metrics": {
                    name: {
                        "value": e.value,
                        "se": e.se,
                        "low": e.low,
                        "high": e.high,
                        "target": e.target,
                        "reference": e.reference,
                        "level": e.level,
                        "method": e.method,
                        "conservative": e.conservative,
                        "notes": list(e.notes),
                    }
                    for name, e in row.metrics.items()
                },
                "flags": list(row.flags),
                "observations": dict(row.observations),
            }
            for row in self.rows
        ]
        columns = [{"metric": c.metric, "label": c.label, "lower_is_better": c.lower_is_better} for c in self.columns]
        board = {
            "benchmark": self.benchmark,
            "rank_by": dict(self.rank_by),
            "interval": dict(self.interval),
            "columns": columns,
            "encoders": dict(self.encoder_notes),
            "rows": rows,
            "notes": list(self.notes),
            "disagreements": [asdict(one) for one in self.disagreements],
        }
        # Of sweeps only, so that the leaderboard of a benchmark without one stays as it is.
        sweeps = {"choices": [asdict(one) for one in self.choices], "sizes": [asdict(one) for one in self.sizes]}
        board |= {name: own for name, own in sweeps.items() if own}
        return json.dumps(board, indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Leaderboard:
        """The leaderboard that `to_json` wrote."""
        raw = json.loads(text)
        rows = []
        for row in raw["rows"]:
            estimates = {
                name: Estimate(**e | {"n_real": row["n_real"], "n_fake": row["n_fake"], "notes": tuple(e["notes"])})
                for name, e in row.pop("metrics").items()
            }
            del row["encoder_note"]
            row |= {n: tuple(row[n]) for n in ("tied_with", "flags", "training_seeds", "sampling_seeds")}
            rows.append(Row(**row, metrics=estimates))
        return cls(
            choices=tuple(Chosen(**{**one, "cells": tuple(one["cells"])}) for one in raw.get("choices", ())),
            sizes=tuple(Sized(**one) for one in raw.get("sizes", ())),
            benchmark=raw["benchmark"],
            rank_by=raw["rank_by"],
            interval=raw["interval"],
            columns=tuple(Column(**column) for column in raw["columns"]),
            encoder_notes=raw["encoders"],
            rows=tuple(rows),
            notes=tuple(raw["notes"]),
            disagreements=tuple(
                Disagreement(**{**one, "pairs": tuple((a, b) for a, b in one["pairs"])})
                for one in raw.get("disagreements", ())
            ),
        )

    def to_csv(self) -> str:
        """One line a row: of every metric the value, its standard error and interval, and what these are about."""
        return as_csv([self._heads(), *self._lines()])

    def to_metrics(self) -> str:
        """A flat JSON object of numbers, `encoder/generator/metric`, for programs that compare two runs, such as DVC.

        The ends of an interval are `<metric>.ci_lo` and `.ci_hi`. Generators come by name, not by rank, so that two
        runs differ only where a number does; one that failed has none.
        """
        found: dict[str, float | int] = {}
        for encoder in self.encoders:
            for row in sorted(self.of(encoder), key=lambda row: row.generator):
                place = f"{encoder}/{row.generator}"
                found |= {f"{place}/rank": row.rank} if row.rank is not None else {}
                for column in self.columns:
                    if (e := row.metrics.get(column.metric)) is not None:
                        ends = {".ci_lo": e.low, ".ci_hi": e.high}
                        found[f"{place}/{column.metric}"] = e.value
                        found |= {f"{place}/{column.metric}{end}": x for end, x in ends.items() if x is not None}
        return json.dumps(found, indent=1, allow_nan=False) + "\n"

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame with the columns of leaderboard.csv; a failed generator has no numbers.

        encoder, rank, rank_low, rank_high   the true rank lies in [rank_low, rank_high]
        generator, status, reason
        <metric>, <metric>.se, <metric>.ci_lo, <metric>.ci_hi   in the metric's units, the interval at `level`
        <metric>.target, <metric>.method, <metric>.conservative
        training_seeds, sampling_seeds       how many
        n_real, n_fake, tied_with, flags, encoder_note, level, reference, control
        """
        import pandas as pd

        frame = pd.DataFrame(self._lines(), columns=self._heads())
        numbers = [f"{c.metric}{suffix}" for c in self.columns for suffix in ("", ".se", ".ci_lo", ".ci_hi")]
        frame[numbers] = frame[numbers].apply(pd.to_numeric)
        return frame.astype(dict.fromkeys(("rank", "rank_low", "rank_high"), "Int64"))

    def _heads(self) -> list[str]:
        return (
            ["encoder", "rank", "rank_low", "rank_high", "generator", "status"]
            + [f"{c.metric}{suffix}" for c in self.columns for suffix in CSV_SUFFIXES]
            + ["training_seeds", "sampling_seeds", "n_real", "n_fake", "tied_with", "flags", "encoder_note", "reason"]
            + ["level", "reference", "control"]
        )

    def _lines(self) -> list[list[object]]:
        lines: list[list[object]] = []
        for row in self.rows:
            numbers: list[object] = []
            for column in self.columns:
                e = row.metrics.get(column.metric)
                about = [e.target, e.method, str(e.conservative).lower()] if e else []
                numbers += [e.value, e.se, e.low, e.high, *about] if e else [""] * len(CSV_SUFFIXES)
            lines.append(
                [
                    row.encoder,
                    row.rank,
                    row.rank_low,
                    row.rank_high,
                    row.generator,
                    row.status,
                    *numbers,
                    checkpoints(row),
                    len(row.sampling_seeds),
                    row.n_real,
                    row.n_fake,
                    " ".join(row.tied_with),
                    "; ".join(row.flags),
                    self.encoder_notes[row.encoder],
                    row.reason or "",
                    self.interval["level"],
                    self.interval["reference"],
                    str(row.control).lower(),
                ]
            )
        return lines

    def header(self, encoder: str) -> list[str]:
        """The titles of the `cells` of an encoder's rows."""
        shown = [f"{c.label} {ARROWS[c.lower_is_better]}" for c in self.columns_of(encoder)]
        return ["rank", "generator", *shown, "seeds", "look at"]

    def cells(self, row: Row) -> list[str]:
        """A row as a person reads it: rank with its set, value ± half of the interval, seeds as training × sampling."""
        columns = self.columns_of(row.encoder)
        if row.status != "ok":
            return ["–", row.generator, *["–"] * len(columns), "–", f"FAILED: {row.reason}"]
        values = [shown(row.metrics[c.metric]) if c.metric in row.metrics else "failed" for c in columns]
        return [rank_text(row), row.generator, *values, seeds_text(row), "; ".join(row.flags)]

    def title(self, encoder: str) -> str:
        """One line above an encoder's table."""
        note = self.encoder_notes[encoder]
        return f"encoder {encoder}" + (f" ({note})" if note else "")

    def to_markdown(self) -> str:
        """The tables as they print, with the notes that say how to read them."""
        lines = [f"# {self.benchmark}", ""]
        for encoder in self.encoders:
            header = self.header(encoder)
            lines += [f"## {self.title(encoder)}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
            for row in self.of(encoder):
                lines.append("| " + " | ".join(map(as_markdown, self.cells(row))) + " |")
            lines.append("")
        lines += [f"- {as_markdown(note)}" for note in self.notes]
        return "\n".join(lines) + "\n"


def copies_reference(observations: Mapping[str, Any]) -> bool:
    """Whether what was seen of a generator's images says that its distances to the reference mean nothing."""
    return bool(observations.get("reference_copies", 0) >= COPIED_SET)


def rank_text(row: Row) -> str:
    """ "2" if the rank is resolved, "2 (1-4)" if it may be any of several, "control", or "–" if there is none."""
    if row.rank is None:
        return "control" if row.control and row.status == "ok" else "–"
    if row.rank_low == row.rank_high == row.rank:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}-{row.rank_high})"


def seeds_text(row: Row) -> str:
    """Training × sampling seeds; a generator that is not trained shows its image sets only."""
    return f"{checkpoints(row)}×{len(row.sampling_seeds)}"


def checkpoints(row: Row) -> int:
    """Training seeds; 1 for a generator that is not trained, which is one and the same under every sampling seed."""
    return len(row.training_seeds) or 1


def shown(estimate: Estimate) -> str:
    """Value ± half the interval, to two significant digits of the half; low and high where the sides differ much."""
    low, high = estimate.ends
    if not estimate.has_interval:
        return f"{estimate.value:.4g} (no interval)"
    half = (high - low) / 2
    # Of numbers that nobody reads digit by digit, such as FLD of copies, as many as the half tells.
    huge = max(abs(estimate.value), half) >= HUGE
    kind = ".2e" if huge else f".{decimals(half)}f"
    value = f"{estimate.value:{kind}}"
    if abs(high + low - 2 * estimate.value) <= LOPSIDED * half or half == 0:
        return f"{value} ±{half:.1e}" if huge else f"{value} ±{half:{kind}}"
    return f"{value} [{low:{kind}}, {high:{kind}}]"


def decimals(width: float) -> int:
    """Decimals that show two significant digits of `width`, between 0 and 9."""
    if not width > 0:
        return 3
    digits = 1 - _exponent(width)
    return max(0, min(9, digits))


def _exponent(x: float) -> int:
    return int(f"{x:e}".split("e")[1])


def order(rows: Sequence[Row]) -> list[Row]:
    """Rows by rank, then those without one, then controls, the failed ones last; in the order given within each."""
    return sorted(rows, key=lambda row: (row.status != "ok", row.control, row.rank is None, row.rank or 0))
