"""What a person reads on a terminal: folded between words, the answer first."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from harness.cli.lines import fold
from harness.cli.terminal import NAMING, side_by_side
from harness.pipeline.leaderboard import Leaderboard
from harness.pipeline.rowtext import shown


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
    assert side_by_side(widths, 300) == [tuple(range(9))]
    for room in (60, 80, 120):
        groups = side_by_side(widths, room)
        assert all(group[:2] == NAMING for group in groups)
        assert [n for group in groups for n in group[2:]] == list(range(2, 9)), "each once, in order"
        assert all(sum(widths[n] for n in g) + 3 * (len(g) - 1) + 2 <= room for g in groups)
    assert [len(group) for group in side_by_side(widths, 10)] == [3] * 7


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_a_leaderboard_loses_nothing_on_a_narrow_terminal_and_the_verdict_follows_it(copy_of, columns, monkeypatch):
    small = copy_of()
    monkeypatch.chdir(small.folder)
    monkeypatch.setenv("HARNESS_STORE", str(small.folder / ".harness"))
    lines = printed(["run", str(small.bench), "--no-tracking", "--out", "results/small"], columns)
    whole = " ".join(lines)
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
    lines = printed(["reproduce", "edm"], columns)
    assert lines[0].startswith(tuple("123456789"))
    assert "published number" in lines[0]
    assert max(map(len, lines)) <= columns
    assert any(line.startswith(("What would change it: ", "How sure: ")) for line in lines[:6])
