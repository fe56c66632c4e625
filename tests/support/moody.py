"""A unit of work that dies, raises or waits, for tests of executors; workers import it from here."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path


def moody(folder: Path, unit: str) -> tuple[str, int]:
    """Dies at each try, at the first try only, raises, waits, or answers with the process that it ran in."""
    if unit == "always":
        os.kill(os.getpid(), signal.SIGKILL)
    if unit == "once" and not (folder / unit).exists():
        (folder / unit).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if unit == "bug":
        raise ValueError("a bug")
    if unit == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    if unit.startswith("wait"):
        (folder / f"{unit}-{os.getpid()}").touch()
        time.sleep(4.0)
    return unit, os.getpid()
