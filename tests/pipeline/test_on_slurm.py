"""Slurm's executor on submitit's local jobs: each is a process that Slurm would have placed."""

import time
from functools import partial
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.pipeline.executors.table import executor
from harness.pipeline.executors.work import DIED_TWICE, Asked, Failure, outcomes
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.moody import moody
from tests.support.noise_folders import declared, noise

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'generative-image-harness[slurm]'")

from harness.pipeline.executors import on_slurm
from harness.pipeline.executors.on_slurm import SlurmExecutor


def square(unit: int) -> int:
    return unit * unit


def local(tmp_path: Path, workers: int = 2) -> SlurmExecutor:
    return SlurmExecutor(Asked(workers, shared=tmp_path / "store"), cluster="local")


def test_a_unit_that_kills_its_job_twice_has_failed_and_one_that_lost_it_once_is_run_again(tmp_path):
    units = ["a", "always", "b", "once", "bug", "c"]
    with local(tmp_path) as slurm:
        found = {f.unit: f for f in outcomes(slurm, partial(moody, tmp_path), units)}
        with pytest.raises(OSError, match="No space left"):
            list(outcomes(slurm, partial(moody, tmp_path), ["full", "d"]))
    always = found["always"].result
    assert isinstance(always, Failure)
    assert always.reason.startswith(DIED_TWICE)
    assert found["once"].result[0] == "once"
    [said] = found["once"].warnings
    assert said.startswith("once was run again: its job ")
    assert found["bug"].result.reason == "ValueError: a bug"
    assert {found[unit].result[0] for unit in "abc"} == set("abc")


def test_jobs_live_through_all_stages_leave_nothing_and_give_the_records_of_this_very_process(tmp_path):
    bench = declared(noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1), out=tmp_path / "yaml")
    run_benchmark(bench, out=tmp_path / "one", store=tmp_path / "here", executor=Here(), tracking=False)
    sent = []

    class Counted(SlurmExecutor):
        def _send(self, count):
            sent.append(count)
            super()._send(count)

    slurm = Counted(Asked(2, shared=tmp_path / "store"), cluster="local")
    run_benchmark(bench, out=tmp_path / "two", store=tmp_path / "store", executor=slurm, tracking=False)
    one, two = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two
    assert sent == [2]
    assert list((tmp_path / "store" / on_slurm.FOLDER).iterdir()) == []


def test_a_job_ends_when_the_run_gives_no_sign_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(on_slurm, "ALIVE", 0.5)
    for name in ("in", "taken", "out", "workers"):
        (tmp_path / name).mkdir()
    (tmp_path / on_slurm.BEAT).write_text("1")
    began = time.monotonic()
    assert on_slurm.serve(str(tmp_path), "00001", str(tmp_path)) == 0
    assert time.monotonic() - began < 30


def test_jobs_of_another_version_are_refused_in_one_line(tmp_path, monkeypatch):
    slurm = local(tmp_path, 1)
    monkeypatch.setattr(on_slurm.fit, "versions", lambda: {"numpy": "0.0.1"})  # of this process: the job has its own
    with slurm, pytest.raises(UsageError, match=r"a worker on .* has numpy .* \(here 0\.0\.1\): install the same"):
        list(outcomes(slurm, square, [1, 2]))


def test_what_is_missing_for_slurm_is_said_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no `sbatch` on the PATH"):
        executor("slurm", workers=2)
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(UsageError, match="the number of jobs with --workers"):
        executor("slurm")
