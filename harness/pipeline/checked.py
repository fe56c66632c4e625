"""The splits of a dataset held against their pins: whole once, and from then on by the sizes and times of their files.

What a look found is kept in the store under the pin, the code that reads the files, and every file's name, size and
time of change. A file that changes without any of these is seen by `harness run --verify` alone, which looks again.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError, canonical_json, digest
from harness.benchmark import PinnedDataset, registry
from harness.images import Content, Images, ImageSet, Mixed, OpenSplit, content_digest
from harness.pipeline.store import Store

KIND, FORMAT = "checks", 1
HELD_BYTES = 256 << 20  # of a split that a generator learns from: more lies on disk


@dataclass(frozen=True, slots=True)
class Look:
    """What was found when a split was last read whole.

    labels  the digest of its labels, `sha256:` and 64 hex digits; None where it has none
    when    that was, in UTC
    new     it was just now, not in an earlier run
    """

    labels: str | None
    when: str
    new: bool = False


def load_split(data: PinnedDataset, name: str, *, folder: Path) -> Images:
    """A split, whole, held against the digests that `datasets.yaml` pins; raises UsageError where it is not the one.

    One of more than HELD_BYTES whose dataset can be read in parts lies on disk, in `folder` while it is written: memory
    holds as much of it as is free.
    """
    if data.image is not None and data.splits[name].size * math.prod(data.image) > HELD_BYTES:
        split = open_split(data, name)
        return Images(_on_disk(checked_parts(data, name, split), split.size, folder), split.labels)
    loaded: Images = registry.make("datasets", data.use, data.parameters, data.folder).load(name)
    if not registry.is_built_in("datasets", data.use):
        loaded = _kept(loaded)
    _check_size(data, name, len(loaded))
    _check_content(data, name, content_digest(loaded.images))
    _check_labels(data, name, loaded.labels)
    return loaded


def _on_disk(parts: Iterator[tuple[Sequence[int], ImageSet]], size: int, folder: Path) -> ImageSet:
    """The parts as one array uint8 (n, H, W, C) that is mapped from a file without a name."""
    folder.mkdir(parents=True)
    try:
        with (folder / "images").open("xb") as stream:
            shape: tuple[int, ...] = ()
            for _, part in parts:
                if isinstance(part, Mixed):
                    raise UsageError("the dataset declares one `image` size, but its images have several")
                shape = part.shape[1:]
                stream.write(np.ascontiguousarray(part).data)  # not through a map: a full disk then is an error
        # Private: code that writes into what it is given changes its own copy.
        return np.memmap(folder / "images", np.uint8, "c", shape=(size, *shape))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def open_split(data: PinnedDataset, name: str) -> OpenSplit:
    """A split, read in parts where its dataset can; nothing but its size is held against the pins yet.

    Raises UsageError where it is of another size.
    """
    made = registry.make("datasets", data.use, data.parameters, data.folder)
    built_in = registry.is_built_in("datasets", data.use)
    if built_in and hasattr(made, "open"):
        opened: OpenSplit = made.open(name)
    else:
        loaded = made.load(name)
        opened = OpenSplit.of(loaded if built_in else _kept(loaded))
    _check_size(data, name, opened.size)
    return opened


def checked_parts(data: PinnedDataset, name: str, split: OpenSplit) -> Iterator[tuple[Sequence[int], ImageSet]]:
    """All images of a split in parts, each with its rows; read to the end, they are those that `datasets.yaml` pins.

    Raises UsageError, after the last part, where they are not.
    """
    content = Content(split.size)
    for rows, part in split.parts():
        content.add(part)
        yield rows, part
    _check_content(data, name, content.digest)
    _check_labels(data, name, split.labels)


def _check_size(data: PinnedDataset, name: str, size: int) -> None:
    declared = data.splits[name].size
    if size != declared:
        raise UsageError(f"{data.where}: split {name} has {size} images; {declared} are declared")


def _check_content(data: PinnedDataset, name: str, found: str) -> None:
    pinned = data.splits[name].digest
    if found != pinned:
        raise UsageError(
            f"{data.where}: split {name} changed: its digest is {found}, pinned is {pinned}; if "
            "that is intended, pin the new digest"
        )


def _check_labels(data: PinnedDataset, name: str, found: NDArray[np.int64] | None) -> None:
    pinned, labels = data.splits[name].labels_digest, labels_digest(found)
    if pinned is not None and labels != pinned:
        raise UsageError(
            f"{data.where}: the labels of split {name} changed: their digest is {labels}, pinned "
            f"is {pinned}; if that is intended, pin the new `labels_digest`"
        )


def labels_digest(labels: NDArray[np.int64] | None) -> str | None:
    """The digest of labels: SHA-256 over the canonical JSON of [n], a newline, and int64 bytes, lowest first."""
    if labels is None:
        return None
    content = hashlib.sha256(canonical_json([len(labels)]).encode("ascii") + b"\n")
    content.update(np.ascontiguousarray(labels, "<i8").tobytes())
    return f"sha256:{content.hexdigest()}"


def last_look(store: Store, data: PinnedDataset, name: str) -> Look | None:
    """What an earlier look at these very files found; None where there was none, or they have changed since."""
    key = _key(data, name)
    entry = None if key is None else store.find(KIND, key)
    return None if entry is None else Look(entry.facts["labels"], entry.facts["when"])


def found_now(labels: NDArray[np.int64] | None) -> Look:
    """A look at a split with these labels, just now."""
    return Look(labels_digest(labels), datetime.now(UTC).isoformat(timespec="seconds"), new=True)


def remember(store: Store, data: PinnedDataset, name: str, labels: NDArray[np.int64] | None) -> Look:
    """The look at a split just read whole, kept for later runs where what it read is known."""
    return note(store, data, name, found_now(labels))


def note(store: Store, data: PinnedDataset, name: str, look: Look) -> Look:
    """Keep a look at a split for later runs where what it read is known."""
    key = _key(data, name)
    if key is not None:
        store.forget(KIND, key)
        store.put(KIND, key, [], {"labels": look.labels, "when": look.when})
    return look


def _key(data: PinnedDataset, name: str) -> str | None:
    """None for a dataset of the user's own: which files it reads is not known, so it is read at every run."""
    if not registry.is_built_in("datasets", data.use):
        return None
    identity = registry.identity("datasets", data.use, data.parameters, data.folder)
    stamps = registry.stamps(data.component, data.parameters, name, data.folder)
    pinned = data.splits[name]
    pins = [pinned.size, pinned.digest, pinned.labels_digest]
    return digest({"format": FORMAT, "dataset": identity, "split": name, "pins": pins, "files": stamps})


def _kept(given: Images) -> Images:
    """A copy: a user's dataset may fill the same buffer again at the next load, or give a view of its own images."""
    return Images(copied(given.images), None if given.labels is None else np.array(given.labels))


def copied(images: ImageSet) -> ImageSet:
    """The images in memory of their own."""
    if isinstance(images, Mixed):
        return Mixed(np.array(image, order="C") for image in images)
    return np.array(images, order="C")
