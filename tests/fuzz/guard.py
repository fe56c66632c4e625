"""What reading a stranger's bytes may cost and do: seconds, memory, files, processes, connections.

The audit hook cannot be taken out of a process again, so guarded reading happens in a fork or a process of its own.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from harness.base import UsageError

CPU_SECONDS = 10.0  # of one input of at most MAX_INPUT bytes
MEMORY = 2 << 30  # bytes: the largest image that is taken, 89 million pixels, needs 1.3 GiB while it is decoded
MAX_INPUT = 1 << 17
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")
STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)
CONNECTS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
RUNS = ("pickle.find_class", "ctypes.dlopen", "marshal.loads")


class Slow(BaseException):
    """More seconds of CPU than one input is worth."""


class Forbidden(BaseException):
    """Something that no reader of a stranger's bytes has to do."""


@dataclass(frozen=True)
class Finding:
    """What one input did that it must not: `what` happened, the deepest `place` in the harness, the traceback."""

    target: str
    what: str
    place: str
    detail: str = ""

    @property
    def key(self) -> str:
        """The same for two inputs that show the same fault."""
        return f"{self.target}: {self.what} at {self.place}"


@dataclass
class Guard:
    """The bounds of one process; `allowed` are the folders that may be written into."""

    allowed: tuple[Path, ...]
    seconds: float = CPU_SECONDS
    memory: int = MEMORY
    seen: list[str] = field(default_factory=list)
    _on: bool = False

    def install(self) -> Guard:
        """Put the bounds on this process, for good."""
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + self.memory, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGPROF, self._too_slow)
        sys.addaudithook(self._audit)
        return self

    def _too_slow(self, _: int, frame: FrameType | None) -> None:
        raise Slow(f"more than {self.seconds:g} s")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        what = _what(event, arguments, self.allowed)
        if what is not None:
            self.seen.append(what)
            raise Forbidden(what)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The bounds, as long as the block lasts."""
        self.seen.clear()
        self._on = True
        signal.setitimer(signal.ITIMER_PROF, self.seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._on = False


def _what(event: str, arguments: tuple[Any, ...], allowed: tuple[Path, ...]) -> str | None:
    """The words for an event that is not allowed; None for one that is."""
    if event == "open":
        path, mode, flags = arguments
        changes = set(mode or "") & set("wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if changes and isinstance(path, str | bytes | os.PathLike) and not _inside(path, allowed):
            return f"writes {os.fsdecode(path)}"
    elif event in CHANGES:
        named = [_whole(one, arguments) for one in arguments[:2] if isinstance(one, str | bytes | os.PathLike)]
        if any(not _inside(one, allowed) for one in named):
            return f"{event} {named[0]}"
    elif event in STARTS or event in CONNECTS:
        return event
    elif event in RUNS and not _importing():
        return f"{event} {arguments[-1]!r}"[:80]
    elif event == "exec" and any(str(folder) in str(getattr(arguments[0], "co_filename", "")) for folder in allowed):
        return "runs code of the input"
    return None


def _whole(path: Any, arguments: tuple[Any, ...]) -> str:
    """A path, also one that is relative to a folder that was opened, as shutil.rmtree names files."""
    text = os.fsdecode(path)
    folders = [one for one in arguments[1:] if isinstance(one, int) and not isinstance(one, bool) and one >= 0]
    return text if os.path.isabs(text) or not folders else f"{os.readlink(f'/proc/self/fd/{folders[-1]}')}/{text}"


def _importing() -> bool:
    """Whether a module is being imported, which reads compiled code and loads libraries."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _inside(path: Any, allowed: tuple[Path, ...]) -> bool:
    text = os.path.realpath(os.fsdecode(path))
    return text == "/dev/null" or any(text == str(one) or text.startswith(f"{one}/") for one in allowed)


def peak() -> int:
    """The most memory, in bytes, that this process has had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tried(
    name: str, read: Callable[[bytes, Path], object], payload: bytes, folder: Path, guard: Guard
) -> Finding | None:
    """What `read` does with the payload that it must not; None where it gives something, or says what is wrong."""
    before = set(os.listdir(folder))
    highest = max(peak(), 1)
    finding: Finding | None = None
    try:
        with warnings.catch_warnings(), guard.watching():
            warnings.simplefilter("ignore")
            read(payload, folder)
    except UsageError as told:
        finding = _untidy(name, told)
    except (Slow, Forbidden) as stop:
        finding = _of(name, stop, "slow" if isinstance(stop, Slow) else str(stop).split(" /")[0])
    except RecursionError as error:
        finding = _of(name, error, "RecursionError")
    except Exception as error:
        finding = _of(name, error, f"{type(error).__name__}")
    if guard.seen and finding is None:  # somebody caught what stopped it
        finding = Finding(name, guard.seen[0], "unknown")
    if finding is None and peak() - highest > guard.memory // 2 and peak() > guard.memory:
        finding = Finding(name, "memory", f"{(peak() - highest) >> 20} MiB more")
    if finding is None and (left := set(os.listdir(folder)) - before - {"input", "tmp"}):
        known = {one for one in left if one.startswith("in.")}
        if left - known:
            finding = Finding(name, "leaves a file", sorted(left - known)[0])
    return finding


def _untidy(name: str, told: UsageError) -> Finding | None:
    """A sentence that is none: of several lines, endless, or that quotes a traceback."""
    for problem in told.problems:
        if "\n" in problem or "Traceback" in problem or len(problem) > 4000:
            return _of(name, told, "a message of several lines" if "\n" in problem else "an endless message")
    return None


def _of(name: str, error: BaseException, what: str) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/harness/" in frame.filename] or frames
    place = f"{own[-1].filename.rpartition('/harness/')[2]}:{own[-1].name}" if own else "nowhere"
    return Finding(name, what, place, "".join(traceback.format_exception(error))[-3000:])
