"""The leaderboard on a terminal: the answer on one screen, all of it with --details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.base import GAP, aligned, fold, listed, percent, shortened, width_of
from harness.pipeline import rank_text, shown

if TYPE_CHECKING:
    from harness.pipeline import Leaderboard, Row

LOOK = "look at"  # the title of the column of flags, which follows what leads
LEAD = 3  # rank, generator and the metric that ranks are shown however narrow the room is
ROWS = {False: 12, True: 5}  # contestants and controls of one table before the rest is counted
SCREEN = 30  # lines of all tables from which on encoders that do not rank have one table together
NAMES = 30  # letters to which generators' names are folded
NOTES = 3  # below the table, one line each, beside the two that say how to read it
FLAGS = 30  # letters to which what a row must be read with is folded
LEAST = 16  # where the room is narrow
LONGEST = 52  # letters of it before --details is needed: two lines
WIDE = 250  # letters of a line from which on, as in a log, nothing is folded: `grep` finds each row whole
LINE = 100  # letters of what a row must be read with there
NAMED = 6  # columns that a line names
MORE = "--details or the report"


def board_lines(board: Leaderboard, width: int, *, details: bool = False) -> list[str]:
    """The tables and what they must be read with, in lines of `width` letters; `details` leaves nothing out."""
    if details:
        told = [line for encoder in board.encoders for line in _whole(board, encoder, width)]
        return [*told, "", *(f"· {note}" for note in board.notes)]
    first, *others = board.encoders
    # Encoders of random weights last: where the room ends, they are left out.
    together = sorted((e for e in others if board.is_ranked(e)), key=lambda e: bool(board.encoder_notes[e]))
    if sum(len(board.of(encoder)) + 4 for encoder in board.encoders) <= SCREEN or not board.is_ranked(first):
        together = []
    told = [line for e in board.encoders if e not in together for line in _table(board, e, width)]
    if together:
        told += _elsewhere(board, together, width)
    return [*told, "", *_notes(board, width)]


def _whole(board: Leaderboard, encoder: str, width: int) -> list[str]:
    """Every column and row of an encoder's table, in as many tables side by side as the room takes."""
    heads, *rows = _cells(board, encoder, board.of(encoder), None)
    told = ["", board.title(encoder)]
    widths, wrap = _widths([heads, *rows], width)
    for columns in side_by_side(widths, width, lead=2):
        told += [*_drawn([heads, *rows], columns, board.of(encoder), wrap), ""]
    return told[:-1]


def _table(board: Leaderboard, encoder: str, width: int) -> list[str]:
    """As many columns and rows of an encoder's table as a screen has room for, and what is left out."""
    every = board.of(encoder)
    shown: list[Row] = []
    for control in (False, True):
        shown += [row for row in every if row.control == control][: ROWS[control]]
    shown = [row for row in every if row in shown]
    heads, *rows = _cells(board, encoder, shown, LONGEST if width < WIDE else LINE)
    widths, wrap = _widths([heads, *rows], width)
    lead = LEAD + (LOOK in heads)
    fit = next((n for n in range(len(widths), lead, -1) if width_of(widths[:n]) + 1 <= width), lead)
    told = ["", board.title(encoder), *_drawn([heads, *rows], range(fit), shown, wrap)]
    if fit < len(heads):
        left = [head.rstrip(" ↓↑") for head in heads[fit:]]
        told += _left_out(listed(left, NAMED), width)
    if len(shown) < len(every):
        told.append(f" {len(every) - len(shown)} more rows: {MORE}")
    return told


def _widths(table: Sequence[Sequence[str]], width: int) -> tuple[list[int], dict[int, int]]:
    """How wide each column is, and to how many letters columns of words are folded."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    wrap = {1: NAMES} if widths[1] > NAMES else {}
    widths[1] = min(widths[1], NAMES)
    if LOOK in table[0]:
        left = width - width_of(widths[:LEAD]) - GAP - 1
        wrap[LEAD] = max(LEAST, min(FLAGS if width < WIDE else LINE, left))
        widths[LEAD] = min(widths[LEAD], wrap[LEAD])
    return widths, wrap


def _cells(board: Leaderboard, encoder: str, rows: Sequence[Row], longest: int | None) -> list[list[str]]:
    """Titles, then a line a row: rank, generator, the metric that ranks, what to look at, then the other metrics."""
    columns = board.columns_of(encoder)
    by = next((n for n, column in enumerate(columns) if column.metric == board.rank_by["metric"]), 0)
    order = [0, 1, 2 + by, len(columns) + 3, *(n + 2 for n in range(len(columns)) if n != by), len(columns) + 2]
    table = [board.header(encoder), *map(board.cells, rows)]
    if longest is not None:
        table = [[*cells[:-1], shortened(cells[-1], longest)] for cells in table]
    if not any(cells[-1] for cells in table[1:]):
        order.remove(len(columns) + 3)
    return [[cells[n] for n in order] for cells in table]


def _drawn(
    table: Sequence[Sequence[str]], columns: Sequence[int], rows: Sequence[Row], wrap: Mapping[int, int]
) -> list[str]:
    """Some columns of a table, with an empty line between contestants and controls."""
    heads, *cells = ([line[n] for n in columns] for line in table)
    following: list[list[str] | None] = []
    for row, own, before in zip(rows, cells, [None, *rows], strict=False):
        following += [None, own] if row.control and before is not None and not before.control else [own]
    words = {0, 1, *([LEAD] if LOOK in table[0] else [])}
    right = {place for place, n in enumerate(columns) if n not in words}
    folded = {place: wrap[n] for place, n in enumerate(columns) if n in wrap}
    return aligned(following, heads=heads, right=right, wrap=folded, indent=1)


def _elsewhere(board: Leaderboard, encoders: Sequence[str], width: int) -> list[str]:
    """Contestants' rank and value by the metric that ranks under further encoders, in the order of the first table."""
    metric = board.rank_by["metric"]
    label = next(column.label for column in board.columns if column.metric == metric)
    own = {(row.encoder, row.generator): row for row in board.rows}
    every = board.of(board.encoders[0])
    rows = ([row for row in every if not row.control] or every)[: ROWS[False]]
    columns: list[list[str]] = [["generator", *(row.generator for row in rows)]]
    left: list[str] = []
    for encoder in encoders:
        ranks, values = [""], [encoder]
        for row in rows:
            other = own.get((encoder, row.generator))
            there = other is not None and other.status == "ok" and metric in other.metrics
            ranks.append(rank_text(other) if other and there and not other.control else "")
            values.append(shown(other.metrics[metric]) if other and there else "failed")
        wider = [*columns, ranks, values]
        if len(columns) > 1 and width_of([max(map(len, column)) for column in wider]) + 1 > width:
            left.append(encoder)
            continue
        columns = wider
    table = list(zip(*columns, strict=True))
    right = range(2, len(columns), 2)
    told = ["", f"{label} under the other encoders, rank first (all metrics: {MORE})"]
    told += aligned(table[1:], heads=table[0], right=right, indent=1)
    told += [f" {e}: {board.encoder_notes[e]}" for e in encoders if e not in left and board.encoder_notes[e]]
    return [*told, *(_left_out(listed(left, NAMED), width) if left else [])]


def _left_out(what: str, width: int) -> list[str]:
    return fold(f" not shown: {what} (a wider terminal, {MORE})", width).split("\n")


def _notes(board: Leaderboard, width: int) -> list[str]:
    """At most five lines: two say how to read the table, the rest what it must be read with."""
    row = next((row for row in board.rows if row.status == "ok"), None)
    level = percent(board.interval["level"])
    told = []
    if any(row.rank is not None for row in board.rows):
        controls = "; controls take no rank" if any(row.control for row in board.rows) else ""
        told.append(f"rank (lo-hi): simultaneous {level} confidence set{controls}")
    if row is not None:
        of = "the population value" if board.interval["target"] == "T_inf" else "E[metric]"
        told.append(f"±: {level} CI half-width for {of} at {row.n_real:,} real, {row.n_fake:,} fake images")
        seeds = "; seeds: training × sampling"
        told[-1] += seeds if len(told[-1]) + len(seeds) + 2 <= width else ""
    left = [*board.remarks]
    told += [shortened(note, width - 2) for note in left[:NOTES]]
    if len(left) > NOTES:
        told[-1] = f"{len(left) - NOTES + 1} more notes: {MORE}"
    return [f"· {note}" for note in told]


def side_by_side(widths: Sequence[int], room: int, *, lead: int) -> list[tuple[int, ...]]:
    """Columns in groups that fit into `room` letters, each led by the first `lead`; one group where all fit.

    A group has at least one column beside those, however narrow the room is.
    """
    naming = tuple(range(lead))
    groups: list[tuple[int, ...]] = [naming]
    for column in range(lead, len(widths)):
        wider = (*groups[-1], column)
        if groups[-1] != naming and width_of([widths[n] for n in wider]) + 1 > room:
            groups.append((*naming, column))
        else:
            groups[-1] = wider
    return groups
