"""An executor of threads: the smallest that keeps the protocol, for tests that it suffices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class Threads:
    """Runs units in this process, on two threads."""

    width = 2

    def __enter__(self) -> Threads:
        self.pool = ThreadPoolExecutor(2)
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        return self.pool.submit(work, unit)
