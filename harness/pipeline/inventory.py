"""What a store holds, and what in it belongs to no entry: left by killed machines, and never read again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.base import Bucket
from harness.pipeline.bucket_store import OBJECTS, object_name
from harness.pipeline.store import MANIFEST, TEMPORARY, read_manifest

AT_ONCE = 500  # manifests that are asked for at once


@dataclass(frozen=True)
class Leftover:
    """Something below a store's address that no entry names; `age` is the seconds since it last changed."""

    name: str
    bytes: int
    age: float


@dataclass(frozen=True)
class Inventory:
    """Entries and bytes by kind (`images`, `features`, `scores`, …), and what no entry names."""

    entries: dict[str, int]
    bytes: dict[str, int]
    leftovers: tuple[Leftover, ...]


def inventory_of_folder(root: Path) -> Inventory:
    """What a folder holds. A leftover is what was being written; one that changes now is of a process at work."""
    entries: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for manifest in root.glob(f"*/*/*/{MANIFEST}"):
        kind = manifest.relative_to(root).parts[0]
        if kind != TEMPORARY:
            entries[kind] += 1
            held[kind] += sum(size for size, _ in _files(manifest.parent))
    now = time.time()
    left = []
    for folder in sorted((root / TEMPORARY).glob("*")):
        files = list(_files(folder))
        with suppress(FileNotFoundError):  # it has come to its place meanwhile
            changed = max([folder.stat().st_mtime, *(when for _, when in files)])
            left.append(Leftover(f"{TEMPORARY}/{folder.name}", sum(size for size, _ in files), now - changed))
    return Inventory(dict(entries), dict(held), tuple(left))


def inventory_of_bucket(bucket: Bucket) -> Inventory:
    """What a bucket holds. A leftover is a shard that no manifest names; a shard of several kinds counts once."""
    objects = bucket.objects()
    shards = {name: found for name, found in objects.items() if name.startswith(OBJECTS)}
    manifests = [name for name in objects if name.count("/") == 2 and name.endswith(".json")]
    entries: Counter[str] = Counter()
    held: Counter[str] = Counter()
    unnamed = set(shards)
    for start in range(0, len(manifests), AT_ONCE):
        for name, payload in bucket.get_many(manifests[start : start + AT_ONCE]).items():
            kind, _, file = name.split("/")
            with suppress(ValueError):  # a damaged one names nothing; its entry is made anew
                manifest = read_manifest(payload, file.removesuffix(".json"))
                entries[kind] += 1
                held[kind] += len(payload)
                for shard in manifest["shards"]:
                    one = object_name(shard["sha256"])
                    if one in unnamed:
                        unnamed.discard(one)
                        held[kind] += shards[one].bytes
    now = time.time()
    left = [Leftover(name, shards[name].bytes, now - shards[name].changed) for name in sorted(unnamed)]
    return Inventory(dict(entries), dict(held), tuple(left))


def _files(folder: Path) -> Iterator[tuple[int, float]]:
    """The bytes and the time of change of each file."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            yield status.st_size, status.st_mtime
