"""What strangers' text cannot do: compute in a spreadsheet, load in a viewer, carry a secret into a record."""

from __future__ import annotations

import csv
import io

import pytest

from harness.base import UsageError, as_csv, as_markdown, check_size, expands, from_cell, read_records, read_yaml
from harness.base.errors import without_secrets
from harness.benchmark import load
from harness.pipeline.executors.work import reason_of
from tests.benchmark.test_model import GOOD

FORMULAS = ["=HYPERLINK(A1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_as_a_formula_and_every_cell_reads_back(text):
    written = as_csv([["name", text, "plain", "'quoted'"]])
    (row,) = csv.reader(io.StringIO(written, newline=""))
    assert row[1][0] == "'"
    assert [from_cell(cell) for cell in row] == ["name", text, "plain", "'quoted'"]


def test_numbers_stay_numbers():
    assert as_csv([["-0.5", -0.5, "+1e-3", "-inf", None, 3]]) == "-0.5,-0.5,+1e-3,-inf,,3\n"


def test_markdown_has_no_element_picture_or_column_of_a_strangers():
    told = as_markdown("a|b <img src=x onerror=y> ![p](http://evil/p.png)\n| new row |")
    assert told == "a\\|b &lt;img src=x onerror=y> ![p]\\(http://evil/p.png) \\| new row \\|"
    assert as_markdown("3.17 ± .5 [2.68, 3.83]") == "3.17 ± .5 [2.68, 3.83]"


def test_reasons_and_messages_hold_no_secret(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "correct-horse-battery")
    error = OSError("401 for https://me:pw@host/x with correct-horse-battery and hf_" + "a" * 34)
    assert reason_of(error) == "OSError: 401 for https://host/x with ***HF_TOKEN*** and ***"
    assert "correct-horse" not in str(UsageError("it was correct-horse-battery"))
    assert without_secrets("FD is 3.17") == "FD is 3.17"


@pytest.mark.parametrize("line", ["api_key: abc", "url: 'https://me:pw@host/images'", f"note: ghp_{'x' * 36}"])
def test_a_benchmark_that_would_write_a_secret_into_records_is_refused(line, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def __init__(self, **given): ...\n    def sample(self, s): ...\n"
    )
    text = GOOD.replace("  kde: {}\n", "  kde: {}\n  own: {use: 'mine:Mine', " + line + "}\n")
    assert text != GOOD
    (tmp_path / "bench.yaml").write_text(text)
    with pytest.raises(
        UsageError, match=rf"own\.{line.split(':')[0]}: looks like a secret, and would go into every record"
    ):
        load(tmp_path / "bench.yaml")


def test_files_larger_than_anyone_writes_are_refused_unread(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UsageError, match=r"has 1,099,511,627,776 bytes; a YAML file may have at most"):
        read_yaml(path)
    with pytest.raises(UsageError, match="a file of records may have at most"):
        read_records(path)
    check_size(path, 1 << 40, "anything")


def test_a_tree_of_aliases_is_told_from_a_large_file():
    level: list = ["lol"]
    for _ in range(9):
        level = [level] * 10
    assert expands(level)
    assert not expands([list(range(1000))] * 1000)


@pytest.mark.parametrize("line", ["{", "[]", '{"cell": 3}', "[" * 100_000, "é", '{"a": NaN}'])
def test_a_line_that_is_no_record_is_named(line, tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(line)
    with pytest.raises(UsageError, match=r"records\.jsonl.*cannot be read as a record"):
        read_records(path)
