"""Weight files: where they come from, whether they are the right ones, and the only network code of the project.

A file is right when its SHA-256 is the registered one; neither its name nor its size makes it so. What arrives is kept
as `<file>.part` until it is complete and right, so that a broken connection costs no more than what was missing.
"""

from __future__ import annotations

import fcntl
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any

from harness.declaration import Frozen, read
from harness.errors import UsageError
from harness.keys import digest_file
from harness.suggest import unknown

CHUNK = 1 << 20
TRIES, PAUSE, TIMEOUT = 5, 0.5, 30.0  # attempts without a byte of progress, seconds before the first repeat, seconds
TABLE = Path(__file__).with_name("weights.yaml")


class Weights(Frozen):
    """One registered file; `bytes` and `sha256` are None where nobody has published them."""

    url: str
    bytes: int | None
    sha256: str | None
    licence: str
    what: str


class _Table(Frozen):
    files: dict[str, Weights]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is in place: its digest, and how many bytes had to be transferred for it."""

    path: Path
    sha256: str
    transferred: int


@cache
def registered() -> Mapping[str, Weights]:
    """Every registered file by its name."""
    document = read(TABLE)
    table = document.check(_Table, {"files": document.value})
    if problems := document.lines():
        raise UsageError(problems)
    assert table is not None
    return table.files


def find(name: str) -> Weights:
    """The registered file of a name. Raises UsageError for an unknown one."""
    if name not in registered():
        raise UsageError(unknown("weight file", name, registered()))
    return registered()[name]


def folder() -> Path:
    """Where weight files lie: `$HARNESS_WEIGHTS`, else `harness/weights` in the user's cache folder."""
    if given := os.environ.get("HARNESS_WEIGHTS"):
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness" / "weights"


def locate(name: str) -> Path:
    """The path of a registered file, its SHA-256 verified.

    Raises UsageError where it is missing or wrong, and says what to put where. Never touches the network.
    """
    weights, path = find(name), folder() / name
    if not path.is_file():
        raise UsageError(missing(name))
    found = digest_file(path)
    if weights.sha256 is not None and found != weights.sha256:
        raise UsageError(f"{path} is not the registered file: its SHA-256 is {found}. {_instruction(name, weights)}")
    return path


def missing(name: str) -> str:
    """The words for a registered file that is not here: how to get it, with a network and without."""
    return f"weights {name} are not here. {_instruction(name, find(name))}"


def verdict(name: str) -> str:
    """`absent`, `right`, `wrong`, or `present` where no digest is registered."""
    weights, path = find(name), folder() / name
    if not path.is_file():
        return "absent"
    if weights.sha256 is None:
        return "present"
    return "right" if digest_file(path) == weights.sha256 else "wrong"


def fetch(name: str, *, trust: bool = False, progress: Callable[[int, int | None], None] | None = None) -> Fetched:
    """Download a registered file, resuming what an earlier attempt left; it appears whole and right or not at all.

    `$HARNESS_WEIGHTS_MIRROR` is a base address that the file's name is appended to; the usual proxy variables count.
    `trust` accepts a file without a registered digest; `progress` hears (bytes so far, bytes in all or None).
    Raises UsageError for a file that is not the registered one, an address that does not have it, no connection.
    """
    weights = find(name)
    if weights.sha256 is None and not trust:
        raise UsageError(
            f"no SHA-256 of {name} is registered; --trust takes what {weights.url} gives and shows its digest"
        )
    where = folder()
    where.mkdir(parents=True, exist_ok=True)
    with _locked(where / f"{name}.lock"):
        path, part = where / name, where / f"{name}.part"
        if verdict(name) == "right":
            return Fetched(path, str(weights.sha256), 0)
        mirror = os.environ.get("HARNESS_WEIGHTS_MIRROR")
        url = f"{mirror.rstrip('/')}/{name}" if mirror else weights.url
        transferred = _download(url, part, weights, progress, name)
        found = digest_file(part)
        if weights.sha256 is not None and found != weights.sha256:
            part.unlink()
            raise UsageError(
                f"{url} gave a file with SHA-256 {found}, not {weights.sha256}; it was thrown away. Try again; if it "
                "stays so, the file there has changed or something on the way changes it"
            )
        os.replace(part, path)
        return Fetched(path, found, transferred)


def _instruction(name: str, weights: Weights) -> str:
    size = f"{weights.bytes:,} bytes, " if weights.bytes else ""
    checksum = f"SHA-256 {weights.sha256}" if weights.sha256 else "no SHA-256 known"
    return (
        f"`harness weights fetch {name}` downloads them; without a network place {weights.url} ({size}{checksum}) at "
        f"{folder() / name}"
    )


def _download(
    url: str, part: Path, weights: Weights, progress: Callable[[int, int | None], None] | None, name: str
) -> int:
    transferred, tries = 0, 0
    while True:
        start = part.stat().st_size if part.exists() else 0
        if weights.bytes is not None and start >= weights.bytes:
            if start == weights.bytes:
                return transferred
            part.unlink()  # more than there is: not a beginning of this file
            start = 0
        try:
            complete, got = _attempt(url, part, start, progress)
        except urllib.error.HTTPError as problem:
            if problem.code == 416 and start:  # nothing beyond what is here: complete, or of another file
                return transferred
            if problem.code < 500 and problem.code not in (408, 429):
                raise UsageError(
                    f"{url}: the server answers {problem.code} {problem.reason}. {_instruction(name, weights)}"
                ) from None
            complete, got, reason = False, 0, f"{problem.code} {problem.reason}"
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as problem:
            after = part.stat().st_size if part.exists() else 0
            complete, got, reason = (
                False,
                after - start,
                str(getattr(problem, "reason", problem)) or type(problem).__name__,
            )
        else:
            reason = "the connection ended early"
        transferred += max(got, 0)
        if complete and (weights.bytes is None or part.stat().st_size >= weights.bytes):
            return transferred
        tries = 0 if got > 0 else tries + 1
        if tries >= TRIES:
            raise UsageError(f"{url}: {reason}, {TRIES} times. {_instruction(name, weights)}")
        time.sleep(PAUSE * 2**tries if got <= 0 else 0.0)


def _attempt(url: str, part: Path, start: int, progress: Callable[[int, int | None], None] | None) -> tuple[bool, int]:
    """Whether the file is now complete, and how many bytes came."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    # An opener of its own: the global one remembers the proxies of its first use.
    with urllib.request.build_opener().open(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        length = answer.headers.get("Content-Length")
        begin = start if resumed else 0
        whole = begin + int(length) if length is not None else None
        got = 0
        with part.open("ab" if resumed else "wb") as stream:
            while chunk := answer.read(CHUNK):
                stream.write(chunk)
                stream.flush()
                got += len(chunk)
                if progress is not None:
                    progress(begin + got, whole)
        return whole is None or begin + got >= whole, got


@contextmanager
def _locked(path: Path) -> Iterator[Any]:
    """One download of a file at a time; a killed process gives its lock back."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream
