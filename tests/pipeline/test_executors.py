"""Every unit is run once, failures are kept apart, and one thread computes, wherever and on however many workers."""

import errno
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.pipeline.executors.local import LocalExecutor, default_workers
from harness.pipeline.executors.table import EXECUTORS, executor
from harness.pipeline.executors.work import DIED_TWICE, Failure, outcomes
from harness.pipeline.store import CorruptEntryWarning
from harness.run import run_benchmark
from tests.support.here import Here
from tests.support.noise_folders import declared, noise


def square(unit: int) -> int:
    return unit * unit


def moody(unit: str) -> str:
    if unit == "bug":
        raise ValueError("a\nbug")
    if unit == "usage":
        raise UsageError(["one thing", "another"])
    if unit == "missing file":
        raise FileNotFoundError(errno.ENOENT, "No such file", "weights.bin")
    if unit == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if unit == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if unit == "leave":
        os._exit(0)
    if unit == "warn":
        warnings.warn("entry was corrupted", CorruptEntryWarning, 2)
        warnings.warn("somebody else's business", DeprecationWarning, 2)
    return unit


def hungry(unit: int) -> int:
    """Asks for memory that the process may not have, as on a machine where none is left."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if unit < 0:
        with open("/proc/self/statm") as statm:
            has = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + (64 << 20), hard))
    try:
        return len(bytearray(256 << 20 if unit < 0 else 1))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def threads(_: int) -> tuple[str, int]:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return os.environ["OMP_NUM_THREADS"], max((pool["num_threads"] for pool in threadpool_info()), default=1)


def test_the_environment_says_how_many_workers_there_are_where_nothing_else_does(monkeypatch):
    monkeypatch.setenv("HARNESS_WORKERS", "3")
    assert default_workers() == 3
    monkeypatch.setenv("HARNESS_WORKERS", "")
    assert 1 <= default_workers() <= 8
    for wrong in ("0", "-1", "two"):
        monkeypatch.setenv("HARNESS_WORKERS", wrong)
        with pytest.raises(UsageError, match=r"\$HARNESS_WORKERS is '"):
            default_workers()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_is_run_once(workers):
    with LocalExecutor(workers) as local:
        finished = {f.unit: f.result for f in outcomes(local, square, list(range(7)))}
    assert finished == {unit: unit * unit for unit in range(7)}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_unit_that_raises_is_a_failure_in_one_line_and_the_others_go_on(workers):
    with LocalExecutor(workers) as local:
        results = {f.unit: f.result for f in outcomes(local, moody, ["bug", "fine", "usage", "missing file"])}
    assert results["fine"] == "fine"
    assert results["bug"] == Failure("ValueError: a bug", usage=False, detail=results["bug"].detail)
    assert "Traceback" in results["bug"].detail
    assert results["usage"] == Failure("one thing; another", usage=True)
    assert results["missing file"].reason.startswith("FileNotFoundError: ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_worker_without_memory_fails_its_unit_with_the_reason_and_the_others_go_on():
    with LocalExecutor(2) as local:
        results = {f.unit: f.result for f in outcomes(local, hungry, [1, -1, 2, 3])}
    failed = results.pop(-1)
    assert failed == Failure("MemoryError", usage=False, detail=failed.detail)
    assert results == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_nobodys_failure_and_stops_the_run(workers):
    with LocalExecutor(workers) as local, pytest.raises(OSError, match="No space left"):
        list(outcomes(local, moody, ["full", "fine"]))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_harness_own_warnings_reach_the_caller_and_no_others(workers):
    with LocalExecutor(workers) as local:
        assert next(f for f in outcomes(local, moody, ["warn", "fine"]) if f.unit == "warn").warnings == (
            "entry was corrupted",
        )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("unit", ["die", "leave"])
def test_a_process_that_is_killed_or_ends_itself_costs_its_own_unit_only(workers, unit):
    with LocalExecutor(workers) as local:
        results = {f.unit: f.result for f in outcomes(local, moody, ["a", unit, "b", "c", "d"])}
        assert results.pop(unit) == Failure(DIED_TWICE, usage=False)
        assert results == {unit: unit for unit in "abcd"}
        assert sorted(f.result for f in outcomes(local, square, [1, 2])) == [1, 4]


def test_after_a_death_only_units_that_were_at_work_are_run_alone():
    class Counting(LocalExecutor):
        submitted = 0

        def submit(self, work, unit):
            self.submitted += 1
            return super().submit(work, unit)

    with Counting(1) as local:
        assert len(list(outcomes(local, moody, ["die", *map(str, range(20))]))) == 21
        assert local.submitted <= 21 + local.width


def test_the_records_do_not_hang_on_the_executor(tmp_path):
    real, fake = noise(tmp_path / "real", 60), noise(tmp_path / "fake", 60, seed=1)
    bench = declared(real, fake, out=tmp_path / "yaml")
    for name, entered in {"here": Here(), "processes": LocalExecutor(2)}.items():
        run_benchmark(bench, out=tmp_path / name, store=tmp_path / f"{name}-store", executor=entered, tracking=False)
    one, two = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("here", "processes"))
    assert one == two


def test_an_executor_is_found_by_name():
    assert set(EXECUTORS) == {"local", "ray", "slurm"}
    assert executor("local", workers=2).width >= 1
    for name in ("local://somewhere", "slurm://head", "rays"):
        with pytest.raises(UsageError, match="Known: local, ray, slurm"):
            executor(name, workers=2)
    with pytest.raises(UsageError, match="did you mean 'local'"):
        executor("locl", workers=2)


def test_workers_compute_on_one_thread():
    with LocalExecutor(2) as local:
        assert {f.result for f in outcomes(local, threads, [0, 1])} == {("1", 1)}


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path):
    (tmp_path / "sleeper.py").write_text(
        "import os, time\ndef sleep(path):\n    open(path, 'w').write(str(os.getpid())); time.sleep(120)\n"
    )
    (tmp_path / "script.py").write_text(
        "import sleeper\n"
        "from harness.pipeline.executors.local import LocalExecutor\n"
        "from harness.pipeline.executors.work import outcomes\n"
        f"list(outcomes(LocalExecutor(2), sleeper.sleep, [{str(tmp_path / 'one')!r}, {str(tmp_path / 'two')!r}]))\n"
    )
    parent = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    files = [tmp_path / "one", tmp_path / "two"]
    deadline = time.monotonic() + 60
    while not all(f.exists() and f.read_text() for f in files):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{f.read_text()}").exists() for f in files):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.1)


@pytest.mark.parametrize("started", [True, False], ids=["in the units", "while the workers start"])
def test_an_interrupt_of_the_process_group_ends_the_workers_at_once_and_without_a_word(tmp_path: Path, started):
    (tmp_path / "sleeper.py").write_text(
        "import os, time\n"
        "def say(word): os.write(1, f'{word} {os.getpid()}\\n'.encode())\n"  # in one piece, whoever else writes
        "say('imported')\n"
        "time.sleep(0.5)\n"
        "def sleep(seconds):\n"
        "    say('in a unit'); time.sleep(seconds)\n"
    )
    # No `if __name__ == "__main__"`: workers do not run the script again.
    (tmp_path / "script.py").write_text(
        "import sleeper\n"
        "from harness.pipeline.executors.local import LocalExecutor\n"
        "from harness.pipeline.executors.work import outcomes\n"
        "try:\n"
        "    with LocalExecutor(2) as local:\n"
        "        list(outcomes(local, sleeper.sleep, [0, 120]))\n"
        "except KeyboardInterrupt:\n"
        "    sleeper.say('interrupted')\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert parent.stdout is not None
    seen: list[str] = []
    for line in parent.stdout:
        word, pid = line.rsplit(maxsplit=1)
        if word == ("in a unit" if started else "imported") and int(pid) != parent.pid:
            seen.append(pid)
        if len(seen) == 2:
            break
    time.sleep(0.3 if started else 0)  # one of the two has nothing left to do by now
    os.killpg(parent.pid, signal.SIGINT)
    said, errors = parent.communicate(timeout=60)  # half of what a unit sleeps
    assert said.endswith(f"interrupted {parent.pid}\n")
    assert errors == ""
    assert parent.returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)
