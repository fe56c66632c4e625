"""Files of judgements: one line an image with its score, or one line a vote between two generators."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.base import TABLE_BYTES, UsageError, check_size, counted, from_cell, quoted, quoted_names, unknown

MOST_TOLD = 5  # faulty lines in one message
LEFT, RIGHT, TIE = "left", "right", "tie"


@dataclass(frozen=True)
class ScoreColumns:
    """Names of the columns of a file of scores. `prompt` and `seed` may be absent from the file unless asked for."""

    generator: str = "generator"
    score: str = "score"
    prompt: str | None = None
    seed: str | None = None


@dataclass(frozen=True)
class VoteColumns:
    """Names of the columns of a file of votes; `voter` may be absent from the file unless asked for."""

    left: str = "left"
    right: str = "right"
    winner: str = "winner"
    voter: str | None = None


@dataclass(frozen=True)
class Score:
    """One image's score. `prompt` is None where the file has none, `seed` the training seed where it has one."""

    generator: str
    value: float
    prompt: str | None
    seed: str | None


@dataclass(frozen=True)
class Vote:
    """One choice between images of two generators; a tie is half a win for each. `voter` is None where not known."""

    left: str
    right: str
    share: float
    voter: str | None


def read_scores(path: Path, columns: ScoreColumns = ScoreColumns()) -> list[Score]:
    """The scores of a CSV file in its order.

    Raises UsageError, with the faulty lines, for a missing file or column, or a score that is no finite number.
    """
    found: list[Score] = []
    with _rows(path, [columns.generator, columns.score], [columns.prompt, columns.seed]) as (names, rows, wrong):
        prompt = columns.prompt or ("prompt" if "prompt" in names else None)
        seed = columns.seed or ("training_seed" if "training_seed" in names else None)
        for line, row in rows:
            value = _number(row[columns.score])
            if value is None:
                wrong.append(f"{path}:{line}: {columns.score} is {quoted(row[columns.score])}; must be a finite number")
            elif not row[columns.generator]:
                wrong.append(f"{path}:{line}: no generator in column {columns.generator}")
            elif prompt and not row[prompt]:
                wrong.append(f"{path}:{line}: no prompt in column {prompt}")
            else:
                found.append(
                    Score(row[columns.generator], value, row[prompt] if prompt else None, row[seed] if seed else None)
                )
    return found


def read_votes(path: Path, columns: VoteColumns = VoteColumns()) -> list[Vote]:
    """The votes of a CSV file in its order; a winner is `left`, `right`, `tie`, or one of the two generators' names.

    Raises UsageError, with the faulty lines, for a missing file or column, another winner, or a generator that stands
    on both sides.
    """
    found: list[Vote] = []
    needed = [columns.left, columns.right, columns.winner]
    with _rows(path, needed, [columns.voter]) as (names, rows, wrong):
        voter = columns.voter or ("voter" if "voter" in names else None)
        for line, row in rows:
            left, right, winner = (row[name] for name in needed)
            shares = {LEFT: 1.0, RIGHT: 0.0, TIE: 0.5} | {right: 0.0, left: 1.0}
            if not left or not right or left == right:
                wrong.append(
                    f"{path}:{line}: expected two different generators, found {quoted(left)} and {quoted(right)}"
                )
            elif winner not in shares:
                wrong.append(
                    f"{path}:{line}: {columns.winner} is {quoted(winner)}; must be left, right, tie, or a "
                    "generator name"
                )
            elif voter and not row[voter]:
                wrong.append(f"{path}:{line}: no voter in column {voter}")
            else:
                found.append(Vote(left, right, shares[winner], row[voter] if voter else None))
    return found


Lines = Iterator[tuple[int, Mapping[str, str]]]


@contextmanager
def _rows(path: Path, needed: list[str], asked: list[str | None]) -> Iterator[tuple[list[str], Lines, list[str]]]:
    """Column names, numbered lines, and a list for what is wrong with them, which is raised at the end."""
    wrong: list[str] = []
    try:
        check_size(path, TABLE_BYTES, "a table")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            names = list(reader.fieldnames or ())
            for name in [*needed, *(name for name in asked if name is not None)]:
                if name not in names:
                    raise UsageError(f"{path}:1: {unknown('column', name, quoted_names(names))}")
            lines = (
                (
                    reader.line_num,
                    {key: from_cell((cell or "").strip()) for key, cell in row.items() if key is not None},
                )
                for row in reader
            )
            yield names, lines, wrong
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UsageError(f"{path} cannot be read as CSV: {problem}") from None
    if len(wrong) > MOST_TOLD:
        wrong = [*wrong[:MOST_TOLD], f"{path}: {counted(len(wrong) - MOST_TOLD, 'more faulty line')}"]
    if wrong:
        raise UsageError(wrong)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
