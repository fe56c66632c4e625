"""docs/faults.md is written from the rows beside it, and a campaign of some kinds leaves the rows of others."""

from __future__ import annotations

import json
import shutil

from tests.faults import campaign, runs
from tests.faults.__main__ import PAGE
from tests.faults.campaign import Tally
from tests.faults.scenes import Outcome


def test_the_page_says_what_its_rows_say(tmp_path):
    page = tmp_path / "faults.md"
    shutil.copy(PAGE, page)
    campaign.write_page(page, json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8")))
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_a_campaign_of_some_kinds_replaces_their_rows_only(tmp_path):
    page = tmp_path / "faults.md"
    page.write_text(f"head\n{campaign.TABLE}{campaign.TABLE}\ntail\n")
    first, second = Tally(), Tally()
    first.add(Outcome("EIO", "store", "1", how="failed", message="Input/output error"))
    second.add(Outcome("EIO", "store", "2", how="died", lost=["scores"]))
    campaign.keep(page, {"store: EIO": first, "OUT: EIO": first}, "all", whole=True)
    campaign.keep(page, {"store: EIO": second, "run: kill": second}, "some", whole=False)
    text = page.read_text()
    assert "| store | one change fails: EIO | 1 | 0 | 0 | 1 | 1 | 1 | 0 | 0 |  |" in text
    assert "| OUT | one change fails: EIO | 1 | 0 | 1 | 0 | 1 | 0 | 0 | 0 | Input/output error |" in text
    assert "| **all** | | **3** | **0** | **1** | **2** | **3** | **2** | **0** | **0** | |" in text
    assert "- OUT: `all`" in text
    assert "- store, run: `some`" in text
    campaign.keep(page, {"store: EIO": first}, "all", whole=True)
    assert "| **all** | | **1** |" in page.read_text()


def content(*records, board=()):
    lines = "".join(json.dumps(record) + "\n" for record in records)
    return (lines + json.dumps({"rows": list(board)}, indent=1)).encode()


def test_a_failed_run_may_leave_failed_records_beside_right_ones_and_no_other_value():
    right, other = ({"cell": "a", "value": value, "status": "ok", "reason": None} for value in (1, 2))
    failed = {"cell": "b", "value": None, "status": "failed", "reason": "the disk is full"}
    row, moved = (
        {"encoder": "e", "generator": "g", "status": "ok", "reason": None, "metrics": {"fd": m, "kd": 3}}
        for m in (1, 2)
    )
    truth = content(right, {**right, "cell": "b"}, board=[row])
    assert not runs.unlike_a_run(None, truth, failed=False)
    assert not runs.unlike_a_run(truth, truth, failed=False)
    assert not runs.unlike_a_run(content(right, failed, board=[{**row, "metrics": {"fd": 1}}]), truth, failed=True)
    for found in (content(other, board=[row]), content({**failed, "reason": ""}), content(right, board=[moved])):
        assert runs.unlike_a_run(found, truth, failed=True)
    assert runs.unlike_a_run(content(right, failed, board=[row]), truth, failed=False)
