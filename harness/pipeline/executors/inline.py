"""Units in the process that asks for them, one after the other: no process to start, and nothing outlives a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class InlineExecutor:
    """Runs a unit when it is submitted, on one thread: the same bits as in processes of their own.

    For a script or a notebook, where starting processes costs more than a small set of images does. Code of a user's
    that ends its process ends the program here.
    """

    width = 1

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> InlineExecutor:
        self._held.enter_context(one_thread_here())
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def submit(self, work: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
        """`work(unit)`, finished when this returns."""
        future: Future[Result] = Future()
        try:
            future.set_result(work(unit))
        except BaseException as error:
            future.set_exception(error)
        return future


@contextmanager
def one_thread_here() -> Iterator[None]:
    """BLAS, OpenMP and torch on one thread until the block ends, as workers compute: sums then have one order."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
