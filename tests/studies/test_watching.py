"""`harness watch`: checkpoints scored as they appear, whole ones only, all in one OUT."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch

import harness
from harness.benchmark import write_watched
from harness.studies.live import Watcher
from tests.conftest import ROOT, Small

BENCH = """\
name: watched
seed: 3
datasets: {datasets}
dataset: digits
n_real: 60
n_fake: 60
preprocessing: {{channels: grey, resize: null, quantise: uint8, range: [0, 1]}}
encoders: {{pixels: {{}}}}
generators:
  model: {{use: torchscript, file: '{{checkpoint}}', latent: 4, range: [0, 1], quantise: round}}
metrics: {{fd: {{}}}}
rank_by: {{metric: fd, encoder: pixels}}
"""


class Spread(torch.nn.Module):
    """Images that are a constant with as much noise as `sd` says."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(4, 64, generator=torch.Generator().manual_seed(0)) * sd)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(latents @ self.weight).reshape(-1, 1, 8, 8)


def checkpoint(path: Path, sd: float) -> Path:
    torch.jit.script(Spread(sd)).save(str(path))
    return path


@pytest.fixture
def watched(tmp_path: Path) -> Small:
    made = Small(tmp_path)
    made.bench.write_text(BENCH.format(datasets=ROOT / "datasets.yaml"))
    (tmp_path / "ck").mkdir()
    return made


def watcher(made: Small, **options) -> Watcher:
    return Watcher(made.folder / "ck", made.bench, settle=0.05, **options)


def test_new_checkpoints_are_scored_into_one_out_and_the_best_has_the_price_of_its_choice(watched):
    checkpoint(watched.folder / "ck/step-9.pt", 3.0)
    checkpoint(watched.folder / "ck/step-100.pt", 0.5)
    (watched.folder / "ck/step-101.pt.tmp").write_bytes(b"half")
    told = watched.harness("watch", "ck", "bench.yaml", "--once", "--settle", 0.05)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].split()[:2] == ["checkpoint", "FD"]
    assert {line.split()[0] for line in lines[2:4]} == {"model-ck_step-9.pt", "model-ck_step-100.pt"}
    assert lines[4].startswith("best ")
    assert "after correcting for the choice" in lines[4]
    run = harness.open_run(watched.folder / "results/watched")
    before = {row.generator: row.metrics["fd"] for row in run.leaderboard.rows}
    # A third one arrives, and the damaged fourth costs no other.
    checkpoint(watched.folder / "ck/step-200.pt", 1.0)
    (watched.folder / "ck/step-300.pt").write_bytes(b"no checkpoint")
    told = watched.harness("watch", "ck", "bench.yaml", "--once", "--settle", 0.05)
    assert told.returncode == 1
    assert "sample: 2 to do, 4 in the store" in told.stderr
    rows = {row.generator: row for row in harness.open_run(watched.folder / "results/watched").leaderboard.rows}
    assert len(rows) == 4
    assert rows["model-ck_step-300.pt"].status == "failed"
    assert {name: rows[name].metrics["fd"] for name in before} == before


def test_a_checkpoint_counts_once_it_has_stopped_growing(watched):
    one = watcher(watched)
    path = watched.folder / "ck/a.pt"
    path.write_bytes(b"0")
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with path.open("ab") as stream:
                stream.write(b"0")
            time.sleep(0.005)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        assert one.whole() == []
    finally:
        stop.set()
        thread.join()
    assert one.whole() == [path]
    whole = watched.folder / "ck/b.pt"
    (watched.folder / "ck/.b").write_bytes(b"1")
    (watched.folder / "ck/.b").rename(whole)
    (watched.folder / "ck/c.pt").mkdir()  # no file yet
    assert one.whole() == [path, whole]


def test_checkpoints_are_in_the_order_in_which_people_count(watched):
    for step in (1000, 20, 3):
        (watched.folder / f"ck/step-{step}.pt").write_bytes(b"1")
    (watched.folder / "ck/optimiser.bin").write_bytes(b"1")
    found = watcher(watched, pattern="*.pt").whole()
    assert [path.name for path in found] == ["step-3.pt", "step-20.pt", "step-1000.pt"]


def test_nothing_new_is_nothing_to_do(watched):
    assert watcher(watched).look() is None
    told = watched.harness("watch", "ck", "bench.yaml", "--once", "--settle", 0.01)
    assert (told.returncode, told.stderr) == (1, "ck: no complete checkpoint matches *\n")


def test_the_benchmark_that_is_run_stands_beside_and_replaces_no_file_of_a_persons(watched):
    checkpoints = [watched.folder / "ck/a.pt", watched.folder / "ck/b.pt"]
    for path in checkpoints:
        checkpoint(path, 1.0)
    path = write_watched(watched.bench, checkpoints)
    assert list(harness.load(path).generators) == ["model-ck_a.pt", "model-ck_b.pt"]
    assert write_watched(watched.bench, checkpoints[:1]) == path
    path.write_text("mine: true\n")
    with pytest.raises(harness.UsageError, match="exists and was not written by `harness watch`"):
        write_watched(watched.bench, checkpoints)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("'{checkpoint}'", "a.pt", "no parameter of a generator is '{checkpoint}'"),
        ("latent: 4", "latent: '{checkpoint}'", "2 parameters of generators is '{checkpoint}'"),
    ],
)
def test_a_benchmark_without_one_clear_place_is_refused(watched, old, new, expected):
    watched.edit(old, new)
    with pytest.raises(harness.UsageError, match=expected):
        write_watched(watched.bench, [watched.folder / "ck/a.pt"])


def test_a_folder_that_is_none_is_refused(watched):
    with pytest.raises(harness.UsageError, match="is not a folder; give the folder of the checkpoints"):
        Watcher(watched.folder / "nowhere", watched.bench).look()
