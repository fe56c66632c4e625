"""Units over spawned processes of this machine, one compute thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import ModuleType
from typing import Any, TypeVar

from harness.base import UsageError
from harness.pipeline.executors.gpus import VISIBLE, visible_gpus
from harness.pipeline.executors.work import Asked

VARIABLE = "HARNESS_WORKERS"
# glibc gives blocks above 128 kB to 32 MB back to the system at once and asks for them again: of a convolution's time
# on a CPU, 40% went into clearing their pages (random_convnet, 32 px: .85 → .55 CPU s for 256 images, +120 MB).
ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(256 << 20), "MALLOC_TRIM_THRESHOLD_": str(512 << 20)}

GRACE = 0.3  # seconds that an interrupted worker has before it is killed

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class LocalExecutor:
    """Runs units in `workers` processes, started when first needed and kept until the end.

    A single worker is a process too: code of a user's that ends its process must not end the run. Every process
    computes on one thread: sums then have one order, and results the same bits for any worker count.
    """

    def __init__(self, workers: int, gpus: Sequence[str] = ()) -> None:
        self.workers = max(1, workers)
        self.gpus = tuple(gpus)  # dealt out in turn, so that each worker sees one
        self._pool: ProcessPoolExecutor | None = None

    @classmethod
    def of(cls, asked: Asked, _: str = "") -> LocalExecutor:
        """Processes of this machine: as many as are asked for, else one a GPU where there are several, else one a core.

        Raises UsageError for what a cluster alone can be asked.
        """
        if asked.cpus is not None or asked.gpus is not None:
            raise UsageError("--cpus-per-worker and --gpus-per-worker need --executor ray or slurm; use --workers")
        gpus = visible_gpus(asked.device)
        return cls(asked.workers or default_workers(len(gpus)), gpus if len(gpus) > 1 else ())

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            if kind is not None and issubclass(kind, KeyboardInterrupt):
                with _deaf_to_interrupts():  # who presses Ctrl-C twice means the same thing
                    _end(self._pool)
                    self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    @property
    def width(self) -> int:
        """Two units a process: the next one lies ready when one ends."""
        return 2 * self.workers

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        """`work(unit)` in the next free process; a pool that lost one is replaced."""
        with _starting_processes():  # a submission starts a process where none is free
            if self._pool is not None:
                try:
                    return self._pool.submit(work, unit)
                except BrokenExecutor:
                    self._pool.shutdown(wait=True)
            self._pool = _pool(self.workers, self.gpus)
            return self._pool.submit(work, unit)


def default_workers(gpus: int = 0) -> int:
    """`$HARNESS_WORKERS`, else one process a GPU where there are several, else one a core, eight at most.

    Each holds its own encoder. Processes that torchrun started side by side share the cores.

    Raises UsageError where the variable is no whole number above 0.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        if not given.isdecimal() or int(given) < 1:
            raise UsageError(f"${VARIABLE} is {given!r}; expected a whole number of processes, 1 or more")
        return int(given)
    if gpus > 1:
        return gpus
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    beside = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, min(8, cores // max(1, int(beside) if beside.isdecimal() else 1)))


def _pool(workers: int, gpus: Sequence[str] = ()) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    dealt = context.SimpleQueue() if gpus else None
    if dealt is not None:
        for number in range(workers):
            dealt.put(gpus[number % len(gpus)])
    return ProcessPoolExecutor(workers, context, _prepare_worker, (os.getpid(), dealt))


@contextmanager
def _starting_processes() -> Iterator[None]:
    """A block in which processes are started that Ctrl-C does not reach, and that do not run the script again.

    Ctrl-C is for the whole process group: each worker would print a traceback. An interrupt of this process waits until
    the block ends; a process started meanwhile inherits the mask and keeps it. A spawned process imports the script
    that it was started from, unless it finds none: a script that calls `run_benchmark` needs no `if __name__ …`.
    """
    script = sys.modules.get("__main__")
    sys.modules["__main__"] = ModuleType("__main__")
    kept = {name: value for name, value in ALLOCATION.items() if name not in os.environ}
    os.environ.update(kept)
    try:
        with _deaf_to_interrupts():
            yield
    finally:
        for name in kept:
            del os.environ[name]
        if script is not None:
            sys.modules["__main__"] = script


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started within, it would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes now: they do not hear of an interrupt themselves, and a unit may take hours."""
    processes = list((pool._processes or {}).values())
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:  # code of a user's may have taken SIGTERM for its own
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()


def _prepare_worker(parent: int, gpus: Any = None) -> None:
    def watch() -> None:  # a worker must not outlive a killed parent
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # should a library lift the mask that the process was started under
    threading.Thread(target=watch, daemon=True).start()
    if gpus is not None:
        os.environ[VISIBLE] = gpus.get()  # before anything imports a library that looks
    compute_on_one_thread()


_limits: list[Any] = []


def compute_on_one_thread() -> None:
    """One compute thread for BLAS and OpenMP (torch reads OMP_NUM_THREADS when it is first imported)."""
    if _limits:
        return
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    from threadpoolctl import threadpool_limits

    _limits.append(threadpool_limits(1))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
