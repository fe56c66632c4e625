"""One at a time: a lock file that processes of one machine, or of a shared folder, hold in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, seconds: float | None = None, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` as long as the block lasts; a killed process gives its lock back.

    `waiting` is called once where another holds it. Raises TimeoutError where it has not come free in `seconds` (None:
    wait for ever) and OSError where it cannot be written. Its folder is made.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    # A lock file that stays is never taken away under the next one who waits for it.
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if waiting is not None:
            waiting()
        try:
            lock.acquire(timeout=-1 if seconds is None else seconds)
        except Timeout:
            raise TimeoutError(f"{path} was held by another process for {seconds:g} s") from None
    try:
        yield
    finally:
        lock.release()
