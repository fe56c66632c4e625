"""Units over Slurm jobs: each job is a worker that lives as long as the run and keeps the encoder that it loaded.

submitit sends jobs to Slurm and tells how they fare. Units wait in a folder of the store, and a job that has begun
takes the next one by renaming its file, so that nobody waits for jobs that are still in Slurm's queue. A job ends when
the run does, and when the run gives no sign of life any more.
"""

from __future__ import annotations

import json
import os
import pickle
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from harness.base import UsageError, printable, write_atomically
from harness.pipeline.executors import fit
from harness.pipeline.executors.local import compute_on_one_thread
from harness.pipeline.executors.work import Asked, WorkerDied

FOLDER = "slurm"  # of the store
CLOSED, BEAT = "closed", "beat"
LOOK = 0.2  # seconds between two looks into the folder
ALIVE = 300.0  # seconds without a sign of the run until a job ends itself
MINUTES = 24 * 60  # of a job, at most; $SBATCH_TIMELIMIT says otherwise
STARTS = 3  # jobs that end before they take a unit, until no other is sent
GONE = ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REVOKED")  # states of a job that ended for no doing of its own

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class SlurmExecutor:
    """Runs units in `asked.workers` Slurm jobs; `cluster` "local" starts processes of this machine instead, for tests.

    A job takes `asked.cpus` (1) and `asked.gpus` (none). Partition, account and time limit are sbatch's own variables:
    `$SBATCH_PARTITION`, `$SBATCH_ACCOUNT`, `$SBATCH_TIMELIMIT` …
    """

    def __init__(self, asked: Asked, *, cluster: str = "slurm") -> None:
        self.asked = asked
        self.cluster = cluster
        self._folder = (asked.shared or Path.cwd()) / FOLDER / uuid.uuid4().hex
        self._futures: dict[str, Future[Any]] = {}
        self._jobs: dict[str, Any] = {}  # by the name of the worker
        self._count = 0
        self._begun: set[str] = set()
        self._failed_starts = 0
        self._refused: UsageError | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    @classmethod
    def of(cls, asked: Asked, _: str = "") -> SlurmExecutor:
        """An executor of this machine's Slurm. Raises UsageError where submitit or `sbatch` is missing."""
        try:
            import_module("submitit")
        except ImportError:
            raise UsageError("--executor slurm needs submitit: pip install 'generative-image-harness[slurm]'") from None
        if shutil.which("sbatch") is None:
            raise UsageError("--executor slurm: no `sbatch` on the PATH; run it on a submit host")
        if asked.workers is None:
            raise UsageError("--executor slurm: set the number of jobs with --workers")
        return cls(asked)

    @property
    def width(self) -> int:
        """Two units a worker: the next one lies ready when one ends."""
        return 2 * (self.asked.workers or 1)

    def __enter__(self) -> SlurmExecutor:
        for name in ("in", "taken", "out", "workers", "jobs"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # what lies there is run
        self._beat()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._closing.set()
        write_atomically(self._folder / CLOSED, b"")
        if self._watcher is not None:
            self._watcher.join()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            for job in self._jobs.values():
                with suppress(Exception):
                    job.cancel()
        else:
            deadline = time.monotonic() + 30
            while any((self._folder / "workers" / name).exists() for name in self._jobs):
                if time.monotonic() > deadline or all(job.done() for job in self._jobs.values()):
                    break
                time.sleep(LOOK)
            for name, job in self._jobs.items():
                with suppress(Exception):
                    if name not in self._begun and not job.done():  # it waits in Slurm's queue yet
                        job.cancel(check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        """`work(unit)` in the next job that is free; jobs are sent with the first unit."""
        future: Future[Result] = Future()
        with self._lock:
            if self._refused is not None:
                future.set_exception(self._refused)
                return future
            self._count += 1
            name = f"{self._count:09d}"
            self._futures[name] = future
        write_atomically(self._folder / "in" / name, pickle.dumps((work, unit)))
        if self._watcher is None:
            self._send(self.asked.workers or 1)
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        return future

    # ---------------------------------------------------------------- jobs

    def _send(self, count: int) -> None:
        """Submit more jobs, as one array. Raises UsageError with Slurm's words where it takes none."""
        executor = import_module("submitit").AutoExecutor(folder=self._folder / "jobs", cluster=self.cluster)
        needs: dict[str, Any] = {"name": "harness", "timeout_min": MINUTES, "cpus_per_task": int(self.asked.cpus or 1)}
        if self.asked.gpus:
            needs["gpus_per_node"] = int(self.asked.gpus)
        executor.update_parameters(**needs)
        names = [f"{len(self._jobs) + i:05d}" for i in range(count)]
        shared = self.asked.shared
        try:
            with executor.batch():
                jobs = [executor.submit(serve, str(self._folder), name, str(shared or self._folder)) for name in names]
            self._jobs |= dict(zip(names, jobs, strict=True))
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"--executor slurm: sbatch refused the jobs: {printable(words[-400:])}") from None

    def _watch(self) -> None:
        """Bring back results, tell of jobs that ended, and send others in their place."""
        beat = ended = 0.0
        over: set[str] = set()
        while not self._closing.wait(LOOK):
            now = time.monotonic()
            if now - beat > ALIVE / 10:
                beat = now
                self._beat()
            self._bring()
            self._refuse_misfits()
            if now - ended < 1.0:
                continue
            ended = now
            for name, job in list(self._jobs.items()):
                if name not in over and job.done():
                    over.add(name)
                    self._bring()  # what it finished before it ended
                    self._lost(name, job)
                    if self._refused is None and not self._closing.is_set():
                        try:
                            self._send(1)
                        except UsageError as error:
                            self._refuse(error)

    def _bring(self) -> None:
        for path in sorted((self._folder / "out").iterdir()):
            if path.name.startswith("."):
                continue
            with self._lock:
                future = self._futures.pop(path.name, None)
            if future is not None:
                result, error = pickle.loads(path.read_bytes())
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)
            path.unlink(missing_ok=True)

    def _lost(self, worker: str, job: Any) -> None:
        state = str(job.state)
        death = WorkerDied(f"its job {job.job_id} ended ({state})", blameless=state.split()[0] in GONE)
        found = list((self._folder / "taken").glob(f"*@{worker}"))
        self._failed_starts = 0 if worker in self._begun else self._failed_starts + 1
        (self._folder / "workers" / worker).unlink(missing_ok=True)
        for path in found:
            with self._lock:
                future = self._futures.pop(path.name.partition("@")[0], None)
            path.unlink(missing_ok=True)
            if future is not None:
                future.set_exception(death)
        if self._failed_starts >= STARTS:
            words = " ".join((job.stderr() or "").split())[-300:]
            self._refuse(UsageError(f"--executor slurm: jobs end before they start ({state}): {printable(words)}"))

    def _refuse_misfits(self) -> None:
        for path in list((self._folder / "workers").iterdir()):
            with suppress(OSError, ValueError):
                said = json.loads(path.read_text(encoding="ascii"))
                self._begun.add(path.name)
                host, sees = said["host"], said["sees_store"]
                if problem := fit.misfit(said["versions"], sees, where=host, shared=self.asked.shared):
                    self._refuse(UsageError(f"--executor slurm: {problem}"))

    def _refuse(self, problem: UsageError) -> None:
        with self._lock:
            self._refused, futures = problem, list(self._futures.values())
            self._futures.clear()
        for future in futures:
            future.set_exception(problem)

    def _beat(self) -> None:
        with suppress(OSError):
            write_atomically(self._folder / BEAT, str(time.time_ns()).encode())


def serve(folder: str, name: str, shared: str) -> int:
    """What a job runs: units of the folder, one after the other, until the run is over; how many it did."""
    home, done = Path(folder), 0
    compute_on_one_thread()
    about = {"host": platform.node(), "versions": fit.versions(), "sees_store": os.path.isdir(shared)}
    write_atomically(home / "workers" / name, json.dumps(about).encode("ascii"))
    beat, since = "", time.monotonic()
    while not (home / CLOSED).exists() and home.is_dir():
        if (taken := _take(home, name)) is not None:
            _run(home, taken)
            done += 1
            continue
        with suppress(OSError):
            if (now := (home / BEAT).read_text(encoding="ascii")) != beat:
                beat, since = now, time.monotonic()
        if time.monotonic() - since > ALIVE:
            break
        time.sleep(LOOK)
    (home / "workers" / name).unlink(missing_ok=True)
    return done


def _take(home: Path, name: str) -> Path | None:
    """The next unit, this worker's from now on; None where none waits."""
    with suppress(FileNotFoundError):
        for path in sorted((home / "in").iterdir()):
            taken = home / "taken" / f"{path.name}@{name}"
            if path.name.startswith("."):
                continue
            with suppress(FileNotFoundError):  # another was first
                path.rename(taken)
                return taken
    return None


def _run(home: Path, taken: Path) -> None:
    work, unit = pickle.loads(taken.read_bytes())
    answer: tuple[Any, BaseException | None]
    try:
        answer = work(unit), None
    except BaseException as error:
        answer = None, error
    write_atomically(home / "out" / taken.name.partition("@")[0], pickle.dumps(answer))
    taken.unlink(missing_ok=True)
