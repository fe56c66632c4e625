"""What a person reads on a terminal: folded between words, the answer first."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from dataclasses import replace

import pytest

from harness.base.layout import fold
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.rowtext import shown
from harness.report.board import board_lines as lines
from harness.report.board import side_by_side
from tests.support.run_directory import write_run


def test_lines_are_folded_between_words_and_set_in():
    assert fold("short", 80) == "short"
    words = "  - " + "word " * 40
    folded = fold(words, 60).split("\n")
    assert all(len(line) <= 60 for line in folded)
    assert folded[0].startswith("  - word")
    assert all(line.startswith("    word") for line in folded[1:])
    assert " ".join(" ".join(folded).split()) == " ".join(words.split()), "no word is lost"
    table = "| " + "cell | " * 40
    assert fold(table, 60) == table
    long = "a" * 90
    assert long in fold(f"{long} b", 60), "a word is not broken: it may be a path"


def test_columns_of_the_leaderboard_that_do_not_fit_go_into_a_table_of_their_own():
    widths = [7, 16, 15, 15, 22, 22, 13, 22, 5]
    assert side_by_side(widths, 300, lead=2) == [tuple(range(9))]
    for room in (60, 80, 120):
        groups = side_by_side(widths, room, lead=2)
        assert all(group[:2] == (0, 1) for group in groups)
        assert [n for group in groups for n in group[2:]] == list(range(2, 9)), "each once, in order"
        assert all(sum(widths[n] for n in g) + 3 * (len(g) - 1) + 1 <= room for g in groups)
    assert [len(group) for group in side_by_side(widths, 10, lead=2)] == [3] * 7


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return Leaderboard.from_json((write_run(tmp_path_factory.mktemp("run")) / "leaderboard.json").read_text())


def many(board, count):
    """The board with `count` copies of its first generator under its first encoder, and as many notes."""
    first = board.of(board.encoders[0])[0]
    rows = [
        replace(first, generator=f"generator-{n}", rank=n + 1, flags=("copies of images " * 9,)) for n in range(count)
    ]
    return replace(board, rows=(*rows, *board.rows), notes=(*board.notes, *(f"note {n} " * 30 for n in range(count))))


def test_in_80_columns_the_leaderboard_begins_with_rank_generator_metric_and_flags(board):
    told = lines(board, 80)
    heads = next(line for line in told if " generator " in line).split()
    assert heads[:6] == ["rank", "generator", "FD", "↓", "look", "at"]
    assert max(map(len, told)) <= 80
    for row in board.of(board.encoders[0]):
        if row.rank is not None:
            line = next(line for line in told if f" {row.generator} " in f"{line} ")
            assert shown(row.metrics["fd"]) in line
    assert any(line.startswith(" not shown: KD") for line in told)


def test_in_200_columns_no_column_of_the_leaderboard_is_left_out(board):
    told = "\n".join(lines(board, 200))
    assert "not shown" not in told
    assert all(column.label in told for column in board.columns)


@pytest.mark.parametrize("width", [80, 200])
def test_a_screen_holds_the_leaderboard_of_two_hundred_generators_and_says_what_it_leaves_out(board, width):
    told = lines(many(board, 200), width)
    assert max(map(len, told)) <= width
    assert len(told) <= 45 + 16, "a line more for each flag that takes two"
    assert any(re.search(r"\d+ more rows: --details", line) for line in told)
    notes = [line for line in told if line.startswith("· ")]
    assert len(notes) <= 5
    assert notes[-1] == "· 196 more notes: --details or the report"


def test_with_details_the_leaderboard_leaves_nothing_out(board):
    whole = lines(many(board, 200), 80, details=True)
    text = " ".join(" ".join(whole).split())
    for row in many(board, 200).rows:
        for estimate in row.metrics.values():
            assert shown(estimate) in text, "no number is folded"
    assert "generator-199" in text
    for note in board.notes:
        assert note in text
    assert "not shown" not in text
    assert "more rows" not in text


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_a_leaderboard_with_details_loses_nothing_on_a_narrow_terminal_and_the_verdict_follows_it(
    copy_of, columns, monkeypatch
):
    small = copy_of()
    monkeypatch.chdir(small.folder)
    monkeypatch.setenv("HARNESS_STORE", str(small.folder / ".harness"))
    told = printed(["run", str(small.bench), "--no-tracking", "--details", "--out", "results/small"], columns)
    whole = " ".join(told)
    assert "…" not in whole.partition("encoder ")[2], "nothing is cut"
    rows = Leaderboard.from_json((small.folder / "results/small/leaderboard.json").read_text()).rows
    assert rows
    for row in rows:
        for estimate in row.metrics.values():
            assert shown(estimate) in whole, "no number is folded"
    assert "verdict   By " in whole


def printed(arguments: list[str], columns: int) -> list[str]:
    """What a command writes to a terminal of so many columns."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop("COLUMNS", None)
        os.execv(sys.executable, [sys.executable, "-m", "harness.cli.main", *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    said = b""
    try:
        while part := os.read(terminal, 65536):
            said += part
    except OSError:
        pass  # Linux ends a terminal's stream so
    os.waitpid(child, 0)
    return said.decode().replace("\r", "").splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_verdicts_on_claims_fit_a_terminal_and_begin_with_the_answer(columns):
    told = printed(["reproduce", "edm"], columns)
    assert told[0].startswith(tuple("123456789"))
    assert "published number" in told[0]
    assert max(map(len, told)) <= columns
    assert any(line.startswith(("What would change it: ", "How sure: ")) for line in told[:6])
