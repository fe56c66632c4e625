"""A leaderboard as tables for other programs: CSV, data frames, a flat JSON object, Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.base import as_csv, as_markdown
from harness.pipeline.rows import checkpoints

if TYPE_CHECKING:
    import pandas as pd

    from harness.pipeline.leaderboard import Leaderboard

# Of a metric's columns in CSV: the first has the metric's own name; `ci_lo` to `ci_hi` is at the column `level`.
CSV_SUFFIXES = ("", ".se", ".ci_lo", ".ci_hi", ".target", ".method", ".conservative")


def csv_text(board: Leaderboard) -> str:
    """One line a row: of every metric the value, its standard error and interval, and what these are about."""
    return as_csv([_heads(board), *_lines(board)])


def metrics_text(board: Leaderboard) -> str:
    """A flat JSON object of numbers, `encoder/generator/metric`, for programs that compare two runs, such as DVC.

    The ends of an interval are `<metric>.ci_lo` and `.ci_hi`. Generators come by name, not by rank, so that two
    runs differ only where a number does; one that failed has none.
    """
    found: dict[str, float | int] = {}
    for encoder in board.encoders:
        for row in sorted(board.of(encoder), key=lambda row: row.generator):
            place = f"{encoder}/{row.generator}"
            found |= {f"{place}/rank": row.rank} if row.rank is not None else {}
            for column in board.columns:
                if (e := row.metrics.get(column.metric)) is not None:
                    ends = {".ci_lo": e.low, ".ci_hi": e.high}
                    found[f"{place}/{column.metric}"] = e.value
                    found |= {f"{place}/{column.metric}{end}": x for end, x in ends.items() if x is not None}
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def data_frame(board: Leaderboard) -> pd.DataFrame:
    """The rows as a data frame with the columns of leaderboard.csv; a failed generator has no numbers."""
    import pandas as pd

    frame = pd.DataFrame(_lines(board), columns=_heads(board))
    numbers = [f"{c.metric}{suffix}" for c in board.columns for suffix in ("", ".se", ".ci_lo", ".ci_hi")]
    frame[numbers] = frame[numbers].apply(pd.to_numeric)
    return frame.astype(dict.fromkeys(("rank", "rank_low", "rank_high"), "Int64"))


def markdown_text(board: Leaderboard) -> str:
    """The tables as they print, with the notes that say how to read them."""
    lines = [f"# {board.benchmark}", ""]
    for encoder in board.encoders:
        header = board.header(encoder)
        lines += [f"## {board.title(encoder)}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        for row in board.of(encoder):
            lines.append("| " + " | ".join(map(as_markdown, board.cells(row))) + " |")
        lines.append("")
    lines += [f"- {as_markdown(note)}" for note in board.notes]
    return "\n".join(lines) + "\n"


def _heads(board: Leaderboard) -> list[str]:
    return (
        ["encoder", "rank", "rank_low", "rank_high", "generator", "status"]
        + [f"{c.metric}{suffix}" for c in board.columns for suffix in CSV_SUFFIXES]
        + ["training_seeds", "sampling_seeds", "n_real", "n_fake", "tied_with", "flags", "encoder_note", "reason"]
        + ["level", "reference", "control"]
    )


def _lines(board: Leaderboard) -> list[list[object]]:
    lines: list[list[object]] = []
    for row in board.rows:
        numbers: list[object] = []
        for column in board.columns:
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
                board.encoder_notes[row.encoder],
                row.reason or "",
                board.interval["level"],
                board.interval["reference"],
                str(row.control).lower(),
            ]
        )
    return lines
