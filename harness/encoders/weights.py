"""Weight files: which there are, where they lie, and whether they are the right ones.

A file is right when its SHA-256 is the registered one; neither its name nor its size makes it so. What arrives is kept
as `<file>.part` until it is complete and right, so that a broken connection costs no more than what was missing. With
`download.py` this is the only network code of the project.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from harness.base import Frozen, UsageError, cache_folder, digest_file, locked, read_yaml, unknown
from harness.encoders.download import Progress, RefusedError, UnwritableError, discard, download

TABLE = Path(__file__).with_name("weights.yaml")
SCHEMES = ("http", "https", "file")
PATH_CHARACTERS = "/%:@!$&'()*+,;=~"  # that stay as they are in an address, beside letters, digits and -._
Verdict = Literal["absent", "right", "wrong", "unpinned"]


class Weights(Frozen):
    """One registered file; `bytes` and `sha256` are None where nobody has published them.

    `begins` is the beginning of a digest that the authors publish instead (`sha256:0cc3c7bd`, `md5:8cad7c`): enough to
    refuse a wrong file, not to vouch for one. `source` is the page that the entry's facts are from.
    """

    url: str
    bytes: int | None
    sha256: str | None
    begins: str | None = None
    licence: str
    what: str
    source: str


class _Table(Frozen):
    files: dict[str, Weights]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is in place: its SHA-256, the bytes transferred for it, and whether it was trusted on first use."""

    path: Path
    sha256: str
    transferred: int
    trusted: bool


@cache
def registered() -> Mapping[str, Weights]:
    """Every registered file by its name."""
    document = read_yaml(TABLE)
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
    return cache_folder("HARNESS_WEIGHTS", "weights")


def pinned(name: str) -> str | None:
    """The SHA-256 a file must have: the registered one, else the one it had when it was trusted, else None."""
    if registered_one := find(name).sha256:
        return registered_one
    try:
        found = re.match(r"[0-9a-f]{64}\b", _pin(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if found is None:
        raise UsageError(
            f"{_pin(name)} does not begin with a SHA-256 of 64 hex digits; delete it and fetch {name} again"
        )
    return found[0]


def locate(name: str) -> Path:
    """The path of a registered file, its size and SHA-256 verified.

    Raises UsageError where it is missing or wrong, and says what to put where. Never touches the network.
    """
    path = folder() / name
    state = verdict(name)
    if state == "absent":
        raise UsageError(missing(name))
    if state == "wrong":
        raise UsageError(
            f"{path} is not the registered file: it has {path.stat().st_size:,} bytes, SHA-256 {digest_file(path)}. "
            f"{_instruction(name)}"
        )
    return path


def own(file: str, sha256: str) -> Path:
    """The path of a weight file of the user's own. Raises UsageError where it is missing or has another SHA-256."""
    path = Path(os.path.expanduser(file))
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if problem := mismatch(path, sha256):
        raise UsageError(problem)
    return path


def mismatch(path: Path, sha256: str) -> str | None:
    """The words for a file whose SHA-256 is not the one promised; None where it is."""
    found = digest_file(path)
    if found == sha256:
        return None
    return f"{path} has SHA-256 {found}, not {sha256}; give the right file, or its digest"


def missing(name: str) -> str:
    """The words for a registered file that is not here: how to get it, with a network and without."""
    return f"weights {name} not found. {_instruction(name)}"


def verdict(name: str) -> Verdict:
    """Whether a file is `absent`, `right` by its SHA-256, `wrong`, or here with no digest to hold it against."""
    weights, path, pin = find(name), folder() / name, pinned(name)
    if not path.is_file():
        return "absent"
    if weights.bytes is not None and path.stat().st_size != weights.bytes:
        return "wrong"
    if pin is not None:
        return "right" if digest_file(path) == pin else "wrong"
    return "wrong" if _contradicts(path, weights.begins) else "unpinned"


def kept(name: str) -> int:
    """The bytes of a download that was broken off; 0 where there is none."""
    part = folder() / f"{name}.part"
    return part.stat().st_size if part.is_file() else 0


def fetch(name: str, *, trust: bool = False, progress: Progress | None = None) -> Fetched:
    """Download a registered file, resuming what an earlier attempt left; it appears whole and right or not at all.

    `$HARNESS_WEIGHTS_MIRROR` is a base address that the file's name is appended to; the usual proxy variables count.
    `trust` accepts a file without a registered digest and pins the one it has beside it, for every later time.
    Raises UsageError for a file that is not the registered one, an address that does not have it, no connection.
    """
    weights, where = find(name), folder()
    if weights.sha256 is None and not trust:
        raise UsageError(
            f"no SHA-256 of {name} is published; --trust-first-use accepts the file from "
            f"{weights.url}, shows its digest "
            "and requires it from then on"
        )
    url = _address(name)
    where.mkdir(parents=True, exist_ok=True)
    with locked(where / f"{name}.lock"):  # one download of a file at a time
        path, part = where / name, where / f"{name}.part"
        if verdict(name) == "right":
            return Fetched(path, str(pinned(name)), 0, False)
        found, transferred = _right(name, url, part, progress)
        trusted = pinned(name) is None
        if trusted:
            _pin(name).write_text(f"{found}  {name}\n", encoding="utf-8")  # as sha256sum -c reads it
        os.replace(part, path)
        discard(part)
        return Fetched(path, found, transferred, trusted)


def _right(name: str, url: str, part: Path, progress: Progress | None) -> tuple[str, int]:
    """The SHA-256 of `part` once it is complete and right, and the bytes transferred for it."""
    weights, pin, transferred = find(name), pinned(name), 0
    for _ in range(2):
        begun = kept(name)
        _room(name, begun)
        try:
            came = download(url, part, size=weights.bytes, progress=progress)
        except RefusedError as problem:
            raise UsageError(f"{url}: {problem}. {_instruction(name)}") from None
        except UnwritableError as problem:
            raise UsageError(
                f"cannot write {problem}; the partial download is kept, run the same command again to continue"
            ) from None
        transferred += came.transferred
        found = digest_file(part)
        if pin is None and not _contradicts(part, weights.begins):
            return found, transferred
        if found == pin:
            return found, transferred
        discard(part)
        if not (begun or came.joined):
            break
        # Joined from several answers, perhaps of several files: one whole answer decides.
    wanted = pin or weights.begins
    whose = "" if weights.sha256 or not pin else f" as when it was first trusted (delete {_pin(name)} to trust anew)"
    raise UsageError(
        f"{url} gave a file with SHA-256 {found}, not {wanted}{whose}; it was deleted. Try "
        "again; if it happens again, the file has changed or a proxy alters it"
    )


def _address(name: str) -> str:
    mirror = os.environ.get("HARNESS_WEIGHTS_MIRROR")
    if not mirror:
        return find(name).url
    try:
        scheme, host, path, query, fragment = urlsplit(mirror)
    except ValueError as problem:  # a bracket that is not closed
        raise UsageError(f"$HARNESS_WEIGHTS_MIRROR is {mirror!r}; that is not an address: {problem}") from None
    if scheme not in SCHEMES:
        raise UsageError(f"$HARNESS_WEIGHTS_MIRROR is {mirror!r}; it must begin with http://, https:// or file://")
    if query or fragment:
        raise UsageError(
            f"$HARNESS_WEIGHTS_MIRROR is {mirror!r}; {name} is appended to it, so ? and # must be %3F and %23"
        )
    # As people write it: a space or an umlaut is no character of an address, but %20 is (RFC 3986, 2).
    return f"{scheme}://{host}{quote(path.rstrip('/'), safe=PATH_CHARACTERS)}/{name}"


def _room(name: str, begun: int) -> None:
    """Say before a long download that the disk cannot take it."""
    size, free = find(name).bytes, shutil.disk_usage(folder()).free
    if size is not None and size - begun > free:
        raise UsageError(
            f"{folder()} has {free:,} bytes free, {name} needs {size - begun:,}; free some space "
            "or set HARNESS_WEIGHTS to a folder on a larger disk"
        )


def _contradicts(path: Path, begins: str | None) -> bool:
    if begins is None:
        return False
    algorithm, digits = begins.split(":")
    with path.open("rb") as stream:
        return not hashlib.file_digest(stream, algorithm).hexdigest().startswith(digits)


def _pin(name: str) -> Path:
    return folder() / f"{name}.sha256"


def _instruction(name: str) -> str:
    weights = find(name)
    size = f"{weights.bytes:,} bytes, " if weights.bytes else ""
    checksum = f"SHA-256 {weights.sha256}" if weights.sha256 else "no SHA-256 published"
    flag = "" if weights.sha256 else " --trust-first-use"
    return (
        f"`harness weights fetch {name}{flag}` downloads them; without a network, put {weights.url} "
        f"({size}{checksum}) at {folder() / name}"
    )
