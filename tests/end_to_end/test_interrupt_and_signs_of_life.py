"""Ctrl-C ends a run within a second, with one sentence, no process left and all that was finished kept."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli.heartbeat import Heartbeat

SLOW = """\
import os, signal, time
import numpy as np

class Slow:
    def sample(self, seeds):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as a library's own handler would
        with open("workers", "a") as told:
            told.write(f"{os.getpid()}\\n")
        time.sleep(120)
        return np.zeros((len(seeds), 8, 8, 1), np.uint8)
"""


def start_of_python() -> float:
    """Seconds that this machine takes to start Python now: how busy it is."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import json, logging, tempfile"], check=True)
    return time.monotonic() - began


def test_ctrl_c_ends_a_run_within_a_second_and_the_store_goes_on_from_there(small):
    (small.folder / "slow.py").write_text(SLOW)
    generators = "generators:\n  noise: {}\n  slow: {use: 'slow:Slow'}\ntraining_seeds"
    small.bench.write_text(re.sub(r"generators:.*training_seeds", generators, small.bench.read_text(), flags=re.DOTALL))
    run = subprocess.Popen(
        small.command("run", "bench.yaml", "--no-tracking", "--workers", 2),
        cwd=small.folder,
        env={**small.environment(), "HARNESS_HEARTBEAT": "0.5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    workers = small.folder / "workers"

    def made() -> list[Path]:
        return list((small.folder / ".harness/images").rglob("manifest.json"))

    deadline = time.monotonic() + 120
    while not (workers.exists() and len(made()) == 4):  # two real sets and two of noise
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)  # for a sign of life
    os.killpg(run.pid, signal.SIGINT)
    began = time.monotonic()
    _, errors = run.communicate(timeout=60)
    took = time.monotonic() - began
    lines = errors.splitlines()
    assert lines[-1] == "interrupted; finished work is kept; run the same command again to continue"
    assert "Traceback" not in errors
    assert run.returncode == 130
    print(f"ended within {took:.2f} s")
    assert took < 1 + 4 * start_of_python()
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers.read_text().split())
    assert re.search(r"^sample \d/\d: still running, \d+ s$", errors, re.MULTILINE)
    kept = small.harness("sample", "bench.yaml", "--generator", "noise")
    assert kept.returncode == 0, kept.stderr
    assert kept.stderr == ""  # nothing of it was left to do


@pytest.mark.parametrize(("heard", "expected"), [(False, True), (True, False)])
def test_a_sign_of_life_comes_only_where_nothing_was_said(heard, expected):
    said: list[str] = []
    beat = Heartbeat(10.0, said.append)
    beat.where = lambda: "score 3/9"
    beat.last -= 9.5
    if heard:
        beat.heard()
    answers = iter([False, True])  # the wait times out once, and is over then
    beat._over.wait = lambda _: next(answers)  # type: ignore[method-assign]
    beat.run()
    assert said == (["score 3/9: still running, 0 s"] if expected else [])
