"""Files that a declaration names by an address: from a hub, from a bucket, or placed by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import benchmark
from harness.base import Bucket, UsageError, fetched, local_path, place_of
from harness.pipeline import Plan
from tests.support.hub import COMMIT, serving
from tests.support.objects import BUCKET, ROOT, needs_s3

FILES = {"config.json": b"{}", "weights/net.safetensors": b"the weights" * 1000, "images/0.png": b"png"}
FETCH = "import sys; from harness.base import fetched; print(fetched(sys.argv[1]))"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_FETCHED", str(tmp_path / "fetched"))


def asked_of(hub: str, address: str, tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """`fetched` in a process of its own: the Hub's library reads its environment once, when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1", **more}
    words = [sys.executable, "-c", FETCH, address]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_file_of_the_hub_is_fetched_once_and_then_needs_no_network(tmp_path):
    asked: list[str] = []
    address = f"hf://someone/net@{COMMIT}/weights/net.safetensors"
    with serving("someone/net", FILES, asked) as hub:
        first = asked_of(hub, address, tmp_path)
        assert first.returncode == 0, first.stderr
        assert Path(first.stdout.strip()).read_bytes() == FILES["weights/net.safetensors"]
        seen = len(asked)
        assert seen > 0
        folder = asked_of(hub, f"hf://someone/net@{COMMIT}/weights/", tmp_path)
        assert folder.returncode == 0, folder.stderr
        assert [path.name for path in Path(folder.stdout.strip()).iterdir()] == ["net.safetensors"]
    again = asked_of("http://127.0.0.1:9", address, tmp_path)
    assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr


def test_without_a_network_it_says_what_to_place_where_and_takes_what_was_placed(tmp_path):
    address = f"hf://someone/net@{COMMIT}/weights/net.safetensors"
    outcome = asked_of("http://127.0.0.1:9", address, tmp_path, HF_HUB_OFFLINE="1")
    place = tmp_path / "fetched" / "hf" / "someone" / f"net@{COMMIT}" / "weights" / "net.safetensors"
    words = f"put weights/net.safetensors of the model someone/net at revision {COMMIT} at {place}"
    assert words in outcome.stderr.splitlines()[-1]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert fetched(address) == place


@pytest.mark.parametrize("address", ["hf://someone/net/file", "hf://net@main/file", "hf://someone/net@main"])
def test_an_address_of_the_hub_names_owner_revision_and_path(address):
    with pytest.raises(UsageError, match="use hf://OWNER/NAME@REVISION/PATH"):
        fetched(address)


def test_an_address_cannot_leave_the_folder_of_what_is_fetched():
    with pytest.raises(UsageError, match=r"\.\. is not allowed"):
        place_of("s3://bench/../../etc/passwd")


def test_a_path_stays_a_path(tmp_path):
    assert local_path(tmp_path, "a/b.npz") == str(tmp_path / "a" / "b.npz")
    assert local_path(tmp_path, "/c.npz") == "/c.npz"
    assert local_path(tmp_path, "file:///c.npz") == "/c.npz"


@needs_s3
def test_files_and_folders_come_from_a_bucket(s3, monkeypatch):
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    for name, payload in FILES.items():
        Bucket(f"s3://{BUCKET}/data").replace(name, payload)
    found = fetched(f"s3://{BUCKET}/data/weights/net.safetensors")
    assert found.read_bytes() == FILES["weights/net.safetensors"]
    folder = fetched(f"s3://{BUCKET}/data/images/")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"0.png": b"png"}
    with pytest.raises(UsageError, match="no such object; a folder's address ends in a slash"):
        fetched(f"s3://{BUCKET}/data/nothing")
    with pytest.raises(UsageError, match="no object found under"):
        fetched(f"s3://{BUCKET}/data/nothing/")


YAML = """\
name: addresses
seed: 0
datasets: {root}/datasets.yaml
dataset: digits
n_real: 100
n_fake: 20
preprocessing: {{channels: grey, resize: null, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  theirs:
    use: npz
    path: {path}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""


def test_a_benchmark_names_images_by_an_address(tmp_path):
    bench, path = tmp_path / "bench.yaml", "hf://datasets/someone/samples@main/a.npz"
    bench.write_text(YAML.format(root=ROOT, path=path))
    place = place_of(path)
    place.parent.mkdir(parents=True)
    np.savez(place, images=np.zeros((30, 8, 8, 1), np.uint8))
    assert benchmark.load(bench).pool("theirs") == 30
    plan = Plan(benchmark.load(bench), tmp_path / "store")
    assert path not in str(plan.identity("generators", "theirs"))  # it counts by content


def test_an_address_that_cannot_be_fetched_is_said_with_its_line(tmp_path):
    bench = tmp_path / "bench.yaml"
    bench.write_text(YAML.format(root=ROOT, path="hf://someone/samples/a.npz"))
    with pytest.raises(
        UsageError, match=r"bench\.yaml:12:11: generators.theirs.path: .*use hf://OWNER/NAME@REVISION/PATH"
    ):
        benchmark.load(bench)
