"""Keys and records are the same text everywhere and come back as they went."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.base.keys import canonical_json, derive_seed, digest
from harness.base.record import Cell, Estimate, Record, percent, read_records, to_lines

ESTIMATE = Estimate(1.0, 0.1, 0.8, 1.2, 0.95, "T_N", "random", "influence", 10, 20, True, ("a note",))
CELL = Cell("digits", "reference", "kde", 1, 0, "as they are", "pixels")


def test_key_order_and_spacing_do_not_change_a_digest():
    assert digest({"b": [1, 2.5], "a": None}) == digest({"a": None, "b": [1, 2.5]})
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        digest(value)


def test_seeds_are_the_same_in_another_process_and_differ_by_every_part():
    seed = derive_seed(0, "image", "kde", 1, 2, 17)
    code = "from harness.base.keys import derive_seed; print(derive_seed(0, 'image', 'kde', 1, 2, 17))"
    assert int(subprocess.check_output([sys.executable, "-c", code])) == seed
    others = [
        derive_seed(*parts) for parts in [(1, "image", "kde", 1, 2, 17), (0, "image", "kde", 1, 2, 18), (0, "17")]
    ]
    assert len({seed, *others}) == 4
    assert all(0 <= s < 2**63 for s in others)


@pytest.mark.parametrize("estimate", [ESTIMATE, None])
def test_a_record_comes_back_as_it_went(tmp_path, estimate):
    status = "ok" if estimate else "failed"
    record = Record(
        "digits", "cell", CELL, "fd", {"k": None}, status, estimate, None if estimate else "why", {"a": "b"}
    )
    (tmp_path / "records.jsonl").write_bytes(to_lines([record, record]))
    assert read_records(tmp_path / "records.jsonl") == [record, record]


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.95, "95%"), (0.5, "50%"), (0.975, "97.5%"), (0.999, "99.9%"), (1 - 0.95, "5%"), (1 - 0.999, "0.1%")],
)
def test_a_level_is_said_as_it_was_declared(level, said):
    assert percent(level) == said


def test_nothing_says_a_level_in_whole_percents():
    rounded = re.compile(r"""\{[^{}]*\blevel\b[^{}]*:\.\d%\}""")
    assert rounded.search("{board['interval']['level']:.0%}"), "the pattern sees what it is to refuse"
    sources = sorted(Path(harness.__file__).parent.rglob("*.py"))
    assert [path.name for path in sources if rounded.search(path.read_text(encoding="utf-8"))] == []
