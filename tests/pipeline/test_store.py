"""The store keeps whole entries or none, whatever happens while they are written or afterwards."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from harness.base.files import write_atomically
from harness.pipeline.store import HERE, MANIFEST, CorruptEntry, CorruptEntryWarning, Store
from harness.studies.statistics.npz import of_features, write

KEY = "ab" + "0" * 62


def rows(first: int, n: int) -> dict[str, np.ndarray]:
    return {"x": np.arange(first, first + n, dtype=np.float32)}


def test_what_is_put_is_found_with_its_facts_and_shards_joined(tmp_path):
    store = Store(tmp_path)
    store.put("features", KEY, [rows(0, 3), rows(3, 2)], {"n": 5})
    facts, arrays = store.load("features", KEY)
    assert facts["n"] == 5
    assert arrays["x"].tolist() == [0, 1, 2, 3, 4]


def test_facts_may_be_known_only_when_the_last_shard_is_written(tmp_path):
    seen = []
    shards = (seen.append(i) or rows(i, 1) for i in range(3))
    assert Store(tmp_path).put("images", KEY, shards, lambda: {"shards": len(seen)}).facts == {"shards": 3}


def test_a_strided_array_comes_back_as_it_was(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    Store(tmp_path).put("features", KEY, [{"x": array}], {})
    assert np.array_equal(Store(tmp_path).load("features", KEY)[1]["x"], array)


def test_an_absent_entry_is_none_without_a_word(tmp_path, recwarn):
    assert Store(tmp_path).load("features", KEY) is None
    assert not recwarn


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "empty"])
def test_a_damaged_shard_is_reported_removed_and_can_be_made_again(tmp_path, damage):
    store = Store(tmp_path)
    shard = store.put("features", KEY, [rows(0, 4)], {}).folder / "shard-00000.safetensors"
    payload = shard.read_bytes()
    if damage == "flip":
        shard.write_bytes(payload[:-1] + bytes([payload[-1] ^ 1]))
    elif damage == "truncate":
        shard.write_bytes(payload[: len(payload) // 2])
    elif damage == "empty":
        shard.write_bytes(b"")
    else:
        shard.unlink()
    with pytest.warns(CorruptEntryWarning, match="corrupted; recomputing"):
        assert store.load("features", KEY) is None
    assert store.find("features", KEY) is None
    store.put("features", KEY, [rows(0, 4)], {})
    assert store.load("features", KEY) is not None


@pytest.mark.parametrize(
    "change", [lambda m: m["facts"].update(n=7), lambda m: m.pop("shards"), lambda m: m.update(key="f")]
)
def test_a_manifest_that_was_changed_by_hand_is_not_believed(tmp_path, change):
    store = Store(tmp_path)
    manifest = store.put("features", KEY, [rows(0, 4)], {"n": 4}).folder / MANIFEST
    told = json.loads(manifest.read_text())
    change(told)
    manifest.write_text(json.dumps(told))
    with pytest.warns(CorruptEntryWarning):
        assert store.find("features", KEY) is None


def test_reading_a_damaged_shard_lazily_raises_instead_of_yielding(tmp_path):
    entry = Store(tmp_path).put("images", KEY, [rows(0, 1), rows(1, 1)], {})
    (entry.folder / "shard-00001.safetensors").write_bytes(b"rubbish")
    shards = entry.read()
    next(shards)
    with pytest.raises(CorruptEntry):
        next(shards)


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def full():
        yield rows(0, 4)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Store(tmp_path).put("features", KEY, full(), {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_writers_of_one_entry_both_succeed_and_one_entry_remains(tmp_path):
    first, second = Store(tmp_path), Store(tmp_path)

    def meanwhile():
        second.put("features", KEY, [rows(0, 4)], {"who": "same"})
        yield rows(0, 4)

    first.put("features", KEY, meanwhile(), {"who": "same"})
    assert first.load("features", KEY)[1]["x"].tolist() == [0, 1, 2, 3]
    assert not list((tmp_path / "tmp").iterdir())


def test_what_a_killed_writer_left_is_invisible_and_swept_by_the_next(tmp_path):
    script = (
        "import sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from harness.pipeline.store import Store\n"
        "def slow():\n"
        "    yield {'x': np.zeros(3, np.float32)}\n"
        "    print('half', flush=True); time.sleep(60)\n"
        f"Store(Path({str(tmp_path)!r})).put('features', {KEY!r}, slow(), {{}})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = Store(tmp_path)
    assert store.find("features", KEY) is None
    assert list((tmp_path / "tmp").iterdir())
    store.put("features", "cd" + "0" * 62, [rows(0, 1)], {})
    assert not list((tmp_path / "tmp").iterdir())


def test_a_file_is_replaced_whole_and_a_failed_replacement_keeps_the_old_one(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(TypeError):
        write_atomically(path, "text is not bytes")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file.json"]


def test_statistics_on_a_full_disk_keep_the_old_file_and_the_error_names_it(tmp_path):
    path = tmp_path / "ref.npz"
    write(path, of_features(np.random.default_rng(0).normal(size=(9, 4))))
    old = path.read_bytes()
    script = (
        "import resource, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from harness.studies.statistics.npz import of_features, write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # a write beyond the limit then fails, as on a full disk
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({2 * len(old)}, {2 * len(old)}))\n"
        "try:\n"
        f"    write(Path({str(path)!r}), of_features(np.random.default_rng(0).normal(size=(99, 64))))\n"
        "except OSError as error:\n"
        "    print(error.filename)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == f"{path}\n"
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["ref.npz"]


def test_sweeping_keeps_what_a_living_process_is_writing(tmp_path):
    store = Store(tmp_path)

    def while_another_writes():
        Store(tmp_path).put("features", "cd" + "0" * 62, [rows(0, 1)], {})
        yield rows(0, 2)

    started = time.monotonic()
    assert store.put("features", KEY, while_another_writes(), {}).arrays()["x"].tolist() == [0, 1]
    assert time.monotonic() - started < 30


def test_sweeping_takes_only_what_a_dead_process_of_this_very_host_left(tmp_path, monkeypatch):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    tail = f"{dead.pid}-{'0' * 32}"
    others = [f"node-a-{tail}", f"node-3999999-{tail}", f"no-{tail}", f"nodes-{tail}", "node-a-b", f"node-{dead.pid}-0"]
    for name in (*others, f"node-{tail}"):
        (tmp_path / "tmp" / name).mkdir(parents=True)
    monkeypatch.setattr("socket.gethostname", lambda: "node")
    Store(tmp_path).put("features", KEY, [rows(0, 1)], {})
    assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == sorted(others)


class Busy(Store):
    """A store in which another run removes every entry as soon as it is there."""

    def _finish(self, temporary, kind, key):
        super()._finish(temporary, kind, key)
        self.forget(kind, key)


def test_a_note_that_another_run_replaces_at_that_moment_is_no_error_and_a_result_is(tmp_path):
    store = Busy(tmp_path)
    for kind in HERE:
        assert store.put(kind, KEY, [], {"when": "now"}).facts == {"when": "now"}
    with pytest.raises(OSError, match="cannot be read back"):
        store.put("features", KEY, [rows(0, 1)], {})
