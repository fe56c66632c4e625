"""`--store s3://…` and `--out s3://…`: the same records as in folders, which another machine finds and reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.base import Bucket, UsageError
from harness.pipeline import published
from tests.conftest import Small
from tests.support.objects import BUCKET, S3, needs_s3

pytestmark = needs_s3


@pytest.fixture
def small(small: Small, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Small:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return small


def test_records_are_those_of_a_local_store_and_the_next_machine_finds_them(small: Small, finished: Small, s3: S3):
    for name in (finished.bench.name, f"{finished.module}.py"):  # seeds hang on the module's name
        shutil.copy(finished.folder / name, small.folder / name)
    place = ("--store", f"s3://{BUCKET}/store")
    first = small.run(*place, "--store-cache", "here")
    assert first.returncode == 0, first.stderr
    assert small.records() == finished.records()
    again = small.run(*place, "--store-cache", "there", "--out", "results/there")
    assert again.returncode == 0, again.stderr
    begun = [line for line in again.stderr.splitlines() if "to do" in line]
    assert [line.partition(":")[0] for line in begun] == ["check"], again.stderr  # files of the machine itself
    assert small.records("results/there") == finished.records()
    held = [path for path in Path(small.folder).rglob("*") if path.is_file()]
    said = [first.stdout, first.stderr, *(path.read_text(errors="replace") for path in held)]
    for secret in ("AKIAHARNESSTEST", "the-secret-of-the-test"):
        assert not any(secret in text for text in said)


def test_a_run_is_put_into_a_bucket_and_read_from_there(copy_of, s3: S3, monkeypatch: pytest.MonkeyPatch):
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    made, url = copy_of(), f"s3://{BUCKET}/runs/small"
    first = made.run("--out", url)
    assert first.returncode == 0, first.stderr
    bucket = Bucket(url)
    assert bucket.get("records.jsonl") == made.records()
    assert sorted(json.loads(bucket.get(".files.json"))["files"]) == [n for n in bucket.names() if n != ".files.json"]
    again = made.run("--out", url)
    assert (again.returncode, "nothing to compute" in again.stdout, "put " in again.stderr) == (0, True, False)
    monkeypatch.setenv("HARNESS_RUNS", str(made.folder / "another machine"))
    compared = made.harness("compare", url, "kde", "noise", "--metric", "fd")
    assert compared.returncode == 0, compared.stderr
    assert any(name.endswith(".finding.json") for name in bucket.names())  # the report shows it to the next reader
    bucket.replace("leaderboard.json", b"{}")
    monkeypatch.setattr(published, "PAUSE", 0.0)
    shutil.rmtree(published.mirror_of(url))
    with pytest.raises(UsageError, match=r"leaderboard\.json differs from"):
        published.bring_run(url)
    mended = made.run("--out", url)
    assert mended.returncode == 0, mended.stderr
    assert json.loads(bucket.get("leaderboard.json"))["rows"]


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_listing_cannot_name_files_outside_of_the_run(s3: S3, monkeypatch: pytest.MonkeyPatch, name: str):
    for variable, value in s3.environment.items():
        monkeypatch.setenv(variable, value)
    url = f"s3://{BUCKET}/hostile"
    Bucket(url).replace(".files.json", json.dumps({"format": 1, "files": {name: "0" * 64}}).encode())
    with pytest.raises(UsageError, match="is outside the run"):
        published.bring_run(url)


def test_mistakes_are_said_before_the_first_image(small: Small):
    outcome = small.run("--store", "s3://nosuch/x")
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert "no such bucket" in outcome.stderr
    outcome = small.run("--store", f"s3://{BUCKET}/y", "--store-cache-size", "much")
    assert (outcome.returncode, "'much' is not a size" in outcome.stderr) == (2, True)
