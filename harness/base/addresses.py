"""Files and folders that a declaration names by an address, as paths of this machine: fetched once and kept.

`hf://OWNER/NAME@REVISION/PATH` is a file of a model's repository on the Hugging Face Hub, `hf://datasets/OWNER/NAME@…`
of a data set's, `s3://BUCKET/PATH` and the like an object; what ends in a slash is a folder. An address says where
bytes come from, never which they must be: a declaration pins that by SHA-256, and keys follow the content.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.base.buckets import Bucket, scheme_of
from harness.base.errors import UsageError
from harness.base.files import cache_folder
from harness.base.locks import locked

HUB = "hf"
_HUB = re.compile(r"hf://(?:(datasets|spaces)/)?([\w.-]+/[\w.-]+)@([^/@\s]+)/(.*)", re.DOTALL)


def local_path(folder: Path, text: str) -> str:
    """The absolute path of what a declaration in `folder` names by a path or an address; the latter is fetched now."""
    if scheme_of(text) is not None:
        return str(fetched(text))
    return str(folder.absolute() / os.path.expanduser(text))


def fetched(address: str) -> Path:
    """The file, or for an address that ends in a slash the folder, of this machine; fetched unless it is here.

    Raises UsageError, with what to place where, for one that is not here and cannot be fetched.
    """
    scheme = scheme_of(address)
    if scheme == "file":
        return Path(address.removeprefix("file://").removeprefix("localhost"))
    if scheme == HUB:
        return _from_hub(address)
    return _from_bucket(address)


def place_of(address: str) -> Path:
    """Where what an address names lies on this machine, or may be placed by hand."""
    scheme, _, rest = address.partition("://")
    parts = [part for part in PurePosixPath(rest).parts if part != "/"]
    if not parts or ".." in parts:
        raise UsageError(f"{address}: no file is named; .. is not allowed in an address")
    return cache_folder("HARNESS_FETCHED", "fetched").joinpath(scheme, *parts)


def _from_bucket(address: str) -> Path:
    place = place_of(address)
    if place.exists():
        return place
    if not address.endswith("/"):
        above, _, name = address.rpartition("/")
        bucket = Bucket(above)
        if bucket.size(name) is None:
            raise UsageError(f"{address}: no such object; a folder's address ends in a slash")
        _once(place, lambda aside: bucket.fetch(name, aside))
        return place
    bucket = Bucket(address)
    names = bucket.names()
    if not names:
        raise UsageError(f"{address}: no object found under this address")

    def fetch(aside: Path) -> None:
        for name in names:
            if ".." in PurePosixPath(name).parts:
                raise UsageError(f"{address}: holds an object named {name!r}, whose path points outside it")
            bucket.fetch(name, aside / name)

    _once(place, fetch)
    return place


def _once(place: Path, fetch: Callable[[Path], None]) -> None:
    """Bring a file or a folder to its place, whole or not at all, by one process at a time."""
    with locked(place.with_name(f".{place.name}.lock")):
        if place.exists():
            return
        aside = place.with_name(f".{place.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)
        fetch(aside)
        os.replace(aside, place)


@dataclass(frozen=True)
class _OnHub:
    repository: str
    kind: str  # model, dataset, space
    revision: str
    path: str


def _from_hub(address: str) -> Path:
    asked = _hub_parts(address)
    place = place_of(address)
    if place.exists():
        return place
    try:
        import huggingface_hub as hub
    except ImportError:
        raise UsageError(
            f"{address} needs the package huggingface_hub (pip install 'generative-image-harness[hub]'); "
            f"{_by_hand(asked, place)}"
        ) from None
    where: dict[str, Any] = {"repo_id": asked.repository, "repo_type": asked.kind, "revision": asked.revision}
    try:
        if asked.path and not asked.path.endswith("/"):
            return Path(str(hub.hf_hub_download(filename=asked.path, **where)))
        below = [f"{asked.path}**"] if asked.path else None
        found = Path(str(hub.snapshot_download(allow_patterns=below, **where))) / asked.path
        if not found.is_dir():
            raise UsageError(f"{address}: the repository has no such folder at this revision")
        return found
    except UsageError:
        raise
    except Exception as problem:  # the Hub's own, an HTTP client's, the system's
        first = next(iter(str(problem).splitlines()), "").rstrip(".") or type(problem).__name__
        raise UsageError(f"{address} cannot be fetched ({first}); {_by_hand(asked, place)}") from None


def _hub_parts(address: str) -> _OnHub:
    found = _HUB.fullmatch(address)
    if found is None:
        raise UsageError(
            f"{address}: use hf://OWNER/NAME@REVISION/PATH (data sets: hf://datasets/OWNER/NAME@REVISION/PATH); a "
            "commit as the revision names the same bytes for ever"
        )
    kind = {"datasets": "dataset", "spaces": "space", None: "model"}[found[1]]
    return _OnHub(found[2], kind, found[3], found[4])


def _by_hand(asked: _OnHub, place: Path) -> str:
    what = f"{asked.path or 'the files'} of the {asked.kind} {asked.repository} at revision {asked.revision}"
    return f"without a network, put {what} at {place}"
