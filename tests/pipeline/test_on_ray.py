"""Ray's executor on a cluster of three nodes, each a set of processes of this machine."""

import os
import threading
import time
from functools import partial

import pytest

from harness.base.errors import UsageError
from harness.pipeline.executors import fit
from harness.pipeline.executors.table import executor
from harness.pipeline.executors.work import DIED_TWICE, Asked, Failure, outcomes
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.moody import moody
from tests.support.noise_folders import declared, noise

pytest.importorskip("ray", reason="Ray is not installed: pip install 'generative-image-harness[ray]'")

from harness.pipeline.executors.on_ray import RayExecutor, death_of, without_tokens
from tests.support.ray_nodes import Nodes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes():
    with Nodes(3) as started:
        yield started


@pytest.fixture
def asked(nodes, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    (tmp_path / "store").mkdir()
    return Asked(3, shared=tmp_path / "store")


def test_units_share_workers_on_one_thread_each_and_deaths_cost_their_own_unit_only(asked, tmp_path):
    units = [*map(str, range(12)), "always", "once", "bug"]
    with executor("ray", asked) as entered:
        assert entered.width == 3
        found = {f.unit: f for f in outcomes(entered, partial(moody, tmp_path), units)}
        with pytest.raises(OSError, match="No space left"):
            list(outcomes(entered, partial(moody, tmp_path), ["full", "a"]))
        assert [f.result for f in outcomes(entered, partial(os.environ.get, "OMP_NUM_THREADS"), [""])] == ["1"]
    always = found.pop("always").result
    assert isinstance(always, Failure)
    assert always.reason.startswith(DIED_TWICE)
    [said] = found["once"].warnings
    assert said.startswith("once was run again: its worker ")
    assert found.pop("bug").result.reason == "ValueError: a bug"
    assert all(f.result[0] == unit for unit, f in found.items())
    assert len({f.result[1] for f in found.values()}) <= 3 + 3  # workers live on; three were killed


def test_records_are_those_of_this_very_process(asked, tmp_path):
    bench = declared(noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1), out=tmp_path / "yaml")
    run_benchmark(bench, out=tmp_path / "one", store=tmp_path / "here", executor=Here(), tracking=False)
    run_benchmark(bench, out=tmp_path / "two", store=asked.shared, executor=executor("ray", asked), tracking=False)
    one, two = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two
    assert list((asked.shared / "probes").iterdir()) == []


def test_a_worker_of_other_versions_and_one_that_does_not_see_the_store_are_refused_in_one_line(
    nodes, asked, monkeypatch
):
    monkeypatch.setattr(fit, "versions", lambda: {"numpy": "0.0.1"})  # of this process: the workers have their own
    with executor("ray", asked) as entered, pytest.raises(UsageError, match=r"has numpy .* \(here 0\.0\.1\)"):
        list(outcomes(entered, abs, [1, 2]))
    monkeypatch.undo()
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    with executor("ray", asked) as entered:
        for probe in (asked.shared / "probes").iterdir():
            probe.unlink()
        with pytest.raises(UsageError, match=r"cannot see the store .*/store"):
            list(outcomes(entered, abs, [1, 2]))


def test_more_than_any_node_has_is_refused_before_anything_runs(asked):
    with (
        pytest.raises(UsageError, match="asks for 64 CPU, which none of 3 nodes has"),
        executor("ray", Asked(cpus=64, shared=asked.shared)),
    ):
        pass


def test_a_node_that_goes_away_costs_no_unit(nodes, asked, tmp_path):
    units = [f"wait{i}" for i in range(9)]

    def kill_at_work() -> None:
        while len({path.name.rpartition("-")[2] for path in tmp_path.glob("wait*")}) < 3:
            time.sleep(0.1)
        time.sleep(1.0)
        nodes.kill_one()

    killer = threading.Thread(target=kill_at_work, daemon=True)
    with executor("ray", asked) as entered:
        killer.start()
        found = list(outcomes(entered, partial(moody, tmp_path), units))
    killer.join()
    nodes.add_one()
    assert sorted(f.result[0] for f in found) == sorted(units)
    assert len(list(tmp_path.glob("wait*"))) > len(units)  # what the node was at was begun again


def test_tokens_are_not_in_what_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "s3cret-token-1")
    (tmp_path / "token").write_text("s3cret-token-2\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    told = without_tokens(RuntimeError("Invalid token s3cret-token-1\nor s3cret-token-2"))
    assert told == "Invalid token … or …"


def test_only_a_lost_node_is_nobodys_fault():
    assert death_of(Exception("The actor died because its node has died. Node Id: 1")).blameless
    assert not death_of(Exception("pid: 7\nip: 10.0.0.1\nWorker exit type: SYSTEM_ERROR")).blameless


def test_without_ray_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'generative-image-harness\[ray\]'"):
        RayExecutor.of(Asked())
