"""The content-addressed store: what was computed once is found again, whole or not at all.

An entry is a folder `<root>/<kind>/<first two digits>/<key>/` with safetensors shards and a `manifest.json` that holds
the SHA-256 of each. It is written under a temporary name and renamed into place, so a reader never sees half of one. An
entry whose bytes no longer match its manifest is removed and reported as missing, to be made again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.base import UNWRITABLE, UsageError, canonical_json, digest, synced, write_json

if TYPE_CHECKING:
    from harness.pipeline.inventory import Inventory, Leftover

MANIFEST = "manifest.json"
FORMAT = 1
TEMPORARY = "tmp"  # of a store's folder: what is being written
# Kinds about files of this machine: they never leave it, and another run may remove them at any time.
HERE = ("checks", "decoded")
_SHARD, _SHA256 = re.compile(r"shard-\d{5,}\.safetensors"), re.compile("[0-9a-f]{64}")
SYNC_AFTER = 0.25  # seconds of work since the last entry: from there on one is on the disk itself when `put` returns
Arrays = Mapping[str, NDArray[Any]]


class CorruptEntryWarning(UserWarning):
    """An entry of the store did not match its digest and was removed; it will be made again."""


@dataclass(frozen=True)
class Entry:
    """One stored result: its facts, and its arrays read shard by shard."""

    folder: Path
    facts: Mapping[str, Any]
    shards: tuple[Mapping[str, Any], ...]

    def read(self, start: int = 0) -> Iterator[dict[str, NDArray[Any]]]:
        """Each shard's arrays in order, verified, from number `start` on.

        Raises CorruptEntry where the bytes do not match the manifest.
        """
        from safetensors.numpy import load

        for shard in self.shards[start:]:
            arrays: dict[str, NDArray[Any]] = load(self.payload(shard))
            yield arrays

    def payload(self, shard: Mapping[str, Any]) -> bytes:
        """The bytes of a shard, verified. Raises CorruptEntry."""
        path = self.folder / str(shard["file"])
        try:
            payload = path.read_bytes()
        except FileNotFoundError:
            raise CorruptEntry(path) from None
        if hashlib.sha256(payload).hexdigest() != shard["sha256"]:
            raise CorruptEntry(path)
        return payload

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays, those of several shards joined along the first axis."""
        parts = list(self.read())
        if len(parts) == 1:
            return parts[0]
        names = dict.fromkeys(name for part in parts for name in part)
        return {name: np.concatenate([part[name] for part in parts if name in part]) for name in names}


class CorruptEntry(Exception):  # noqa: N818 - it is caught by the stage that makes the entry again, never shown
    """An entry's bytes are not those of its manifest."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def read_manifest(payload: bytes, key: str) -> dict[str, Any]:
    """A manifest without its seal. Raises ValueError where it is not that of the entry `key`."""
    try:
        manifest: dict[str, Any] = json.loads(payload.decode("ascii"))
        seal = manifest.pop("seal")
        # Names come from a file that others may write, and a reader makes paths of them.
        named = all(_SHARD.fullmatch(one["file"]) and _SHA256.fullmatch(one["sha256"]) for one in manifest["shards"])
        if manifest["format"] == FORMAT and manifest["key"] == key and seal == digest(manifest) and named:
            return manifest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError("not this entry's manifest")


def read_mapping(payload: bytes) -> dict[str, Any] | None:
    """A JSON mapping; None where the bytes are none."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class Store:
    """A folder of entries, safe for several processes at once and for being killed at any moment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[tuple[str, str], tuple[tuple[int, int, int], Entry]] = {}
        self._last = time.monotonic()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}  # each process reads for itself

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _last=time.monotonic())

    def folder(self, kind: str, key: str) -> Path:
        """Where the entry is, or would be."""
        return self.root / kind / key[:2] / key

    def find(self, kind: str, key: str) -> Entry | None:
        """The entry, or None. Only the manifest is read, once as long as it is the same file; shards when they are."""
        try:
            return self._held(kind, key)
        except CorruptEntry:
            self.discard(kind, key)
            return None

    def _held(self, kind: str, key: str) -> Entry | None:
        """As `find`, but raises CorruptEntry where the manifest is not this entry's."""
        folder = self.folder(kind, key)
        try:
            status = os.stat(f"{folder}/{MANIFEST}")
            # An entry made anew is another file: manifests are renamed into place with their folder.
            stamp = status.st_ino, status.st_mtime_ns, status.st_size
            known = self._known.get((kind, key))
            if known is not None and known[0] == stamp:
                return known[1]
            manifest = read_manifest((folder / MANIFEST).read_bytes(), key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:
            raise CorruptEntry(folder / MANIFEST) from None
        entry = self._entry(folder, manifest["facts"], tuple(manifest["shards"]))
        self._known[kind, key] = stamp, entry
        return entry

    def _entry(self, folder: Path, facts: Mapping[str, Any], shards: tuple[Mapping[str, Any], ...]) -> Entry:
        return Entry(folder, facts, shards)

    @contextmanager
    def surveyed(self) -> Iterator[None]:
        """A block in which many entries are looked for, and none is made meanwhile that must be seen."""
        yield

    def bring(self, kind: str, keys: Iterable[str]) -> None:
        """Hear which entries are about to be looked for."""

    def load(self, kind: str, key: str) -> tuple[Mapping[str, Any], dict[str, NDArray[Any]]] | None:
        """Facts and verified arrays, or None where there is no intact entry (a corrupted one is removed)."""
        entry = self.find(kind, key)
        if entry is None:
            return None
        try:
            return entry.facts, entry.arrays()
        except CorruptEntry:
            self.discard(kind, key)
            return None

    def discard(self, kind: str, key: str) -> None:
        """Remove a corrupted entry and say so."""
        warnings.warn(f"{kind} {key[:12]} in {self.root} is corrupted; recomputing", CorruptEntryWarning, 2)
        shutil.rmtree(self.folder(kind, key), ignore_errors=True)

    def forget(self, kind: str, key: str) -> None:
        """Remove an entry, if there is one, that a newer one under its key takes the place of."""
        shutil.rmtree(self.folder(kind, key), ignore_errors=True)

    def check_place(self) -> None:
        """Raise UsageError, before anything is looked for in it, for a store that cannot be a folder."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            lost = isinstance(error, FileExistsError | NotADirectoryError | FileNotFoundError)
            if not lost and error.errno not in UNWRITABLE:
                raise
            raise UsageError(f"cannot create the store {self.root}; give another folder with --store") from None

    def check_writable(self) -> None:
        """Raise UsageError, before anything is computed for it, where the store cannot be written."""
        probe = self.temporary()
        try:
            probe.mkdir(parents=True)
            probe.rmdir()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise UsageError(
                f"the store {self.root} cannot be written ({error.strerror}); set a writable one with "
                "--store or $HARNESS_STORE; copy this one there to avoid recomputing it"
            ) from None

    def put(self, kind: str, key: str | Callable[[], str], shards: Iterable[Arrays], facts: Any) -> Entry:
        """Write an entry. `key`, and `facts`, a JSON mapping, may be functions called when the last shard is written.

        An entry that another process finished first is kept. One that took SYNC_AFTER seconds to make outlasts a loss
        of power; cheaper ones are left to the system, which writes within half a minute: what is lost of one is seen
        and made again. Raises OSError (a full disk) with nothing left behind.
        """
        from safetensors.numpy import save

        self._sweep()
        temporary = self.temporary()
        temporary.mkdir(parents=True)
        try:
            listed = []
            for number, arrays in enumerate(shards):
                name = f"shard-{number:05d}.safetensors"
                # safetensors writes the buffer as it lies in memory, so a strided view would be stored scrambled.
                payload = save({label: np.asarray(array, order="C") for label, array in arrays.items()})
                (temporary / name).write_bytes(payload)
                listed.append({"file": name, "sha256": hashlib.sha256(payload).hexdigest()})
                self._written(kind, temporary / name, payload, listed[-1]["sha256"])
            key = key() if callable(key) else key
            told = facts() if callable(facts) else facts
            manifest = {"format": FORMAT, "key": key, "kind": kind, "shards": listed, "facts": told}
            manifest["seal"] = digest(manifest)
            (temporary / MANIFEST).write_text(canonical_json(manifest), encoding="ascii")
            lasting = time.monotonic() - self._last >= SYNC_AFTER
            if lasting:
                synced([*sorted(temporary.iterdir()), temporary])
            self._finish(temporary, kind, key)
            if lasting:
                place = self.folder(kind, key).parent
                synced(folder for folder in (place, place.parent, self.root) if folder.is_dir())
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            self._last = time.monotonic()
        entry = self.find(kind, key)
        if entry is None and kind in HERE:
            return self._entry(self.folder(kind, key), told, tuple(listed))
        if entry is None:
            raise OSError(errno.EIO, "the stored entry cannot be read back", str(self.folder(kind, key)))
        return entry

    def read_note(self, name: str) -> dict[str, Any] | None:
        """What `write_note` left under a name such as `shards/1-of-2.json`, whoever wrote it; None where nothing."""
        try:
            return read_mapping((self.root / name).read_bytes())
        except FileNotFoundError:
            return None

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Leave a JSON mapping, no entry, for other processes that use the store. It replaces an earlier one."""
        write_json(self.root / name, note)

    def inventory(self) -> Inventory:
        """What it holds, by kind, and what belongs to no entry."""
        from harness.pipeline.inventory import inventory_of_folder

        return inventory_of_folder(self.root)

    def remove(self, leftovers: Iterable[Leftover]) -> None:
        """Remove what an inventory found to belong to no entry."""
        for one in leftovers:
            shutil.rmtree(self.root / one.name, ignore_errors=True)

    def temporary(self) -> Path:
        """A name below the store's folder that tells whose it is, so that what a killed process leaves can go."""
        return self.root / TEMPORARY / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"

    def _written(self, kind: str, path: Path, payload: bytes, sha256: str) -> None:
        """Hear that a shard of an entry under way is written."""

    def _finish(self, temporary: Path, kind: str, key: str) -> None:
        """Bring a whole entry to its place, unless another process was first."""
        final = self.folder(kind, key)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(temporary, final)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise

    def _sweep(self) -> None:
        """Remove what killed processes of this machine left half written."""
        host = socket.gethostname()
        for leftover in (self.root / TEMPORARY).glob("*"):
            # From the right, and whole: a host's name may hold dashes and begin as another's does.
            found = re.fullmatch(r"(.*)-([1-9][0-9]{0,8})-[0-9a-f]{32}", leftover.name, re.DOTALL)
            if found is None or found[1] != host:
                continue
            try:
                os.kill(int(found[2]), 0)
            except ProcessLookupError:
                shutil.rmtree(leftover, ignore_errors=True)
            except PermissionError:
                continue
