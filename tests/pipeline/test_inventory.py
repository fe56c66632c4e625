"""What a store holds by kind, and that only what no entry names is removed, once it is old."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.base import Bucket
from harness.base.buckets import _changed
from harness.cli.main import main
from harness.pipeline import open_store, store_place
from harness.pipeline.bucket_store import object_name
from harness.pipeline.inventory import Inventory
from tests.support.objects import BUCKET, S3, needs_s3

KEYS = ["ab" + "0" * 62, "cd" + "0" * 62]
LEFT = "tmp/elsewhere-7-" + "0" * 32


@pytest.fixture(params=["folder", pytest.param("bucket", marks=needs_s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with an image set, features that share its shard, scores without arrays, and a leftover of 40 bytes."""
    address = str(tmp_path / "store")
    if request.param == "bucket":
        s3: S3 = request.getfixturevalue("s3")
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HARNESS_STORE_CACHE", str(tmp_path / "cache"))
        address = f"s3://{BUCKET}/{request.node.originalname}"
        Bucket(address).create(object_name("f" * 64), b"." * 40)
    else:
        (Path(address) / LEFT).mkdir(parents=True)
        (Path(address) / LEFT / "shard-00000.safetensors").write_bytes(b"." * 40)
    store = open_store(store_place(address))
    for kind in ("images", "features"):
        store.put(kind, KEYS[0], [{"x": np.zeros(500, np.float32)}], {})
    for key in KEYS:
        store.put("scores", key, [], {})
    return address


def inventory(place: str) -> Inventory:
    return open_store(store_place(place)).inventory()


def test_entries_and_bytes_are_counted_by_kind_and_what_no_entry_names_apart(place):
    found = inventory(place)
    assert found.entries == {"images": 1, "features": 1, "scores": 2}
    assert max(found.bytes.values()) > 2000 > found.bytes["scores"]
    assert [one.bytes for one in found.leftovers] == [40]


def test_clean_keeps_entries_and_what_is_new_and_removes_the_rest(place):
    call = CliRunner().invoke(main, ["store", "clean", "--store", place])
    assert call.output == "removed 0 leftovers, 0 bytes\nkept 1 newer than 24 h\n"
    call = CliRunner().invoke(main, ["store", "clean", "--store", place, "--older-than", "0", "--dry-run"])
    assert call.output == "would remove 1 leftover, 40 bytes\n"
    assert len(inventory(place).leftovers) == 1
    call = CliRunner().invoke(main, ["store", "clean", "--store", place, "--older-than", "0"])
    assert call.output == "removed 1 leftover, 40 bytes\n"
    found = inventory(place)
    assert not found.leftovers
    assert found.entries == {"images": 1, "features": 1, "scores": 2}
    _, arrays = open_store(store_place(place)).load("images", KEYS[0])
    assert len(arrays["x"]) == 500


def test_the_age_of_a_folders_leftover_is_that_of_its_newest_file(tmp_path):
    shard = tmp_path / LEFT / "shard-00000.safetensors"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"")
    os.utime(shard.parent, (0, 0))
    assert inventory(str(tmp_path)).leftovers[0].age < 60
    os.utime(shard, (time.time() - 7200,) * 2)
    assert inventory(str(tmp_path)).leftovers[0].age == pytest.approx(7200, abs=60)


def test_size_shows_a_table_and_names_a_store_that_is_not_there(tmp_path):
    store = open_store(store_place(str(tmp_path / "store")))
    store.put("images", KEYS[0], [{"x": np.zeros(1_000_000, np.uint8)}], {})
    shown = CliRunner().invoke(main, ["store", "size", "--store", str(tmp_path / "store")]).output.split("\n")
    assert [line.split() for line in shown[2:4]] == [["images", "1", "1.0", "MB"], ["total", "1", "1.0", "MB"]]
    lost = CliRunner().invoke(main, ["store", "size", "--store", str(tmp_path / "none")])
    assert lost.exit_code == 2
    assert f"no store at {tmp_path / 'none'}" in lost.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("listing", "when"),
    [
        ({"LastModified": datetime(2026, 1, 2, tzinfo=UTC)}, 1767312000),  # S3
        ({"updated": "2026-01-02T00:00:00.000Z", "created": "2020-01-01T00:00:00Z"}, 1767312000),  # Google
        ({"last_modified": datetime(2026, 1, 2, tzinfo=UTC)}, 1767312000),  # Azure
        ({}, None),
    ],
)
def test_when_an_object_was_put_is_read_from_each_providers_listing(listing, when):
    """Where a listing does not say, the object counts as new, so that nothing is removed by mistake."""
    assert _changed(listing) == pytest.approx(time.time() if when is None else when, abs=60)
