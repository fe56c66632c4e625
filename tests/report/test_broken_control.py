"""A verdict compares nothing with a control of real images that differs from the reference by itself."""

import json

from harness.report.run_files import read_run
from harness.report.words import verdict
from tests.support.run_directory import write_run


def test_a_holdout_that_is_not_exchangeable_is_said_and_no_generator_is_compared_with_it(tmp_path):
    out = write_run(tmp_path / "out")
    assert "eld-out real images" in " ".join(verdict(read_run(out)))
    records = []
    for line in (out / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if (record["level"], record["cell"]["generator"], record["metric"]) == ("generator", "holdout", "kd"):
            record["parameters"]["use"] = "kd"
            record["estimate"] |= {"value": 25.6, "low": 18.9, "high": 35.7}
        records.append(json.dumps(record))
    (out / "records.jsonl").write_text("\n".join(records) + "\n")
    said = " ".join(verdict(read_run(out)))
    assert "Holdout is not exchangeable with the reference (kd 25.6 [18.9, 35.7]" in said
    assert "eld-out real images" not in said
