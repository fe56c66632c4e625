"""The page of machines is written from the rows that were kept, and a pass replaces its own rows only."""

from __future__ import annotations

import json
import shutil

from tests import machines


def test_the_page_is_what_its_rows_say():
    assert machines.PAGE.read_text(encoding="utf-8") == machines.page()


def test_a_pass_replaces_its_own_row_and_keeps_those_of_other_machines(tmp_path):
    kept = tmp_path / "machines.json"
    shutil.copy(machines.KEPT, kept)
    before = json.loads(kept.read_text(encoding="utf-8"))
    row = {**before["rows"][1], "fd": "3"}
    machines.keep(row, json.dumps({"numpy": "9.9", "torch": "absent"}), kept)
    machines.keep({**row, "setting": "an arm"}, json.dumps({"numpy": "9.9"}), kept)
    after = json.loads(kept.read_text(encoding="utf-8"))
    assert after["rows"] == [before["rows"][0], row, *before["rows"][2:], {**row, "setting": "an arm"}]
    assert after["versions"] == before["versions"] | {row["setting"]: "numpy 9.9"}
    assert "| an arm |" in machines.page(kept)
