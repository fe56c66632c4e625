"""The file layer with a fault in it: the k-th change of the watched folders fails, is cut short, or is the last one.

No preload and no mount: Python's own file functions are wrapped while the block lasts. A process that dies leaves the
disk as it is from that operation on; a loss of power takes with it what nobody asked to be on the disk itself.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_open, _os_open, _fsync, _rename, _unlink = io.open, os.open, os.fsync, os.replace, os.unlink
ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES")}
CHANGES = ("open", "write", "fsync", "rename", "mkdir", "link")


class Died(BaseException):
    """The process is gone: nothing of it reaches the disk any more."""


@dataclass(frozen=True)
class Fault:
    """What happens at the `at`-th operation (from 1).

    kind  an errno's name; `cut` (half a write, then ENOSPC); `kill` (half a write, then nothing); `power` (as kill, and
          what was not synced is lost); `slow` (every operation takes a moment)
    lasting  the error stays, as that of a full disk does
    reads    operations that are counted are reads, not changes
    """

    kind: str
    at: int
    lasting: bool = False
    reads: bool = False
    seed: int = 0

    def __str__(self) -> str:
        how = f"{self.kind}{' from' if self.lasting else ' at'} {'read' if self.reads else 'change'} {self.at}"
        return how + (f" (seed {self.seed})" if self.kind == "power" else "")


@dataclass
class Layer:
    """Counts what happens below `roots`, and makes `fault` happen. `forgetful`: fsync does nothing, as a negative."""

    roots: tuple[Path, ...]
    fault: Fault | None = None
    forgetful: bool = False
    seen: list[str] = field(default_factory=list)
    reads: int = 0
    dead: bool = False
    hit: bool = False
    _unsynced: set[str] = field(default_factory=set)
    _names: list[tuple[str, Callable[[], None], str]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.RLock)

    # ---------------------------------------------------------------- what happens

    def watches(self, path: Any) -> bool:
        if isinstance(path, int):
            return False
        text = os.path.abspath(os.fsdecode(path))
        return any(text == str(root) or text.startswith(f"{root}/") for root in self.roots)

    def step(self, what: str, path: Any, half: Callable[[], None] | None = None) -> None:
        """One operation is about to happen; raises what the fault says."""
        with self._lock:
            if self.dead:
                raise Died
            if what == "read":
                self.reads += 1
            else:
                self.seen.append(what)
            fault = self.fault
            if fault is None or fault.reads != (what == "read"):
                return
            if fault.kind == "slow":
                time.sleep(0.002)
                self.hit = True
                return
            count = self.reads if fault.reads else len(self.seen)
            if count != fault.at and not (fault.lasting and count > fault.at):
                return
            self.hit = True
            if half is not None and fault.kind in ("cut", "kill", "power"):
                half()
            if fault.kind in ("kill", "power"):
                self.die()
            number = ERRORS["ENOSPC" if fault.kind == "cut" else fault.kind]
            raise OSError(number, os.strerror(number), os.fsdecode(path))

    def die(self) -> None:
        """The process, or the whole machine, ends here."""
        self.dead = True
        if self.fault is not None and self.fault.kind == "power":
            self.lose_power()
        raise Died

    def end(self) -> None:
        """The fault that comes after everything: power is lost when the work is said to be done."""
        if self.fault is not None and self.fault.kind == "power" and not self.dead:
            self.hit = self.dead = True
            self.lose_power()

    def lose_power(self) -> None:
        """Names changed since their folder was synced go back, from some point on; bytes never synced are damaged."""
        rng = random.Random(f"{self.fault.seed if self.fault else 0}")
        for path in sorted(self._unsynced):
            if not os.path.isfile(path):
                continue
            size = os.path.getsize(path)
            now = rng.choice((0, size // 2, -1, size))
            with _open(path, "r+b") as stream:
                if now == -1:
                    stream.write(b"\0" * size)  # allocated, never written
                else:
                    stream.truncate(now)
        kept = rng.randint(0, len(self._names))
        for _, undo, _ in reversed(self._names[kept:]):
            with suppress(OSError):
                undo()

    # ---------------------------------------------------------------- what is kept

    def wrote(self, path: str) -> None:
        with self._lock:
            self._unsynced.add(os.path.abspath(path))

    def synced(self, path: str) -> None:
        with self._lock:
            if self.forgetful:
                return
            self._unsynced.discard(path)
            self._names = [one for one in self._names if one[0] != path]

    def named(self, path: Any, undo: Callable[[], None], what: str) -> None:
        with self._lock:
            self._names.append((os.path.dirname(os.path.abspath(os.fsdecode(path))), undo, what))

    def moved(self, source: str, target: str) -> None:
        def new(path: str) -> str:
            return target + path[len(source) :] if path == source or path.startswith(f"{source}/") else path

        self._unsynced = {new(path) for path in self._unsynced}
        self._names = [(new(folder), undo, what) for folder, undo, what in self._names]


class _Raw(io.FileIO):
    """A file whose writes are operations of the layer."""

    def __init__(self, layer: Layer, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._layer, self._path = layer, path

    def write(self, data: Any, /) -> int:
        payload = bytes(data)

        def half() -> None:
            super(_Raw, self).write(payload[: len(payload) // 2])

        self._layer.step("write", self._path, half)
        self._layer.wrote(self._path)
        return super().write(payload)


@contextmanager
def faulty(layer: Layer) -> Iterator[Layer]:
    """Python's file functions with the layer's fault in them, as long as the block lasts."""
    saved = [
        (module, name, getattr(module, name))
        for module, names in (
            (os, ("open", "rename", "replace", "mkdir", "fsync", "link", "unlink", "remove", "rmdir", "symlink")),
            (io, ("open",)),
            (builtins, ("open",)),
        )
        for name in names
    ]
    real = {name: value for module, name, value in saved if module is os}

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
        if isinstance(file, int) or not layer.watches(file):
            return _open(file, mode, buffering, *rest, **more)
        if not set(mode) & set("wax+"):
            layer.step("read", file)
            return _open(file, mode, buffering, *rest, **more)
        layer.step("open", file)
        path = os.path.abspath(os.fsdecode(file))
        fresh = not os.path.exists(path)
        raw = _Raw(layer, path, mode.replace("b", "").replace("t", ""))
        layer.wrote(path)
        if fresh:
            layer.named(path, lambda: _unlink(path), "made")
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        stream: Any = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        if "b" in mode:
            return stream
        encoding, errors, newline = (*rest, None, None, None)[:3]
        return io.TextIOWrapper(
            stream, more.get("encoding", encoding), more.get("errors", errors), more.get("newline", newline)
        )

    def os_opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if layer.dead and (more.get("dir_fd") is not None or layer.watches(path)):
            raise Died
        if more.get("dir_fd") is None and layer.watches(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            layer.step("open", path)
        return _os_open(path, flags, *rest, **more)

    def renamed(source: Any, target: Any, **more: Any) -> None:
        if not layer.watches(target):
            return _rename(source, target, **more)
        layer.step("rename", target)
        a, b = (os.path.abspath(os.fsdecode(path)) for path in (source, target))
        old = Path(b).read_bytes() if os.path.isfile(b) and not layer.dead else None
        real["rename"](source, target, **more)
        layer.moved(a, b)

        def undo() -> None:
            _rename(b, a)
            if old is not None:
                with _open(b, "wb") as stream:
                    stream.write(old)

        layer.named(b, undo, "renamed")
        return None

    def made(path: Any, *rest: Any, **more: Any) -> None:
        if not layer.watches(path):
            return real["mkdir"](path, *rest, **more)
        layer.step("mkdir", path)
        real["mkdir"](path, *rest, **more)
        layer.named(path, lambda: shutil.rmtree(path, ignore_errors=True), "mkdir")
        return None

    def synced(handle: int) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        if layer.watches(path):
            layer.step("fsync", path)
            layer.synced(path)  # nothing is slow here: the disk of this test is the layer

    def removed(path: Any, **more: Any) -> None:
        if layer.dead and (more or layer.watches(path)):
            raise Died
        if not more and layer.watches(path) and os.path.isfile(path):
            old, place = Path(path).read_bytes(), os.path.abspath(os.fsdecode(path))

            def undo() -> None:
                with _open(place, "wb") as stream:
                    stream.write(old)

            _unlink(path)
            layer.named(path, undo, "unlink")
            return
        _unlink(path, **more)

    def removed_folder(path: Any, **more: Any) -> None:
        if layer.dead and (more or layer.watches(path)):
            raise Died
        real["rmdir"](path, **more)

    def linked(source: Any, target: Any, **more: Any) -> None:
        if layer.watches(target):
            layer.step("link", target)
        real["link"](source, target, **more)

    io.open = builtins.open = opened
    os.open, os.rename, os.replace, os.mkdir, os.fsync = os_opened, renamed, renamed, made, synced
    os.unlink = os.remove = removed
    os.rmdir, os.link = removed_folder, linked
    try:
        yield layer
    finally:
        for module, name, value in saved:
            setattr(module, name, value)
