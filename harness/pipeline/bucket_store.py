"""A store in a bucket, behind a folder of this machine that is a store itself and holds what was last used.

In the bucket a shard is an object named by its SHA-256, `objects/ab/ab12…`, and an entry is the manifest
`<kind>/<first two digits>/<key>.json`, put last and only where there is none. There are no locks: two machines may make
the same entry, and the first manifest stays. Its shards cannot be mixed with the other's, whose names are others where
their bytes are. What a killed machine leaves are shards that no manifest names; the next attempt finds them there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import Bucket, UsageError, locked, write_atomically
from harness.pipeline.places import BucketPlace
from harness.pipeline.store import (
    HERE,
    MANIFEST,
    CorruptEntry,
    CorruptEntryWarning,
    Entry,
    Store,
    read_manifest,
    read_mapping,
)

if TYPE_CHECKING:
    from harness.pipeline.inventory import Inventory, Leftover

LAYOUT = "store.json"  # of the bucket: what lies below the address, and that it can be written
LAYOUT_FORMAT = 1
OBJECTS = "objects/"  # where shards lie
FEW = 8  # entries that are asked for one by one before their kind is listed
ASKED = 1 << 20  # bytes of a shard from which on the bucket is asked for it before it is sent


class NoConditionWarning(UserWarning):
    """The server takes a put that it should have refused: of two equal entries at once the last one stays."""


@dataclass(frozen=True)
class BucketEntry(Entry):
    """An entry whose shards come from the local folder, or else from the bucket."""

    store: BucketStore

    def payload(self, shard: Mapping[str, Any]) -> bytes:
        """The bytes of a shard, verified, and kept in the local folder. Raises CorruptEntry."""
        self.store.used(self.folder)
        try:
            return super().payload(shard)
        except CorruptEntry:
            return self.store.fetched(self, shard)


class BucketStore(Store):
    """Entries of a bucket, safe for several processes and machines at once and for being killed at any moment.

    `root` is the local folder. It may be removed at any time; no process but those that use this bucket writes there.
    """

    def __init__(self, place: BucketPlace) -> None:
        super().__init__(place.folder)
        self.place = place
        self.bucket = Bucket(place.url)
        self._since = place.bytes  # bytes written here since the folder was last measured: at once, the first time
        self._asked: dict[str, int] | None = None  # while surveyed: how many of each kind the bucket was asked for
        self._listed: dict[str, frozenset[str]] = {}  # while surveyed: the names of the manifests of a kind

    def check_place(self) -> None:
        """Raise UsageError where the bucket is not there or refuses to be read, or the local folder cannot be made."""
        super().check_place()
        layout = self.bucket.get(LAYOUT)
        if layout is not None and json.loads(layout).get("format") != LAYOUT_FORMAT:
            raise UsageError(f"{self.place}: holds a store of another version; give another prefix with --store")

    def check_writable(self) -> None:
        """Raise UsageError, before anything is computed for it, where the bucket or the folder cannot be written."""
        super().check_writable()
        layout = json.dumps({"format": LAYOUT_FORMAT}).encode("ascii")
        self.bucket.create(LAYOUT, layout)
        if self.bucket.create(LAYOUT, layout):
            text = (
                f"{self.place}: this server has no conditional writes; if two workers write the same "
                "entry, the last wins"
            )
            warnings.warn(text, NoConditionWarning, 2)

    def find(self, kind: str, key: str) -> Entry | None:
        """The entry, or None. Only the manifest is read, from the local folder or else from the bucket."""
        try:
            found = self._held(kind, key)
        except CorruptEntry:  # here, not in the bucket
            shutil.rmtree(self.folder(kind, key), ignore_errors=True)
            found = None
        if found is not None or kind in HERE or self._is_known_absent(kind, key):
            return found
        payload = self.bucket.get(manifest_name(kind, key))
        if payload is None:
            return None
        try:
            manifest = read_manifest(payload, key)
        except ValueError:
            self.discard(kind, key)
            return None
        folder = self.folder(kind, key)
        self._keep(folder / MANIFEST, payload)
        return self._entry(folder, manifest["facts"], tuple(manifest["shards"]))

    @contextmanager
    def surveyed(self) -> Iterator[None]:
        """A block in which each kind is listed (a request for 1,000 entries) once more than a few are looked for."""
        self._asked, self._listed = {}, {}
        try:
            yield
        finally:
            self._asked, self._listed = None, {}

    def bring(self, kind: str, keys: Iterable[str]) -> None:
        """Bring the manifests of entries that are about to be looked for, many at once."""
        far = [key for key in dict.fromkeys(keys) if not (self.folder(kind, key) / MANIFEST).exists()]
        if len(far) <= FEW:
            return
        names = [name for key in far if (name := manifest_name(kind, key)) in self._names(kind)]
        for name, payload in self.bucket.get_many(names).items():
            key = name.rpartition("/")[2].removesuffix(".json")
            with suppress(ValueError):  # `find` deals with it
                read_manifest(payload, key)
                self._keep(self.folder(kind, key) / MANIFEST, payload)

    def _is_known_absent(self, kind: str, key: str) -> bool:
        if self._asked is None:
            return False
        self._asked[kind] = self._asked.get(kind, 0) + 1
        if kind not in self._listed and self._asked[kind] <= FEW:
            return False
        return manifest_name(kind, key) not in self._names(kind)

    def _names(self, kind: str) -> frozenset[str]:
        """The names of all manifests of a kind; listed once a survey."""
        if kind not in self._listed or self._asked is None:
            self._listed[kind] = frozenset(self.bucket.names(kind))
        return self._listed[kind]

    def _entry(self, folder: Path, facts: Mapping[str, Any], shards: tuple[Mapping[str, Any], ...]) -> Entry:
        return BucketEntry(folder, facts, shards, self)

    def discard(self, kind: str, key: str) -> None:
        """Remove a corrupted entry, here and in the bucket, and say so."""
        text = f"{kind} {key[:12]} in {self.place} is corrupted; recomputing"
        warnings.warn(text, CorruptEntryWarning, 2)
        self.forget(kind, key)

    def forget(self, kind: str, key: str) -> None:
        """Remove an entry, if there is one. Its shards stay in the bucket, where another entry may name them too."""
        if kind not in HERE:
            self.bucket.remove(manifest_name(kind, key))
        super().forget(kind, key)

    def read_note(self, name: str) -> dict[str, Any] | None:
        """As of a folder, from the bucket."""
        payload = self.bucket.get(name)
        return None if payload is None else read_mapping(payload)

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """As of a folder, into the bucket."""
        self.bucket.replace(name, json.dumps(note).encode("ascii"))

    def inventory(self) -> Inventory:
        """What the bucket holds. An entry that is under way has shards there and no manifest yet: see their age."""
        from harness.pipeline.inventory import inventory_of_bucket

        return inventory_of_bucket(self.bucket)

    def remove(self, leftovers: Iterable[Leftover]) -> None:
        """Remove shards. One that an entry names by now is missed when it is read, and the entry made anew."""
        for one in leftovers:
            self.bucket.remove(one.name)

    # ---------------------------------------------------------------- written

    def _written(self, kind: str, path: Path, payload: bytes, sha256: str) -> None:
        self._since += len(payload)
        if kind in HERE:
            return
        self._send(object_name(sha256), payload)
        if self._too_much(path.parent, 0):
            path.unlink()  # an image set of any size passes through: what it needs here is one shard

    def _finish(self, temporary: Path, kind: str, key: str) -> None:
        if kind not in HERE:
            payload = (temporary / MANIFEST).read_bytes()
            self.bucket.create(manifest_name(kind, key), payload)
            # What counts is what lies there now: another machine's, if that one was first.
            there = self.bucket.get(manifest_name(kind, key))
            if there != payload:
                return  # and `find` takes the other one
        super()._finish(temporary, kind, key)
        self._bound()

    def _send(self, name: str, payload: bytes) -> None:
        size = len(payload)
        if size >= ASKED and self.bucket.size(name) == size:
            return
        if not self.bucket.create(name, payload) and self.bucket.size(name) != size:
            self.bucket.replace(name, payload)  # half of one, of a server that shows such

    # ---------------------------------------------------------------- read

    def fetched(self, entry: Entry, shard: Mapping[str, Any]) -> bytes:
        """A shard's bytes from the bucket, kept here unless they are too much of what may be. Raises CorruptEntry."""
        name = object_name(shard["sha256"])
        for _ in range(2):  # the network too may have been wrong
            payload = self.bucket.get(name)
            if payload is None:
                break
            if hashlib.sha256(payload).hexdigest() == shard["sha256"]:
                self._keep(entry.folder / shard["file"], payload)
                return payload
        else:
            self.bucket.remove(name)  # or the right bytes could not be put in its place
        raise CorruptEntry(entry.folder / shard["file"])

    def _keep(self, path: Path, payload: bytes) -> None:
        if self._too_much(path.parent, len(payload)):
            return
        try:
            write_atomically(path, payload)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return
        self._since += len(payload)
        self._bound()

    # ---------------------------------------------------------------- the local folder's bound

    def _too_much(self, folder: Path, more: int) -> bool:
        """Whether an entry takes more than half of what the local folder may hold."""
        return more + _bytes_in(folder) > self.place.bytes // 2

    def used(self, folder: Path) -> None:
        """Note that an entry was used just now."""
        try:
            os.utime(folder)
        except OSError:
            return  # another process has just made room

    def _bound(self) -> None:
        """Remove the entries longest unused where the folder holds more than it may; one process at a time."""
        if self._since < self.place.bytes // 100:
            return
        try:
            with locked(self.root / "bound.lock", seconds=0):
                self._since = 0
                held = sorted(self._folders(), key=lambda one: one[0])
                total = sum(size for _, size, _ in held)
                for _, size, folder in held:
                    if total <= self.place.bytes * 9 // 10:
                        break
                    total -= size
                    aside = self.temporary()
                    aside.parent.mkdir(exist_ok=True)
                    try:
                        os.rename(folder, aside)  # at once: no reader sees a half of it
                    except FileNotFoundError:
                        continue
                    shutil.rmtree(aside, ignore_errors=True)
        except TimeoutError:
            return

    def _folders(self) -> Iterator[tuple[float, int, Path]]:
        """Of each entry here that can be had again: when it was last used, its bytes, its folder."""
        for manifest in self.root.glob(f"*/*/*/{MANIFEST}"):
            folder = manifest.parent
            if folder.parent.parent.name in HERE:
                continue
            try:
                yield folder.stat().st_mtime, _bytes_in(folder), folder
            except FileNotFoundError:
                continue


def _bytes_in(folder: Path) -> int:
    try:
        return sum(one.stat().st_size for one in os.scandir(folder))
    except FileNotFoundError:
        return 0


def manifest_name(kind: str, key: str) -> str:
    """The name of an entry's manifest in the bucket."""
    return f"{kind}/{key[:2]}/{key}.json"


def object_name(sha256: str) -> str:
    """The name of a shard in the bucket."""
    return f"{OBJECTS}{sha256[:2]}/{sha256}"
