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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from harness.base import UsageError, printable
from harness.pipeline.executors.limit import GRACE, TooLong, limited, words

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DIED_TWICE = "its process died twice: killed, out of memory, or ended by the code it ran"
MOVES = 5  # times that a unit is run again because its machine went away, not it

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


class WorkerDied(BrokenExecutor):
    """What ran one unit, and no other, ended before the unit did; `blameless` where its whole machine went away."""

    def __init__(self, reason: str, *, blameless: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.blameless = blameless


@dataclass(frozen=True)
class Asked:
    """What is asked of an executor; None leaves it to the executor.

    workers        how many units run at a time
    cpus, gpus     what each worker takes of its machine, by the engine's count
    device         where encoders and metrics compute, as `--device` has it
    shared         a folder that every worker must find under this path
    """

    workers: int | None = None
    cpus: float | None = None
    gpus: float | None = None
    device: str = "auto"
    shared: Path | None = None


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

        The future raises what `work` raised, `WorkerDied` where what ran it died and it is known that it ran nothing
        else, and `concurrent.futures.BrokenExecutor` where several units may have been at work. The next submission
        then finds an executor that works again.
        """
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is running; on KeyboardInterrupt end it instead."""
        ...


def outcomes(
    executor: Executor, work: Callable[[Unit], Result], units: Sequence[Unit], *, limit: float | None = None
) -> Iterator[Finished[Unit, Result]]:
    """Each unit's outcome, in the order they finish. A unit that raises, or ends its process, is a Failure.

    A unit whose worker died is run again, once, and its outcome's warnings say why. A full disk is not a unit's fault:
    that OSError is raised. With `limit`, a unit that takes longer than so many seconds is a Failure that says so.
    """
    tried = _Attempt(work, limit)
    waiting = (_Try(unit) for unit in units)
    again: deque[_Try[Unit]] = deque()
    pending: dict[Future[Finished[Unit, Result]], _Try[Unit]] = {}
    suspects: list[Unit] = []
    while True:
        while len(pending) < max(1, executor.width) and not suspects:
            attempt = again.popleft() if again else next(waiting, None)
            if attempt is None:
                break
            pending[executor.submit(tried, attempt.unit)] = attempt
        if not pending:
            break
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            attempt = pending.pop(future)
            try:
                finished = future.result()
            except WorkerDied as death:
                if (attempt := attempt.after(death)).is_over:
                    yield attempt.told(Finished(attempt.unit, Failure(attempt.reason, usage=False), 0.0))
                else:
                    again.append(attempt)
            except BrokenExecutor:
                suspects.append(attempt.unit)
            else:
                yield attempt.told(finished)
        if suspects and not pending:
            # One of these was at work when a process died. Each alone, the guilty one shows itself.
            for unit in suspects:
                yield _alone(executor, tried, unit)
            suspects = []


@dataclass(frozen=True)
class _Try(Generic[Unit]):
    """A unit with the deaths of the workers that ran it."""

    unit: Unit
    deaths: tuple[WorkerDied, ...] = ()

    def after(self, death: WorkerDied) -> _Try[Unit]:
        return replace(self, deaths=(*self.deaths, death))

    @property
    def is_over(self) -> bool:
        own = sum(not death.blameless for death in self.deaths)
        return own >= 2 or len(self.deaths) > MOVES

    @property
    def reason(self) -> str:
        last = self.deaths[-1]
        if last.blameless:
            return f"its machine disappeared {len(self.deaths)} times: {last.reason}"
        return f"{DIED_TWICE} ({last.reason})"

    def told(self, finished: Finished[Unit, Result]) -> Finished[Unit, Result]:
        """The outcome with a warning for each time that it was run again."""
        again = self.deaths[:-1] if self.is_over else self.deaths
        words = tuple(printable(f"{self.unit} was run again: {death.reason}") for death in again)
        return replace(finished, warnings=words + finished.warnings)


def _alone(executor: Executor, tried: _Attempt[Unit, Result], unit: Unit) -> Finished[Unit, Result]:
    began = time.monotonic()
    try:
        return executor.submit(tried, unit).result()
    except BrokenExecutor:
        took = time.monotonic() - began
        over = tried.limit is not None and took >= tried.limit + GRACE
        return Finished(unit, Failure(words(tried.limit or took) if over else DIED_TWICE, usage=False), took)


@dataclass(frozen=True)
class _Attempt(Generic[Unit, Result]):
    """`work` on a unit, whatever it raises told as a Failure: runs where the unit runs."""

    work: Callable[[Unit], Result]
    limit: float | None = None

    def __call__(self, unit: Unit) -> Finished[Unit, Result]:
        start = time.perf_counter()
        result: Result | Failure
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            try:
                with limited(self.limit):
                    result = self.work(unit)
            except TooLong as late:
                result = Failure(str(late), usage=False, detail=printable(traceback.format_exc()))
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
        message = "its message cannot be read"
    words = f"{type(error).__name__}: {message}".strip().rstrip(":")
    notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    return printable(" ".join(" ".join([*notes, words]).split()))
