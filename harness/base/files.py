"""Files that are written whole or not at all, and where those of a cache lie."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError

UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)  # of a folder that no repetition makes writable

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EISDIR)  # what is no error of a disk


def cache_folder(variable: str, name: str) -> Path:
    """The folder that an environment variable names, else `harness/<name>` in the user's cache folder.

    Raises UsageError for the home of a user who is not on this machine.
    """
    if given := os.environ.get(variable):
        expanded = os.path.expanduser(given)
        if expanded.startswith("~"):
            user = given.partition("/")[0]
            raise UsageError(f"${variable} is {given!r}; no user {user[1:]!r} here; for a folder, write ./{user}")
        return Path(expanded).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness" / name


def write_atomically(path: Path, payload: bytes) -> None:
    """Replace a file in one step: a reader, or a run killed here, sees the old bytes or the new ones.

    Raises OSError, which names `path`, where it cannot be written (a full disk).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(payload)
        os.replace(temporary, path)
    except OSError as error:  # of a full disk Python names no file, and of others the one that nobody asked for
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def synced(paths: Iterable[Path]) -> None:
    """Have files, and the names that folders hold, on the disk itself before this returns: a loss of power keeps them.

    Asked for at once, 50 files cost a tenth of what they cost one after the other. A file system that knows no such
    thing is left alone. Raises OSError where the disk failed.
    """
    listed = list(paths)
    if len(listed) < 2:
        for path in listed:
            _sync(path)
        return
    with ThreadPoolExecutor(min(16, len(listed))) as pool:
        list(pool.map(_sync, listed))


def _sync(path: Path) -> None:
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in CANNOT_SYNC:
            return
        raise
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(opened)


def write_json(path: Path, value: Any) -> None:
    """A value as a JSON file, whole or not at all; what is not finite is null, for JSON has neither infinity nor NaN.

    Raises OSError as `write_atomically`, and TypeError for what JSON has no form of.
    """
    write_atomically(path, (json.dumps(finite(value), indent=1, allow_nan=False) + "\n").encode("ascii"))


def finite(value: Any) -> Any:
    """The value with every float in it that is not finite (degrees of freedom that are known) as None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
