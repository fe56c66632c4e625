"""One file from one address into a `.part` file, going on where an earlier attempt ended.

It knows nothing of what the file should be: whether what came is right is for the caller to say, by its SHA-256.
"""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path

CHUNK = 1 << 20
TRIES, PAUSE, TIMEOUT = 5, 0.5, 30.0  # attempts without progress, seconds before the first repeat, seconds of silence
HERE = (408, 425, 429)  # answers below 500 that another attempt may not get

Progress = Callable[[int, int | None], None]


class RefusedError(Exception):
    """The file did not come: why, in words that follow its address."""


class UnwritableError(Exception):
    """The file could not be written here: why."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a download cost: bytes transferred, and whether they were joined to bytes of another answer."""

    transferred: int
    joined: bool


def download(url: str, part: Path, *, size: int | None = None, progress: Progress | None = None) -> Transfer:
    """Complete `part` from `url`; it survives a kill and is gone on with, also by another process or from a mirror.

    `size` is the file's length in bytes where that is known: an answer of another length is not taken. `progress`
    hears (bytes so far, bytes in all or None). Proxies are those of the environment.

    Raises RefusedError where it does not come, UnwritableError where it cannot be written.
    """
    transferred, joined, tries = 0, False, 0
    if size is not None and _length(part) > size:
        discard(part)  # longer than the file: not a beginning of it
    furthest = _length(part)
    while True:
        start = _length(part)
        if start and start == size:
            return Transfer(transferred, joined)
        before, reason = transferred, "the connection ended early"
        try:
            with _ask(url, part, start) as answer:
                begin, whole = _place(answer, start)
                if begin is None:
                    discard(part)  # the next attempt asks for the whole file
                    raise HTTPException(f"asked for the bytes from {start:,}, but the server sent others")
                if size is not None and whole is not None and whole != size:
                    raise HTTPException(f"the file on the server has {whole:,} bytes, not {size:,}")
                joined = joined or begin > 0
                if not begin:
                    _remember(part, url, answer)
                transferred += _write(answer, part, begin, whole or size, progress)
            if _length(part) >= (size or whole or 0):
                return Transfer(transferred, joined)
        except urllib.error.HTTPError as problem:
            if problem.code == 416 and start:  # nothing beyond what is here: complete, or of another file
                return Transfer(transferred, True)
            if problem.code < 500 and problem.code not in HERE:
                raise RefusedError(f"the server answers {problem.code} {problem.reason}") from None
            reason = f"{problem.code} {problem.reason}"
        except (InvalidURL, UnicodeError) as problem:  # no other attempt would make an address of it
            raise RefusedError(f"is not a usable address ({problem})") from None
        except (OSError, HTTPException) as problem:
            reason = str(getattr(problem, "reason", problem)) or type(problem).__name__
            transferred = max(transferred, before + _length(part) - start)
            if url.startswith("file:"):
                raise RefusedError(reason) from None  # a disk does not answer otherwise for being asked again
        # Only what lies beyond the furthest point counts as progress: a server that gives the same short answer again
        # and again would be asked for ever.
        tries = 0 if _length(part) > furthest else tries + 1
        furthest = max(furthest, _length(part))
        if tries >= TRIES:
            raise RefusedError(f"{reason}, {TRIES} times")
        if tries:
            time.sleep(PAUSE * 2**tries)


def discard(part: Path) -> None:
    """Remove a `.part` file and what is remembered of its origin."""
    part.unlink(missing_ok=True)
    _origin(part).unlink(missing_ok=True)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _origin(part: Path) -> Path:
    return part.with_name(f"{part.name}.origin")


def _ask(url: str, part: Path, start: int) -> HTTPResponse:
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and (version := _version(part, url)):
        headers["If-Range"] = version  # a file that has changed since is sent whole (RFC 9110, 13.1.5)
    # An opener of its own: the global one remembers the proxies of its first use.
    answer: HTTPResponse = urllib.request.build_opener().open(
        urllib.request.Request(url, headers=headers), timeout=TIMEOUT
    )
    return answer


def _remember(part: Path, url: str, answer: HTTPResponse) -> None:
    """Keep the version that the beginning of `part` is of: the ETag, unless it is weak, or the date of change."""
    tag = answer.headers.get("ETag") or ""
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified") or ""
    try:
        part.unlink(missing_ok=True)  # first, lest old bytes stand beside the new version
        _origin(part).write_text(f"{url}\n{version}\n", encoding="utf-8")
    except OSError as problem:
        raise UnwritableError(f"{_origin(part)}: {problem.strerror}") from None


def _version(part: Path, url: str) -> str | None:
    """The version to ask for; None where `part` began at another address, whose versions have other names."""
    try:
        begun, version, *_ = _origin(part).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return None
    return version if begun == url and version else None


def _place(answer: HTTPResponse, start: int) -> tuple[int | None, int | None]:
    """Where the answer's bytes belong in the file (None: nowhere), and the file's length by its word or None."""
    length = answer.headers.get("Content-Length")
    if answer.status != 206:
        return 0, int(length) if length and length.isdigit() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range") or "")
    if found is None or int(found[1]) != start:
        return None, None
    return start, None if found[2] == "*" else int(found[2])


def _write(answer: HTTPResponse, part: Path, begin: int, whole: int | None, progress: Progress | None) -> int:
    """Append the answer to the first `begin` bytes, up to `whole` in all where that is known; the number that came."""
    got = 0
    try:
        stream = part.open("ab" if begin else "wb")
    except OSError as problem:
        raise UnwritableError(f"{part}: {problem.strerror}") from None
    with stream:
        # read1 gives what has come; read would lose the last megabyte of a connection that breaks.
        while chunk := answer.read1(CHUNK):
            if whole is not None and begin + got + len(chunk) > whole:
                raise HTTPException(f"the server sends more than {whole:,} bytes")
            try:
                stream.write(chunk)
                stream.flush()
            except OSError as problem:
                raise UnwritableError(f"{part}: {problem.strerror}") from None
            got += len(chunk)
            if progress is not None:
                progress(begin + got, whole)
        os.fsync(stream.fileno())
    return got
