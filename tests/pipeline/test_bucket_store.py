"""A store in a bucket: whole entries or none, verified, behind a bounded folder; on an S3-compatible server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.base import Bucket, UsageError, digest
from harness.pipeline import BucketPlace, store_place
from harness.pipeline.bucket_store import BucketStore, NoConditionWarning, manifest_name, object_name
from harness.pipeline.store import MANIFEST, CorruptEntryWarning, Store
from tests.support.objects import BUCKET, ROOT, S3, needs_s3

pytestmark = needs_s3
KEY, OTHER = "ab" + "0" * 62, "cd" + "0" * 62


@pytest.fixture
def url(s3: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{request.node.name}"


def opened(url: str, folder: Path, *, limit: int = 10**9) -> BucketStore:
    return BucketStore(BucketPlace(url, folder, limit))


def rows(first: int, n: int) -> dict[str, np.ndarray]:
    return {"x": np.arange(first, first + n, dtype=np.float32)}


def test_what_one_machine_puts_another_finds(url, tmp_path):
    opened(url, tmp_path / "a").put("features", KEY, [rows(0, 3), rows(3, 2)], {"n": 5})
    facts, arrays = opened(url, tmp_path / "b").load("features", KEY)
    assert facts["n"] == 5
    assert arrays["x"].tolist() == [0, 1, 2, 3, 4]


def test_an_entry_is_the_bytes_that_a_local_store_holds(url, tmp_path):
    local = Store(tmp_path / "local").put("features", KEY, [rows(0, 3)], {"n": 3}).folder
    opened(url, tmp_path / "a").put("features", KEY, [rows(0, 3)], {"n": 3})
    manifest = (local / MANIFEST).read_bytes()
    assert Bucket(url).get(manifest_name("features", KEY)) == manifest
    sha256 = json.loads(manifest)["shards"][0]["sha256"]
    assert Bucket(url).get(object_name(sha256)) == (local / "shard-00000.safetensors").read_bytes()


def test_of_two_machines_that_make_an_entry_the_first_stays_whole(url, tmp_path):
    first, second = opened(url, tmp_path / "a"), opened(url, tmp_path / "b")
    first.put("models", KEY, [rows(0, 3)], {"who": "first"})
    assert second.put("models", KEY, [rows(7, 3)], {"who": "second"}).facts == {"who": "first"}
    for store in (first, second, opened(url, tmp_path / "c")):
        assert store.load("models", KEY)[1]["x"].tolist() == [0, 1, 2]


def test_puts_of_one_name_at_once_have_one_winner(url):
    bucket, won = Bucket(url), []
    threads = [threading.Thread(target=lambda i=i: won.append(bucket.create("one", b"%d" % i))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_bit_that_flips_in_the_bucket_is_noticed_and_the_entry_made_again(url, tmp_path):
    opened(url, tmp_path / "a").put("features", KEY, [rows(0, 3)], {"n": 3})
    bucket = Bucket(url)
    name = next(one for one in bucket.names() if one.startswith("objects/"))
    payload = bytearray(bucket.get(name))
    payload[-1] ^= 1
    bucket.replace(name, bytes(payload))
    other = opened(url, tmp_path / "b")
    with pytest.warns(CorruptEntryWarning, match="is corrupted; recomputing"):
        assert other.load("features", KEY) is None
    other.put("features", KEY, [rows(0, 3)], {"n": 3})
    assert opened(url, tmp_path / "c").load("features", KEY)[1]["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("damage", ["flip", "remove", "manifest"])
def test_damage_in_the_local_folder_is_mended_from_the_bucket_without_a_word(url, tmp_path, damage, recwarn):
    store = opened(url, tmp_path / "a")
    folder = store.put("features", KEY, [rows(0, 3)], {"n": 3}).folder
    shard = folder / "shard-00000.safetensors"
    if damage == "flip":
        shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    elif damage == "remove":
        shutil.rmtree(tmp_path / "a")
    else:
        (folder / MANIFEST).write_bytes(b"{}")
    assert store.load("features", KEY)[1]["x"].tolist() == [0, 1, 2]
    assert not recwarn


def test_a_shard_that_is_gone_from_the_bucket_makes_the_entry_missing(url, tmp_path):
    opened(url, tmp_path / "a").put("features", KEY, [rows(0, 3)], {"n": 3})
    bucket = Bucket(url)
    bucket.remove(next(one for one in bucket.names() if one.startswith("objects/")))
    store = opened(url, tmp_path / "b")
    with pytest.warns(CorruptEntryWarning):
        assert store.load("features", KEY) is None
    assert store.find("features", KEY) is None


def test_the_local_folder_keeps_to_its_bound_and_drops_what_was_longest_unused(url, tmp_path):
    store = opened(url, tmp_path / "a", limit=100_000)
    keys = [f"{i:02x}" + "0" * 62 for i in range(30)]
    for i, key in enumerate(keys):
        store.put("features", key, [rows(i, 2500)], {"n": 2500})
        os.utime(store.folder("features", key), (i, i))
        if i >= 2:
            store.load("features", keys[0])
    held = sum(file.stat().st_size for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert held <= 100_000
    assert store.folder("features", keys[0]).is_dir()  # used all the while
    assert not store.folder("features", keys[1]).exists()
    for i, key in enumerate(keys):
        assert store.load("features", key)[1]["x"][0] == i


def test_a_set_larger_than_the_local_folder_passes_through_it(url, tmp_path):
    store = opened(url, tmp_path / "a", limit=50_000)
    seen = []

    def shards():
        for i in range(20):
            yield rows(i, 2500)
            seen.append(sum(file.stat().st_size for file in (tmp_path / "a").rglob("*") if file.is_file()))

    entry = store.put("images", KEY, shards(), {"n": 50_000})
    assert [int(part["x"][0]) for part in entry.read()] == list(range(20))
    held = sum(file.stat().st_size for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert max(*seen, held) <= 50_000


def test_looks_at_files_of_this_machine_do_not_leave_it(url, tmp_path):
    opened(url, tmp_path / "a").put("checks", KEY, [], {"when": "now"})
    assert Bucket(url).names() == []
    assert opened(url, tmp_path / "a").find("checks", KEY) is not None
    assert opened(url, tmp_path / "b").find("checks", KEY) is None


KILLED = """
import sys
import numpy as np
from harness.pipeline import BucketPlace, open_store
from pathlib import Path
def shards():
    for i in range(8):
        print(i, flush=True)
        yield {"x": np.full(300_000, i, np.float32)}
open_store(BucketPlace(sys.argv[1], Path(sys.argv[2]))).put("images", sys.argv[3], shards(), {"n": 8})
print("done", flush=True)
"""


@pytest.mark.parametrize("until", [1, 5, 7])
def test_a_put_that_is_killed_leaves_no_entry_and_the_next_one_finishes_it(url, tmp_path, until):
    words = [sys.executable, "-c", KILLED, url, str(tmp_path / "a"), KEY]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    for line in process.stdout:
        if line.strip() == str(until):
            time.sleep(0.004)
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    left = Bucket(url).names()
    assert all(name.startswith("objects/") for name in left)
    store = opened(url, tmp_path / "b")
    assert store.find("images", KEY) is None
    entry = store.put("images", KEY, ({"x": np.full(300_000, i, np.float32)} for i in range(8)), {"n": 8})
    assert [int(part["x"][0]) for part in entry.read()] == list(range(8))
    assert len(Bucket(url).names()) == 9


def test_a_bucket_that_is_not_there_is_one_line(url, tmp_path):
    with pytest.raises(UsageError, match=r"s3://nosuch/x: no such bucket"):
        opened("s3://nosuch/x", tmp_path).check_writable()


def test_a_server_that_cannot_be_reached_is_an_error_of_the_system(url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    with pytest.raises(OSError, match="Could not connect"):
        Bucket("s3://elsewhere/x").get("a")


def test_credentials_are_no_part_of_an_address_and_are_not_repeated():
    with pytest.raises(UsageError, match="an address must not contain credentials") as caught:
        Bucket("s3://AKIA123:hush@bench/x")
    assert "hush" not in str(caught.value)


def test_a_server_without_conditional_writes_is_told_once(url, tmp_path, monkeypatch):
    files = pytest.importorskip("s3fs").S3FileSystem
    put = files._pipe_file

    async def careless(self, path, data, mode="overwrite", **rest):
        await put(self, path, data, **rest)

    monkeypatch.setattr(files, "_pipe_file", careless)
    store = opened(url, tmp_path / "a")
    with pytest.warns(NoConditionWarning, match="no conditional writes"):
        store.check_writable()
    store.put("features", KEY, [rows(0, 3)], {})
    assert store.load("features", KEY)[1]["x"].tolist() == [0, 1, 2]


def test_a_file_address_is_a_folder(tmp_path):
    assert store_place(f"file://{tmp_path}") == tmp_path


@pytest.mark.parametrize("given", ["ftp://x/y", "s3://", "http://x/y"])
def test_an_address_of_no_storage_is_refused(given):
    with pytest.raises(UsageError, match=r"(unknown storage|no bucket given); use s3://"):
        Bucket(given)


def test_a_bound_is_of_a_bucket_only(tmp_path):
    with pytest.raises(UsageError, match="need a --store in a bucket"):
        store_place(str(tmp_path), None, "50GB")
    assert store_place("s3://b/p/", tmp_path, "1.5 GB") == BucketPlace("s3://b/p", tmp_path, 1_500_000_000)


@pytest.mark.parametrize("change", [{"file": "../../../../escaped"}, {"sha256": "../../store.json"}])
def test_a_manifest_cannot_name_files_outside_of_its_entry(url, tmp_path, change):
    store = opened(url, tmp_path / "a")
    store.put("features", KEY, [rows(0, 3)], {"n": 3})
    name = manifest_name("features", KEY)
    manifest = json.loads(Bucket(url).get(name))
    manifest["shards"][0] |= change
    del manifest["seal"]
    Bucket(url).replace(name, json.dumps({**manifest, "seal": digest(manifest)}).encode())
    with pytest.warns(CorruptEntryWarning):
        assert opened(url, tmp_path / "b").load("features", KEY) is None
    assert [path.name for path in tmp_path.rglob("*escaped*")] == []


def test_notes_of_shards_reach_other_machines(url, tmp_path):
    opened(url, tmp_path / "a").write_note("shards/ab/1-of-2.json", {"stage": "encode"})
    assert opened(url, tmp_path / "b").read_note("shards/ab/1-of-2.json") == {"stage": "encode"}
    assert opened(url, tmp_path / "b").read_note("shards/ab/2-of-2.json") is None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the server was asked for what."""
    from s3fs import S3FileSystem

    counted: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def heard(self, method, *arguments, **words):
        counted[method] += 1
        return await call(self, method, *arguments, **words)

    monkeypatch.setattr(S3FileSystem, "_call_s3", heard)
    return counted


def test_many_lookups_take_one_listing_and_nothing_for_what_is_missing(url, tmp_path, asked):
    keys = [digest(i) for i in range(60)]
    first = opened(url, tmp_path / "a")
    for key in keys[:20]:
        first.put("scores", key, [], {"of": key})
    second = opened(url, tmp_path / "b")
    asked.clear()
    with second.surveyed():
        second.bring("scores", keys)
        found = [entry.facts["of"] if (entry := second.find("scores", key)) else None for key in keys]
    assert found == keys[:20] + [None] * 40
    assert asked == {"list_objects_v2": 1, "get_object": 20}
    asked.clear()
    third = opened(url, tmp_path / "c")
    with third.surveyed():  # keys that nobody has announced
        assert [third.find("features", key) for key in keys] == [None] * 60
    assert asked["get_object"] == 8
    assert asked.total() <= 11  # s3fs looks twice where a listing is empty


def test_what_another_machine_made_during_a_survey_is_seen_after_it(url, tmp_path):
    keys = [digest(i) for i in range(20)]
    one, other = opened(url, tmp_path / "a"), opened(url, tmp_path / "b")
    with one.surveyed():
        one.bring("scores", keys)
        other.put("scores", keys[3], [], {})
        assert one.find("scores", keys[3]) is None
    assert one.find("scores", keys[3]) is not None


def test_an_object_is_one_request_whether_it_is_there_or_not(url, asked):
    bucket = Bucket(url)
    bucket.create("one", b"1")
    asked.clear()
    assert bucket.get("one") == b"1"
    assert bucket.get("two") is None
    assert bucket.get_many(["one", "two"]) == {"one": b"1"}
    assert asked == {"get_object": 4}
