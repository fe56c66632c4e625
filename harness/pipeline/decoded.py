"""A split kept as it was read to be pinned, so that the run that follows reads no image of it again.

It lies in the store under its content, and goes once the real image sets are made from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.base import digest
from harness.benchmark import PinnedDataset, registry
from harness.images import Content, ImageSet, OpenSplit, packed, unpacked
from harness.pipeline.checked import Look, labels_digest, note
from harness.pipeline.store import Store

KIND, FORMAT = "decoded", 1


def keep(store: Store, split: OpenSplit, stamps: list[list[Any]]) -> Content:
    """Read all images of a split into the store, from files with these stamps, and say what they are."""
    store.check_writable()
    content, labels = Content(split.size), labels_digest(split.labels)

    def shards() -> Iterator[dict[str, Any]]:
        for _, part in split.parts():
            content.add(part)
            yield packed(part)

    facts = {
        "n": split.size,
        "files": _told(stamps),
        "labels": labels,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    store.put(KIND, lambda: _key(content.digest), shards(), facts)
    return content


def look(store: Store, data: PinnedDataset, name: str) -> Look | None:
    """What was found when the split was pinned; None where it was not just read, or its files have changed since."""
    pinned = data.splits[name]
    entry = store.find(KIND, _key(str(pinned.digest)))
    if entry is None or entry.facts["n"] != pinned.size:
        return None
    if pinned.labels_digest not in (None, entry.facts["labels"]):
        return None
    if entry.facts["files"] != _told(registry.stamps(data.component, data.parameters, name, data.folder)):
        return None
    return note(store, data, name, Look(entry.facts["labels"], entry.facts["when"], new=True))


def parts(store: Store, data: PinnedDataset, name: str) -> Iterator[tuple[Sequence[int], ImageSet]] | None:
    """All images of a split in parts, each with its rows; None where they are not kept."""
    entry = store.find(KIND, _key(str(data.splits[name].digest)))
    if entry is None:
        return None

    def read() -> Iterator[tuple[Sequence[int], ImageSet]]:
        start = 0
        for shard in entry.read():
            images = unpacked(shard)
            yield range(start, start + len(images)), images
            start += len(images)

    return read()


def forget(store: Store, data: PinnedDataset, name: str) -> None:
    """Remove what was kept of a split."""
    store.forget(KIND, _key(str(data.splits[name].digest)))


def _key(content: str) -> str:
    return digest({"format": FORMAT, "content": content})


def _told(stamps: list[list[Any]]) -> list[list[Any]]:
    """The same whatever the path by which a file is named."""
    return [[os.path.realpath(name), size, time] for name, size, time in stamps]
