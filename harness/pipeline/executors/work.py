"""Units of work and their outcomes, wherever they run: what an executor promises, and what no executor repeats.

An executor is handed a function and a unit and gives a future; sending, retrying and telling failures apart is done
here, once for all of them. A new one is a file of this package with a class, and a row of `executors.table`.
"""

from __future__ import annotations

import errno
import multiprocessing
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from harness.base import UsageError, printable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DIED_TWICE = "its process ended twice before it was done: killed, out of memory, or ended by the code it ran"

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


class Executor(Protocol):
    """Where units of work run. It is entered before the first submission and left after the last outcome.

    What is submitted may be sent to another process or machine. So a function is one that its module can be imported
    for (or a `functools.partial` of one; nothing of `__main__`, no lambda, no method of an open object), its arguments,
    the unit and the result are plain picklable data, and results are small: images, features and scores travel through
    the store, which every worker must reach under the same path. A unit leaves nothing behind when it is killed, and
    gives the same bytes when it is done again.
    """

    @property
    def width(self) -> int:
        """How many units to have submitted at a time, at least 1. More than there are workers keeps them busy."""
        ...

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        """`work(unit)`, begun at once or later, each process computing on one thread.

        The future raises what `work` raised, and `concurrent.futures.BrokenExecutor` where what ran it died; the next
        submission then finds an executor that works again.
        """
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is running; on KeyboardInterrupt end it instead."""
        ...


def outcomes(
    executor: Executor, work: Callable[[Unit], Result], units: Sequence[Unit]
) -> Iterator[Finished[Unit, Result]]:
    """Each unit's outcome, in the order they finish. A unit that raises, or ends its process, is a Failure.

    A full disk is not a unit's fault: that OSError is raised.
    """
    waiting = iter(units)
    pending: dict[Future[Finished[Unit, Result]], Unit] = {}
    suspects: list[Unit] = []
    while True:
        while len(pending) < max(1, executor.width) and not suspects:
            try:
                unit = next(waiting)
            except StopIteration:
                break
            pending[_submitted(executor, work, unit)] = unit
        if not pending:
            break
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            unit = pending.pop(future)
            try:
                finished = future.result()
            except BrokenExecutor:
                suspects.append(unit)
            else:
                yield finished
        if suspects and not pending:
            # One of these was at work when a process died. Each alone, the guilty one shows itself.
            for unit in suspects:
                yield _alone(executor, work, unit)
            suspects = []


def _submitted(executor: Executor, work: Callable[[Unit], Result], unit: Unit) -> Future[Finished[Unit, Result]]:
    return executor.submit(_Attempt(work), unit)


def _alone(executor: Executor, work: Callable[[Unit], Result], unit: Unit) -> Finished[Unit, Result]:
    try:
        return _submitted(executor, work, unit).result()
    except BrokenExecutor:
        return Finished(unit, Failure(DIED_TWICE, usage=False), 0.0)


@dataclass(frozen=True)
class _Attempt(Generic[Unit, Result]):
    """`work` on a unit, whatever it raises told as a Failure: runs where the unit runs."""

    work: Callable[[Unit], Result]

    def __call__(self, unit: Unit) -> Finished[Unit, Result]:
        start = time.perf_counter()
        result: Result | Failure
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            try:
                result = self.work(unit)
            except UsageError as error:
                result = Failure("; ".join(error.problems), usage=True)
            except BaseException as error:  # code of a user's that ends the program costs its own unit only
                if isinstance(error, OSError) and error.errno in DISK_FULL:
                    raise
                # In a worker no interrupt is a person's: that one reaches the process that waits for it.
                if isinstance(error, KeyboardInterrupt) and multiprocessing.parent_process() is None:
                    raise
                result = Failure(reason_of(error), usage=False, detail=printable(traceback.format_exc()))
        own = [w for w in caught if w.category.__module__.startswith("harness.")]
        said = tuple(dict.fromkeys(printable(str(w.message)) for w in own))
        return Finished(unit, result, time.perf_counter() - start, said)


def reason_of(error: BaseException) -> str:
    """An exception in one line that can be written anywhere: its notes, its class, its message."""
    try:
        message = str(error)
    except Exception:  # of a class of the user's
        message = "its message cannot be had"
    words = f"{type(error).__name__}: {message}".strip().rstrip(":")
    notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    return printable(" ".join(" ".join([*notes, words]).split()))
