"""Units of work over spawned processes, one compute thread each."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, Generic, TypeVar

from harness.base import UsageError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Unit = TypeVar("Unit")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """Why a unit has no result. `usage` marks a mistake the user can mend; `detail` is the traceback otherwise."""

    reason: str
    usage: bool
    detail: str = ""


@dataclass(frozen=True)
class Finished(Generic[Unit, Result]):
    """A unit with its result or its failure, and how long it took."""

    unit: Unit
    result: Result | Failure
    seconds: float
    warnings: tuple[str, ...] = ()


class Engine:
    """Runs units in `workers` processes (none for 1) that are started when first needed and kept until the end.

    Every process computes on one thread: sums then have one order, and results the same bits for any worker count.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            if kind is not None and issubclass(kind, KeyboardInterrupt):
                _end(self._pool)
            self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, work: Callable[[Unit], Result], units: Sequence[Unit]) -> Iterator[Finished[Unit, Result]]:
        """Each unit's outcome, in the order they finish. A unit that raises is a Failure; the others go on.

        A full disk is not a unit's fault: that OSError is raised.
        """
        if self.workers <= 1 or not units:
            _prepare_process()
            for unit in units:
                yield _attempt(work, unit)
            return
        unfinished = []
        pending: dict[Future[Finished[Unit, Result]], Unit] = {}
        try:
            pool = self._pool = self._pool or _pool(min(self.workers, len(units)))
            with _deaf_to_interrupts():  # the first submission starts the processes
                pending = {pool.submit(_attempt, work, unit): unit for unit in units}
            while pending:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    unit = pending[future]
                    finished = future.result()
                    del pending[future]
                    yield finished
        except KeyboardInterrupt:
            if self._pool is not None:
                _end(self._pool)
            raise
        except BrokenProcessPool:
            unfinished = list(pending.values())
            self._pool = None
        # A process died under one of these units. Alone in a process each, the guilty one shows itself.
        for unit in unfinished:
            with _pool(1) as single:
                try:
                    with _deaf_to_interrupts():
                        future = single.submit(_attempt, work, unit)
                    yield future.result()
                except KeyboardInterrupt:
                    _end(single)
                    raise
                except BrokenProcessPool:
                    yield Finished(unit, Failure("its process died twice: killed, or out of memory", usage=False), 0.0)


def _attempt(work: Callable[[Unit], Result], unit: Unit) -> Finished[Unit, Result]:
    start = time.perf_counter()
    result: Result | Failure
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            result = work(unit)
        except UsageError as error:
            result = Failure("; ".join(error.problems), usage=True)
        except (Exception, SystemExit) as error:  # code of a user's that ends the program costs its own unit only
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                raise
            result = Failure(reason_of(error), usage=False, detail=traceback.format_exc())
    said = tuple(dict.fromkeys(str(w.message) for w in caught if w.category.__module__.startswith("harness.")))
    return Finished(unit, result, time.perf_counter() - start, said)


def reason_of(error: BaseException) -> str:
    """An exception in one line: its notes, its class, its message."""
    words = f"{type(error).__name__}: {error}".strip().rstrip(":")
    return " ".join(" ".join([*getattr(error, "__notes__", ()), words]).split())


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare_worker, (os.getpid(),))


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A block in which processes are started that Ctrl-C does not reach, not even while they import.

    Ctrl-C is for the whole process group: each worker would print a traceback. An interrupt of this process waits until
    the block ends; a process started meanwhile inherits the mask and keeps it.
    """
    resource_tracker.ensure_running()  # started within, it would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes now: they do not hear of an interrupt themselves, and a unit may take hours."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


def _prepare_worker(parent: int) -> None:
    def watch() -> None:  # a worker must not outlive a killed parent
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # should a library lift the mask that the process was started under
    threading.Thread(target=watch, daemon=True).start()
    _prepare_process()


_limits: list[Any] = []


def _prepare_process() -> None:
    """One compute thread for BLAS and OpenMP (torch reads OMP_NUM_THREADS when it is first imported)."""
    if _limits:
        return
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    from threadpoolctl import threadpool_limits

    _limits.append(threadpool_limits(1))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
