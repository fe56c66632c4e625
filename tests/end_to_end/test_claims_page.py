"""docs/claims.md: its example runs as it stands and says what it promises, and it leaves out no field or value."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import get_args

import pytest

from harness.studies.reproduce.claims import DERIVED, OWN, Claim, Facts, Metric, Pointer, Selection

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
BLOCKS = dict(zip(("bench", "claims"), re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL), strict=True))
COMMANDS = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_names_every_field_and_value():
    fields = {*OWN, *Claim.model_fields, *Facts.model_fields, *Pointer.model_fields} - {*DERIVED}
    values = {*get_args(Metric), *get_args(Selection), *("runs", "splits", "subsets", "below", "above", "all")}
    assert not [name for name in sorted(fields | values) if f"`{name}`" not in PAGE]
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == fields - {*OWN} | {"note"}  # and none that no longer exists


@pytest.mark.slow
def test_the_example_runs_as_it_stands_and_gives_the_verdicts_that_the_page_promises(small):
    shutil.copy(ROOT / "datasets.yaml", small.folder)
    (small.folder / "small.yaml").write_text(BLOCKS["bench"])
    (small.folder / "claims.yaml").write_text(BLOCKS["claims"])
    assert COMMANDS is not None
    for line in COMMANDS.group(1).splitlines():
        told = small.harness(*shlex.split(line)[1:])
        assert told.returncode == 0, told.stderr
    answer = small.harness("reproduce", "claims.yaml", "--out", "results/small", "--json", "told.json").stdout
    found = {one["id"]: one for one in json.loads((small.folder / "told.json").read_text())["claims"]}
    verdicts = {name: one["verdict"] for name, one in found.items()}
    own = re.search(r"`pipeline: harness \w{16}`", found["no-pipeline"]["reason"])
    assert own is not None
    assert own.group().strip("`") in BLOCKS["claims"], f"docs/claims.md: the example's pipeline is now {own.group()}"
    assert verdicts == {
        "close": "consistent",
        "far": "inconsistent",
        "far-but-noisy": "consistent",
        "more-images": "not comparable",
        "no-pipeline": "cannot be decided",
    }
    assert "1 inconsistent (far)" in answer
    assert "n_fake differs" in found["more-images"]["reason"]
    assert found["no-pipeline"]["tests"][0]["missing"] == ["protocol"]
