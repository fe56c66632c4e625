"""`--store s3://…`: the same records as from a folder, and a machine that comes later computes nothing again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Small
from tests.support.objects import BUCKET, S3, needs_s3

pytestmark = needs_s3


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    started = S3()
    yield started
    started.close()


@pytest.fixture
def small(small: Small, server: S3, monkeypatch: pytest.MonkeyPatch) -> Small:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return small


def test_records_are_those_of_a_local_store_and_the_next_machine_finds_them(small: Small, finished: Small, server: S3):
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


def test_mistakes_are_said_before_the_first_image(small: Small):
    outcome = small.run("--store", "s3://nosuch/x")
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert "there is no such bucket" in outcome.stderr
    outcome = small.run("--store", f"s3://{BUCKET}/y", "--store-cache-size", "much")
    assert (outcome.returncode, "'much' is no size" in outcome.stderr) == (2, True)
