"""A time limit on one unit of work, in the process that runs it: a hang ends with a sentence, not with the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GRACE = 5.0  # seconds more for code that keeps the exception to itself, or never comes back to Python


class TooLong(BaseException):
    """The unit took longer than its limit. No Exception, so that `except Exception` of a user's does not keep it."""


def words(seconds: float) -> str:
    """Why such a unit failed, in a sentence."""
    return f"stopped after {seconds:g} s (--unit-timeout): code that hangs, or too short a limit"


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TooLong in the block where it lasts longer; after GRACE more a worker process ends itself.

    Elsewhere than on a main thread of a system with SIGALRM, only the second holds.
    """
    if seconds is None:
        yield
        return
    last: threading.Timer | None = None
    if multiprocessing.parent_process() is not None:  # never the program of a user's own
        last = threading.Timer(seconds + GRACE, os._exit, (1,))
        last.daemon = True
        last.start()
    can = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")

    def end(*_: Any) -> None:
        raise TooLong(words(seconds))

    before = signal.signal(signal.SIGALRM, end) if can else None
    try:
        if can:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        if can:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
        if last is not None:
            last.cancel()
