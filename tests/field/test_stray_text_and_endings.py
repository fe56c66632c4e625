"""Whatever user code raises, says or does costs its own cells, in words, and the run goes on and exits non-zero."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from harness import UsageError
from harness.base import printable
from harness.pipeline.executors.work import reason_of
from harness.run import run_benchmark
from tests.support.tiny import tiny

CODE = """
import os
import numpy as np


def fine(seeds):
    return np.stack([np.random.default_rng(seed).integers(0, 256, (8, 8, 1), np.uint8) for seed in seeds])


def stray(seeds):
    raise ValueError(os.fsdecode(b"no file /data/caf\\xe9.png\\x1b[31m"))


def leaves(seeds):
    os._exit(0)


def interrupts(seeds):
    raise KeyboardInterrupt


class Speechless(BaseException):
    def __str__(self):
        raise RuntimeError("no words")


def speechless(seeds):
    raise Speechless


class Odd:
    dim = 1

    def __init__(self, *, kind):
        self.kind = kind
        if kind == "leaves":
            os._exit(0)
        if kind == "raises":
            raise RuntimeError("no weights")

    @property
    def identity(self):
        return {"weights": [1, {2}]} if self.kind == "set" else {"scale": float("nan")}

    def encode(self, images):
        return images.mean(axis=(1, 2, 3), keepdims=True)[:, :, 0, 0].astype(np.float32)
"""
BAD = {
    "stray": "ValueError: no file /data/caf\\udce9.png\\x1b[31m",
    "leaves": "its process died twice",
    "interrupts": "KeyboardInterrupt",
    "speechless": "Speechless: its message cannot be read",
}


@pytest.mark.slow
def test_a_run_with_every_kind_of_bad_generator_under_one_worker(tmp_path):
    bench = tiny(tmp_path, CODE, {name: {"use": f"mine:{name}"} for name in ("fine", *BAD)})
    command = [sys.executable, "-m", "harness.cli.main", "run", str(bench), "--no-tracking", "--workers", "1"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, timeout=300)
    assert outcome.returncode == 1, outcome.stderr.decode()
    assert b"Traceback" not in outcome.stderr
    out = tmp_path / "results" / "tiny"
    rows = {row["generator"]: row for row in json.loads((out / "leaderboard.json").read_text())["rows"]}
    assert rows["fine"]["status"] == "ok"
    for name, words in BAD.items():
        assert words in rows[name]["reason"], name
    for file in ("leaderboard.csv", "leaderboard.md", "report.html", "failures.log", "benchmark.lock.yaml"):
        assert "stray" in (out / file).read_text(encoding="utf-8")
    assert "Traceback" in (out / "failures.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_encoder_that_cannot_say_what_it_is_costs_its_own_cells(tmp_path):
    kinds = ("set", "nan", "leaves", "raises")
    encoders = {"pixels": {}} | {kind: {"use": "mine:Odd", "kind": kind} for kind in kinds}
    bench = tiny(tmp_path, CODE, {"fine": {"use": "mine:fine"}}, encoders=encoders)
    result = run_benchmark(bench, out=tmp_path / "out", store=tmp_path / "store", workers=2, tracking=False)
    reasons = {row.encoder: row.reason for row in result.leaderboard.rows}
    assert reasons["pixels"] is None
    assert "identity['weights'][1] is a set" in str(reasons["set"])
    assert "identity['scale'] is a float (nan)" in str(reasons["nan"])
    assert "its process died twice" in str(reasons["leaves"])
    assert reasons["raises"] == "RuntimeError: no weights"
    assert len(result.failures) == 4


def test_words_that_cannot_be_written_are_escaped_and_others_are_left_alone():
    assert printable("café – 猫\n\tx") == "café – 猫\n\tx"
    assert printable(os.fsdecode(b"caf\xe9\x00")) == "caf\\udce9\\x00"
    error = UsageError(["two\udcff", "lines"])
    assert error.problems == ("two\\udcff", "lines")
    assert str(error).encode() == b"two\\udcff\nlines"
    error.add_note("while\nmaking:")
    assert reason_of(error) == "while making: UsageError: two\\udcff lines"


@pytest.mark.skipif(sys.platform != "linux", reason="paths that are not UTF-8")
def test_a_folder_whose_name_is_not_utf8_can_hold_the_results(tmp_path):
    bench = tiny(tmp_path, CODE, {"fine": {"use": "mine:fine"}, "stray": {"use": "mine:stray"}})
    out = os.fsencode(tmp_path) + b"/caf\xe9"
    command = [sys.executable, "-m", "harness.cli.main", "run", bench, "--no-tracking", "--out", out]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    assert outcome.returncode == 1, outcome.stderr.decode()
    assert b"caf\\udce9/report.html" in outcome.stdout
    assert b"Traceback" not in outcome.stderr
    assert os.path.isfile(out + b"/leaderboard.csv")
