"""gs:// and az:// against emulators of this machine, where they are installed: the store's operations, whole.

`pip install gcsfs gcp-storage-emulator`; `pip install adlfs` and `npm install --global azurite`. Neither is
the service itself: that of Google ignores conditions of writes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.base import Bucket
from harness.pipeline import BucketPlace
from harness.pipeline.bucket_store import BucketStore, NoConditionWarning

KEY, OTHERS = "ab" + "0" * 62, [f"{number:064x}" for number in range(20)]
# Azurite's account, the same for everybody.
ACCOUNT = "devstoreaccount1"
SECRET = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def started(words: list[str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"{words[0]} did not start")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that a client of Google's emulator needs."""
    if absent := [name for name in ("gcsfs", "gcp_storage_emulator") if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(absent)}")
    port = free_port()
    options = ["start", "--host=127.0.0.1", f"--port={port}", "--in-memory", "--default-bucket=bench"]
    process = started([sys.executable, "-m", "gcp_storage_emulator", *options], port, tmp_path_factory.mktemp("gs"))
    yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that a client of Azurite needs."""
    if find_spec("adlfs") is None:
        pytest.skip("not installed: adlfs")
    if (program := shutil.which("azurite-blob")) is None:
        pytest.skip("no azurite-blob on the PATH (npm install --global azurite)")
    port = free_port()
    options = ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--blobPort", str(port)]
    process = started([program, *options], port, tmp_path_factory.mktemp("az"))
    place = f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    variables = {
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName={ACCOUNT};AccountKey={SECRET};{place}",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
    }
    make = "import adlfs; adlfs.AzureBlobFileSystem().mkdir('bench')"
    subprocess.run([sys.executable, "-c", make], env={**os.environ, **variables}, check=True)
    yield variables
    process.kill()
    process.wait()


@pytest.mark.parametrize(("scheme", "conditions"), [("gs", False), ("az", True)])
def test_objects_and_entries_are_put_found_listed_and_removed(scheme, conditions, request, monkeypatch, tmp_path):
    for name, value in request.getfixturevalue({"gs": "google", "az": "azure"}[scheme]).items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(f"{scheme}://bench/tried")
    assert bucket.get("one") is None
    assert bucket.size("one") is None
    assert bucket.create("one", b"1")
    assert bucket.create("one", b"2") is not conditions
    bucket.replace("one", b"33")
    assert (bucket.get("one"), bucket.size("one"), bucket.names()) == (b"33", 2, ["one"])
    assert bucket.get_many(["one", "two"]) == {"one": b"33"}
    bucket.remove("one")
    bucket.remove("one")
    assert bucket.names() == []

    first, second = (BucketStore(BucketPlace(bucket.url, tmp_path / name, 10**9)) for name in ("a", "b"))
    with warnings.catch_warnings():
        if not conditions:
            warnings.simplefilter("ignore", NoConditionWarning)
        first.check_writable()
    first.put("features", KEY, [{"x": np.arange(5.0)}], {"n": 5})
    with second.surveyed():
        second.bring("features", [KEY, *OTHERS])
        assert [second.find("features", key) for key in OTHERS] == [None] * len(OTHERS)
    facts, arrays = second.load("features", KEY)
    assert (facts["n"], arrays["x"].tolist()) == (5, [0, 1, 2, 3, 4])
    second.forget("features", KEY)
    assert first.bucket.get(f"features/ab/{KEY}.json") is None
