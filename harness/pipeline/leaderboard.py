"""The leaderboard: ranked rows under each encoder, with their notes; written and read as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.base import Estimate
from harness.pipeline.boardtables import csv_text, data_frame, markdown_text, metrics_text
from harness.pipeline.rows import Chosen, Column, Disagreement, Row, Sized
from harness.pipeline.rowtext import ARROWS, rank_text, seeds_text, shown

if TYPE_CHECKING:
    import pandas as pd

LEGEND = 3  # notes that every leaderboard begins with: ranks, intervals, seeds


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
    def remarks(self) -> tuple[str, ...]:
        """The notes without those that only say how to read a table, which come first."""
        return self.notes[LEGEND:]

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
        """The leaderboard that `to_json` wrote.

        Raises ValueError, KeyError, TypeError or AttributeError for any other text.
        """
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
        made = cls(
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
        _as_declared().validate_json(json.dumps(asdict(made), allow_nan=False), strict=True)
        return made

    def to_csv(self) -> str:
        """One line a row: of every metric the value, its standard error and interval, and what these are about."""
        return csv_text(self)

    def to_metrics(self) -> str:
        """A flat JSON object of numbers, `encoder/generator/metric`, for programs that compare runs, such as DVC."""
        return metrics_text(self)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame with the columns of leaderboard.csv; a failed generator has no numbers.

        encoder, rank, rank_low, rank_high   the true rank lies in [rank_low, rank_high]
        generator, status, reason
        <metric>, <metric>.se, <metric>.ci_lo, <metric>.ci_hi   in the metric's units, the interval at `level`
        <metric>.target, <metric>.method, <metric>.conservative
        training_seeds, sampling_seeds       how many
        n_real, n_fake, tied_with, flags, encoder_note, level, reference, control
        """
        return data_frame(self)

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
        return markdown_text(self)


@cache
def _as_declared() -> Any:
    """Whether values are of the kinds that a Leaderboard declares; what it makes of them is not used."""
    from pydantic import TypeAdapter  # which takes a while, and `--help` needs none of it

    return TypeAdapter(Leaderboard)
