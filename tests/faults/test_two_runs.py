"""Two runs into one OUT, at once or in turn: neither vouches for what the other wrote, nor replaces it unsaid."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from harness.pipeline import ownership
from harness.pipeline.ownership import ReplacedWarning
from harness.run import run_benchmark
from tests.support.noise_folders import declared, noise


def started(bench: Path, out: Path, said: Path) -> subprocess.Popen[bytes]:
    """`harness run` in a process of its own, its words in the file `said`."""
    command = [sys.executable, "-m", "harness.cli.main", "run", bench, "--out", out, "--store", bench.parent / "other"]
    with said.open("wb") as stream:
        return subprocess.Popen(
            [*map(str, command), "--workers", "1", "--no-tracking"], stdout=stream, stderr=stream, env=dict(os.environ)
        )


def until_it_waits_or_ends(process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and b"waiting" not in said.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1], ids=["the same declaration", "an edited one"])
def test_a_run_that_finishes_during_anothers_last_steps_does_not_get_its_receipt(tmp_path, monkeypatch, seed):
    real, fake = noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1)
    mine = declared(real, fake, out=tmp_path / "a" / "same")
    theirs = declared(real, fake, out=tmp_path / "b" / "same", seed=seed)
    out, said = tmp_path / "out", tmp_path / "said.txt"
    options = {"store": tmp_path / "store", "workers": 1, "tracking": False}
    truth = run_benchmark(mine, out=tmp_path / "alone", **options).leaderboard.to_json()
    others, receipt = [], ownership.write_receipt

    def late(folder: Path, run_key: str) -> None:
        if not others:
            others.append(started(theirs, out, said))
            until_it_waits_or_ends(others[0], said)
        receipt(folder, run_key)

    monkeypatch.setattr(ownership, "write_receipt", late)
    first = run_benchmark(mine, out=out, **options)
    assert others[0].wait(120) == 0, said.read_text()
    assert "another run is writing to" in said.read_text()
    again = run_benchmark(mine, out=out, **options)
    assert first.leaderboard.to_json() == again.leaderboard.to_json() == truth
    assert (out / "leaderboard.json").read_text() == truth
    assert again.cached == (seed == 0)


def test_a_run_in_the_place_of_anothers_says_so_and_a_rerun_says_nothing(tmp_path):
    real, fake = noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1)
    one = declared(real, fake, out=tmp_path / "a" / "same")
    edited = declared(real, fake, out=tmp_path / "b" / "same", seed=1)
    out, options = tmp_path / "out", {"store": tmp_path / "store", "workers": 1, "tracking": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReplacedWarning)
        run_benchmark(one, out=out, **options)
        run_benchmark(one, out=out, **options)
    with pytest.warns(ReplacedWarning, match=f"in {out}, report sections.*another --out"):
        run_benchmark(edited, out=out, **options)
