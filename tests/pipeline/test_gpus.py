"""Each worker sees one GPU of its own, dealt out by what CUDA_VISIBLE_DEVICES of the run names."""

import os
import time

import pytest

from harness.base.errors import UsageError
from harness.pipeline.executors.gpus import visible_gpus
from harness.pipeline.executors.local import LocalExecutor, default_workers
from harness.pipeline.executors.table import executor
from harness.pipeline.executors.work import Asked, outcomes


def seen(_: int) -> tuple[int, str | None]:
    time.sleep(0.3)  # so that every worker gets one
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    ("device", "environ", "found"),
    [
        ("cuda", {"CUDA_VISIBLE_DEVICES": "0,1,2"}, ("0", "1", "2")),
        ("auto", {"CUDA_VISIBLE_DEVICES": "GPU-8f, GPU-9a"}, ("GPU-8f", "GPU-9a")),
        ("cuda", {"CUDA_VISIBLE_DEVICES": "2,-1,3"}, ("2",)),  # CUDA's own rule: the list ends there
        ("cuda", {"CUDA_VISIBLE_DEVICES": ""}, ()),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "0,1"}, ()),  # one is named: it is all workers'
        ("cpu", {"CUDA_VISIBLE_DEVICES": "0,1"}, ()),
        ("cuda", {"CUDA_VISIBLE_DEVICES": "4,5,6,7", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, ("5", "7")),
    ],
)
def test_the_gpus_are_those_that_the_environment_leaves_visible(device, environ, found):
    assert visible_gpus(device, environ) == found


def test_every_worker_sees_a_gpu_of_its_own_and_there_are_as_many_workers_as_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("HARNESS_WORKERS", raising=False)
    with executor("local", Asked(device="cuda")) as local:
        assert isinstance(local, LocalExecutor)
        assert local.workers == 2
        found = {f.result for f in outcomes(local, seen, list(range(6)))}
    assert sorted(gpu for _, gpu in found) == ["3", "5"]
    assert len({pid for pid, _ in found}) == 2


def test_more_workers_than_gpus_share_them_evenly_and_one_gpu_is_left_as_it_is(monkeypatch):
    with LocalExecutor(4, ("0", "1")) as local:
        found = {f.result for f in outcomes(local, seen, list(range(8)))}
    assert sorted(gpu for _, gpu in found) == ["0", "0", "1", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6")
    made = executor("local", Asked(device="cuda", workers=3))
    assert isinstance(made, LocalExecutor)
    assert (made.workers, made.gpus) == (3, ())


def test_processes_side_by_side_share_the_cores(monkeypatch):
    monkeypatch.delenv("HARNESS_WORKERS", raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "64")
    assert default_workers() == 1
    assert default_workers(4) == 4


def test_what_only_a_cluster_can_be_asked_is_refused_here():
    with pytest.raises(UsageError, match="--gpus-per-worker need --executor ray or slurm"):
        executor("local", Asked(gpus=1))
