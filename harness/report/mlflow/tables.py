"""What a person sees in MLflow: tables and descriptions, made from a run's leaderboard and Records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.base import Estimate, Record, decimals, percent
from harness.pipeline import Leaderboard, Row, rank_text, shown
from harness.report.mlflow.words import LONGEST_NOTE


def leaderboard_page(experiment_id: str, run_id: str) -> str:
    """The fragment of the URL that opens the leaderboard's table."""
    # Without the workflow MLflow opens its side for language models.
    return f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/leaderboard.json?workflowType=machine_learning"


def child_title(board: Leaderboard, row: Row) -> str:
    """The name of a generator's run. The parent's page lists these names first of all, so they carry rank and value."""
    by = next(column for column in board.columns if column.metric == board.rank_by["metric"])
    rank = rank_text(row) if row.status == "ok" else row.status
    value = f": {by.label} {shown(row.metrics[by.metric])}" if by.metric in row.metrics else ""
    return f"{rank} {row.generator}{value} · {row.encoder}"


def table(board: Leaderboard, encoder: str) -> dict[str, list[Any]]:
    """An encoder's leaderboard as columns; the first four, all that fit on a screen, are what a reader wants."""
    first = board.rank_by["metric"]
    rows = []
    for row in board.of(encoder):
        rank = (rank_text(row) if row.rank is None else row.rank) if row.status == "ok" else row.status
        told: dict[str, Any] = {"rank": rank, "generator": row.generator}
        for column in sorted(board.columns_of(encoder), key=lambda column: column.metric != first):
            name = f"{percent(board.interval['level']) if column.metric == first else column.label} interval"
            estimate = row.metrics.get(column.metric)
            told[column.label], told[name] = _value_and_interval(estimate) if estimate else ("", "")
        told["rank interval"] = rank_text(row) if row.status == "ok" else ""
        told["training × sampling seeds"] = f"{len(row.training_seeds) or 1} × {len(row.sampling_seeds)}"
        told["n_real"], told["n_fake"] = row.n_real, row.n_fake
        told["encoder"] = board.title(encoder).removeprefix("encoder ")
        told["look at"] = "; ".join([*([row.reason] if row.reason else []), *row.flags])
        rows.append(told)
    return columns(rows)


def description(board: Leaderboard, page: str, studies: Sequence[str] = (), *, answer: Sequence[str] = ()) -> str:
    """The answer and the leaderboard as markdown: the description of the run and of its experiment.

    MLflow folds an experiment's description to its first line, and lists it unrendered; so that line reads well raw.
    At most `LONGEST_NOTE` characters where the board's notes leave room: what does not fit is counted.
    """
    metric, encoder = board.rank_by["metric"], board.rank_by["encoder"]
    rows, head = board.of(encoder), board.header(encoder)
    opening = f"Leaderboard of {board.benchmark} by {metric} under {board.title(encoder).removeprefix('encoder ')}"
    lines = [f"{opening}: [open the table]({page})", "", *_paragraph(answer), _line(head), "|" + " --- |" * len(head)]
    notes = [
        *board.notes,
        "Artifacts: `leaderboards/` (other encoders), `seeds`, `plots/`, sample `grids/`, `studies/`, and the run's"
        " files in `run/`; the report is `run/report.html`. One child run per generator and encoder.",
    ]
    tail = [f"- {note}" for note in notes]

    def more_rows(count: int) -> str:
        return _line(["…", f"{count} more in the table", *[""] * (len(head) - 2)])

    def more_studies(count: int) -> str:
        return f"- … {count} more in the report"

    # Rows come first and studies share what those leave: many studies must not push the leaderboard out.
    spoken_for = [*lines, "", *([more_studies(len(studies))] if studies else []), *tail]
    lines += _fitting([_line(board.cells(row)) for row in rows], more_rows, _room(spoken_for))
    told = _fitting([f"- {study}" for study in studies], more_studies, _room([*lines, "", *tail]))
    return "\n".join([*lines, "", *told, *tail])


def _paragraph(sentences: Sequence[str]) -> list[str]:
    return [" ".join(sentences), ""] if sentences else []


def _room(lines: Sequence[str]) -> int:
    """How many characters a description of these lines has left, each further line with its line break."""
    return LONGEST_NOTE - len("\n".join(lines))


def _fitting(lines: Sequence[str], more: Callable[[int], str], room: int) -> list[str]:
    """All lines where they fit into `room` characters; else as many as do and `more` of the number left out."""
    if sum(len(line) + 1 for line in lines) <= room:
        return list(lines)
    room -= len(more(len(lines))) + 1
    for kept, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return [*lines[:kept], more(len(lines) - kept)]
    return list(lines)


def seeds(records: Iterable[Record]) -> dict[str, list[Any]]:
    """A row for every image set under every encoder with the value of each metric, as columns."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        if record.level == "cell":
            cell = record.cell
            named: dict[str, Any] = {"encoder": cell.encoder, "generator": cell.generator}
            named |= {"training seed": cell.training_seed, "sampling seed": cell.sampling_seed}
            row = rows.setdefault(tuple(named.values()), {**named, "status": record.status})
            row[record.metric] = record.estimate.value if record.estimate else None
    return columns(list(rows.values()))


def columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, in the order in which names first appear; what a row lacks is empty."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: ["" if row.get(name) is None else row[name] for row in rows] for name in names}


def _value_and_interval(estimate: Estimate) -> tuple[str, str]:
    low, high = estimate.ends
    if not estimate.has_interval:
        return f"{estimate.value:.4g}", "no interval"
    digits = decimals((high - low) / 2)
    return f"{estimate.value:.{digits}f}", f"[{low:.{digits}f}, {high:.{digits}f}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
