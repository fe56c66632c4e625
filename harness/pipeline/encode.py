"""Stage `encode`: features of image sets, into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError, canonical_json
from harness.encoders import refuse_unsteady
from harness.images import preprocessing
from harness.pipeline import provenance
from harness.pipeline import sample as image_stage
from harness.pipeline.plan import Plan, PlannedSet
from harness.pipeline.store import CorruptEntry, Entry

FeatureArray = NDArray[np.float32]
PRINT_BYTES = 16
Item = TypeVar("Item")


@dataclass(frozen=True)
class Features:
    """Features float32 (n, d) with the fingerprint of each image as the encoder saw it, whatever its file."""

    entry: Entry
    rows: FeatureArray
    known: set[bytes]
    prints: NDArray[np.uint8]

    def share_in(self, other: Features) -> float:
        """Share of these images that are, as the encoder sees them, an image of the other set."""
        return sum(row.tobytes() in other.known for row in self.prints) / len(self.prints)


def make_features(plan: Plan, source: PlannedSet, encoder: str) -> Entry:
    """Store an image set's features under one encoder: float32 (n, d), row i of image i."""
    rows, prints = encoded(plan, source, encoder, plan.benchmark.batch_size)
    images = image_stage.load_images(plan, source)
    facts = {
        "n": len(rows),
        "d": rows.shape[1],
        "content": _content_digest(rows),
        "images": images.facts["content"],
        "encoder": plan.identity("encoders", encoder),
        "made_with": {"device": plan.device_of(encoder), "libraries": provenance.library_versions()},
        **image_stage.key_read(plan.encoder(encoder)),
    }
    return plan.store.put("features", plan.feature_key(images, encoder), [{"features": rows, "prints": prints}], facts)


def encoded(plan: Plan, source: PlannedSet, encoder: str, batch_size: int) -> tuple[FeatureArray, NDArray[np.uint8]]:
    """An image set's features, float32 (n, d), and fingerprints, uint8 (n, 16), encoded in batches of this size."""
    try:
        chunks = list(_rows(plan, source, encoder, batch_size))
    except CorruptEntry:  # the images were lost to a fault of the disk: once more, from their seeds
        chunks = list(_rows(plan, source, encoder, batch_size))
    rows, prints = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return rows, prints


def load_features(plan: Plan, source: PlannedSet, encoder: str) -> Features:
    """The stored features, made now where they are missing or corrupted."""
    for _ in range(2):
        entry = plan.features(source, encoder) or make_features(plan, source, encoder)
        try:
            arrays = entry.arrays()
            return Features(entry, arrays["features"], {row.tobytes() for row in arrays["prints"]}, arrays["prints"])
        except CorruptEntry:
            plan.store.discard("features", entry.folder.name)
    raise OSError(f"{plan.store_root}: features just written do not read back as they were written; check the disk")


def _content_digest(rows: FeatureArray) -> str:
    content = hashlib.sha256(canonical_json(list(rows.shape)).encode("ascii") + b"\n")
    content.update(np.ascontiguousarray(rows).data)
    return f"sha256:{content.hexdigest()}"


@dataclass(frozen=True)
class _Batch:
    """Images as the encoder sees them, their fingerprints, and the place of the first in its set."""

    first: int
    seen: NDArray[Any]
    prints: NDArray[np.uint8]

    @property
    def place(self) -> str:
        return f"images {self.first} to {self.first + len(self.seen) - 1}:"


def _rows(
    plan: Plan, source: PlannedSet, encoder: str, batch_size: int
) -> Iterator[tuple[FeatureArray, NDArray[np.uint8]]]:
    encode = plan.encoder(encoder)
    image_stage.load_images(plan, source)  # made here where it is missing: a generator's code keeps its thread
    for batch in one_ahead(_prepared(plan, source, encoder, batch_size)):
        n = len(batch.seen)
        try:
            rows = np.array(encode.encode(batch.seen), order="C")  # a copy: it may be a buffer that is used again
        except Exception as error:
            error.add_note(f"encoder {encoder}, {batch.place}")
            raise
        if rows.dtype != np.float32 or rows.ndim != 2 or rows.shape != (n, int(encode.dim)):
            raise ValueError(
                f"encoder {encoder} gave {rows.dtype} {rows.shape} for {n} images; "
                f"it must give float32 ({n}, {encode.dim})"
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"encoder {encoder} gave NaN or infinity for image {batch.first + int(np.argmin(finite))} "
                f"and {int((~finite).sum()) - 1} others of its batch"
            )
        if encoder not in plan.tested:
            refuse_unsteady(encode, batch.seen, rows, encoder)
            plan.tested.add(encoder)
        yield rows, batch.prints


def _prepared(plan: Plan, source: PlannedSet, encoder: str, batch_size: int) -> Iterator[_Batch]:
    recipe = plan.benchmark.recipe(encoder)
    first, shape = 0, None
    for images in image_stage.read_images(plan, source, batch_size):
        try:
            seen = preprocessing.apply(recipe, images)
            shape = shape or seen.shape[1:]
            if seen.shape[1:] != shape:
                raise UsageError(
                    f"preprocessing {recipe.label} leaves images at several sizes ({shape} and {seen.shape[1:]}); one "
                    "is needed: add `resize: {size: …}`, or a crop"
                )
        except Exception as error:
            error.add_note(f"encoder {encoder}, images {first} to {first + len(images) - 1}:")
            raise
        prints = [hashlib.sha256(np.ascontiguousarray(image).data).digest()[:PRINT_BYTES] for image in seen]
        yield _Batch(first, seen, np.frombuffer(b"".join(prints), np.uint8).reshape(-1, PRINT_BYTES))
        first += len(images)


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items in their order; while the caller works on one, a thread makes the next, and no more than that."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, end)
        while (item := upcoming.result()) is not end:
            upcoming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]
