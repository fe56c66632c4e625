"""A sign of life: a line on standard error where a command has said nothing for ten seconds."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

VARIABLE = "HARNESS_HEARTBEAT"  # seconds; 0 for silence
SECONDS = 10.0


class Heartbeat:
    """Says `still running` whenever nothing was heard for as long; `where` adds what a stage knows of itself."""

    def __init__(self, seconds: float, say: Callable[[str], None]) -> None:
        self.seconds, self.say = seconds, say
        self.where: Callable[[], str] = str
        self.began = self.last = time.monotonic()
        self._over = threading.Event()

    def heard(self) -> None:
        """Something was said: the next ten seconds begin."""
        self.last = time.monotonic()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """A block in which a person is being asked: nothing is said meanwhile."""
        self.last = float("inf")
        try:
            yield
        finally:
            self.heard()

    def run(self) -> None:
        """Speak until it is stopped. A tenth of the time is how late it may be."""
        while not self._over.wait(self.seconds / 10):
            now = time.monotonic()
            if now - self.last >= 0.9 * self.seconds:
                self.last = now
                where = self.where()
                self.say(f"{where}{': ' if where else ''}still running, {now - self.began:.0f} s")

    def stop(self) -> None:
        """Say nothing more."""
        self._over.set()


_beating: list[Heartbeat] = []


def current() -> Heartbeat | None:
    """The heartbeat of the command that runs; None where there is none."""
    return _beating[-1] if _beating else None


@contextmanager
def beating() -> Iterator[None]:
    """A heartbeat for as long as the block lasts."""
    try:
        seconds = float(os.environ.get(VARIABLE) or SECONDS)
    except ValueError:
        seconds = SECONDS
    if not seconds > 0:
        yield
        return
    beat = Heartbeat(seconds, lambda text: print(text, file=sys.stderr, flush=True))
    _beating.append(beat)
    threading.Thread(target=beat.run, daemon=True, name="heartbeat").start()
    try:
        yield
    finally:
        beat.stop()
        _beating.remove(beat)
