"""OUT in a bucket: a run's folder written here and then put there, and fetched from there to be read.

Files keep their names, so that a browser shows `report.html`; `.files.json`, put last, has the SHA-256 of each: a
reader who comes while files are put sees by it that they do not belong together yet.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness.base import Bucket, UsageError, cache_folder, digest, digest_file, write_atomically
from harness.pipeline.ownership import MARKER, RECEIPT

LISTING, FORMAT = ".files.json", 1
HIDDEN = (MARKER, RECEIPT, ".report.json")  # that belong to a run; other hidden files are of this machine
PAUSE, TRIES = 2.0, 3  # seconds between two tries to read a run that is just being put


def mirror_of(url: str) -> Path:
    """The folder of this machine that stands for a run in a bucket."""
    return cache_folder("HARNESS_RUNS", "runs") / digest(Bucket(url).url)[:16]


def bring_run(url: str) -> Path:
    """A run in a bucket as a folder of this machine; only files that differ are fetched, each held against its SHA-256.

    Raises UsageError where no run is there, or its files do not belong together.
    """
    bucket = Bucket(url)
    for left in reversed(range(TRIES)):
        listed = _listing(bucket)
        if listed is None:
            raise UsageError(f"{url} holds no run: there is no {LISTING} in it")
        wrong = _fetch(bucket, listed, mirror_of(url))
        if not wrong:
            return mirror_of(url)
        if left:
            time.sleep(PAUSE)
    raise UsageError(f"{url}: {wrong[0]} differs from {LISTING}; run the benchmark again into this OUT")


def begin_run(url: str) -> Path:
    """The folder in which a run is written that goes to a bucket, with what lies there of an earlier one."""
    bucket = Bucket(url)
    listed = _listing(bucket)
    if listed is not None and _fetch(bucket, listed, mirror_of(url)):
        bucket.remove(LISTING)  # something there is damaged: everything is put again
    mirror_of(url).mkdir(parents=True, exist_ok=True)
    return mirror_of(url)


def publish_run(url: str) -> int:
    """Put what has changed of a run's folder into its bucket, the listing last; how many files that were.

    Files that the run no longer has are removed. A folder without records is not a run, and nothing is put.
    """
    bucket, folder = Bucket(url), mirror_of(url)
    if not (folder / "records.jsonl").is_file():
        return 0
    before = _listing(bucket) or {}
    now = _files(folder)
    changed = [name for name, sha256 in now.items() if before.get(name) != sha256]
    for name in changed:
        bucket.replace(name, (folder / name).read_bytes())
    if changed or before.keys() != now.keys():
        text = json.dumps({"format": FORMAT, "files": now}, indent=1)
        bucket.replace(LISTING, f"{text}\n".encode("ascii"))
    for name in before.keys() - now.keys():
        bucket.remove(name)
    return len(changed)


def _fetch(bucket: Bucket, listed: Mapping[str, str], folder: Path) -> list[str]:
    """Bring the folder to what is listed; the names of files that are not as listed."""
    here = _files(folder)
    wrong = []
    for name, sha256 in listed.items():
        if here.get(name) == sha256:
            continue
        payload = bucket.get(name)
        if payload is None or hashlib.sha256(payload).hexdigest() != sha256:
            wrong.append(name)
        else:
            write_atomically(folder / name, payload)
    for name in here.keys() - listed.keys():
        (folder / name).unlink(missing_ok=True)
    return wrong


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (not path.name.startswith(".") or path.relative_to(folder).as_posix() in HIDDEN)
    }


def _listing(bucket: Bucket) -> dict[str, str] | None:
    payload = bucket.get(LISTING)
    if payload is None:
        return None
    try:
        told = json.loads(payload)
        files = {str(name): str(sha256) for name, sha256 in told["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{bucket.url}/{LISTING} is not a listing of a run's files") from None
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or "\0" in name:
            raise UsageError(f"{bucket.url}/{LISTING} lists {name!r}, which is outside the run")
    return files
