"""Stage `encode`: features of image sets, into the store.

A large set is encoded in parts whose ends hang on the declaration alone, so that workers share one set and a killed one
costs one part. Parts begin where batches do: the features are those of the set encoded in one go, to the last bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError, canonical_json, digest
from harness.encoders import refuse_unsteady
from harness.images import preprocessing
from harness.pipeline import provenance
from harness.pipeline import sample as image_stage
from harness.pipeline.plan import Plan
from harness.pipeline.planned import PlannedSet
from harness.pipeline.store import CorruptEntry, Entry

FeatureArray = NDArray[np.float32]
PRINT_BYTES = 16
PART = "feature_parts"
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


def find_part(plan: Plan, source: PlannedSet, encoder: str, part: range) -> Entry | None:
    """The stored features of a part of an image set."""
    images = plan.images(source)
    return None if images is None else plan.store.find(PART, _part_key(plan, images, encoder, part))


def make_part(plan: Plan, source: PlannedSet, encoder: str, part: range) -> Entry:
    """The features of a part of an image set, stored now unless they are."""
    if (found := find_part(plan, source, encoder, part)) is not None:
        return found
    rows, prints = encoded(plan, source, encoder, plan.benchmark.batch_size, part)
    key = _part_key(plan, image_stage.load_images(plan, source), encoder, part)
    return plan.store.put(PART, key, [{"features": rows, "prints": prints}], {"n": len(rows), "d": rows.shape[1]})


def _part_key(plan: Plan, images: Entry, encoder: str, part: range) -> str:
    return digest({"format": 1, "of": plan.feature_key(images, encoder), "images": [part.start, part.stop]})


def make_features(plan: Plan, source: PlannedSet, encoder: str) -> Entry:
    """Store an image set's features under one encoder: float32 (n, d), row i of image i.

    Those of a large set stay where its parts are: the entry names them, and has the digest of them all.
    """
    held: list[dict[str, NDArray[Any]]] = []
    told: dict[str, Any] = {}
    if len(parts := plan.parts(source)) == 1:
        rows, prints = encoded(plan, source, encoder, plan.benchmark.batch_size)
        shape, content = rows.shape, content_digest(rows.shape, [rows])
        held = [{"features": rows, "prints": prints}]
    else:
        made = [make_part(plan, source, encoder, part) for part in parts]
        shape = (sum(entry.facts["n"] for entry in made), made[0].facts["d"])
        content = content_digest(shape, (_read_part(plan, entry)["features"] for entry in made))
        told = {"parts": [entry.folder.name for entry in made]}
    images = image_stage.load_images(plan, source)
    facts = {
        "n": shape[0],
        "d": shape[1],
        "content": content,
        "images": images.facts["content"],
        "encoder": plan.identity("encoders", encoder),
        "made_with": {"device": plan.device_of(encoder), "libraries": provenance.library_versions()},
        **told,
        **image_stage.key_read(plan.encoder(encoder)),
    }
    return plan.store.put("features", plan.feature_key(images, encoder), held, facts)


def _read_part(plan: Plan, entry: Entry) -> dict[str, NDArray[Any]]:
    try:
        return entry.arrays()
    except CorruptEntry:
        plan.store.discard(PART, entry.folder.name)
        raise


def _arrays(plan: Plan, entry: Entry) -> dict[str, NDArray[Any]]:
    """The arrays of a features entry, those of its parts joined. Raises CorruptEntry with what is damaged removed."""
    if "parts" not in entry.facts:
        try:
            return entry.arrays()
        except CorruptEntry:
            plan.store.discard("features", entry.folder.name)
            raise
    found = [plan.store.find(PART, key) for key in entry.facts["parts"]]
    try:
        if None in found:
            raise CorruptEntry(entry.folder)
        joined: dict[str, NDArray[Any]] = {}
        start = 0
        for part in found:
            assert part is not None
            for name, array in _read_part(plan, part).items():
                if name not in joined:  # filled part by part: both at once would take twice the memory
                    joined[name] = np.empty((entry.facts["n"], *array.shape[1:]), array.dtype)
                joined[name][start : start + len(array)] = array
            start += part.facts["n"]
        return joined
    except CorruptEntry:
        plan.store.forget("features", entry.folder.name)
        raise


def encoded(
    plan: Plan, source: PlannedSet, encoder: str, batch_size: int, part: range | None = None
) -> tuple[FeatureArray, NDArray[np.uint8]]:
    """An image set's features, float32 (n, d), and fingerprints, uint8 (n, 16), encoded in batches of this size.

    `part` names some of the images, from the start of a batch on.
    """
    try:
        chunks = list(_rows(plan, source, encoder, batch_size, part))
    except CorruptEntry:  # the images were lost to a fault of the disk: once more, from their seeds
        chunks = list(_rows(plan, source, encoder, batch_size, part))
    rows, prints = (np.concatenate(own) for own in zip(*chunks, strict=True))
    return rows, prints


def load_features(plan: Plan, source: PlannedSet, encoder: str) -> Features:
    """The stored features, made now where they are missing or corrupted."""
    for _ in range(2):
        try:
            entry = plan.features(source, encoder) or make_features(plan, source, encoder)
            arrays = _arrays(plan, entry)
        except CorruptEntry:
            continue
        return Features(entry, arrays["features"], {row.tobytes() for row in arrays["prints"]}, arrays["prints"])
    raise OSError(f"{plan.store_root}: features cannot be read back as written; check the disk")


def content_digest(shape: Sequence[int], parts: Iterable[FeatureArray]) -> str:
    """The digest of features float32 (n, d) that come in parts: scores know them, and draw their splits, by it."""
    content = hashlib.sha256(canonical_json(list(shape)).encode("ascii") + b"\n")
    for rows in parts:
        content.update(np.ascontiguousarray(rows).data)
    return f"sha256:{content.hexdigest()}"


@dataclass(frozen=True)
class _Batch:
    """Images as the encoder sees them, their fingerprints, and the place of the first in its set."""

    first: int
    seen: NDArray[Any]
    prints: NDArray[np.uint8]


def _rows(
    plan: Plan, source: PlannedSet, encoder: str, batch_size: int, part: range | None
) -> Iterator[tuple[FeatureArray, NDArray[np.uint8]]]:
    encode = plan.encoder(encoder)
    image_stage.load_images(plan, source)  # made here where it is missing: a generator's code keeps its thread
    for batch in one_ahead(_prepared(plan, source, encoder, batch_size, part)):
        rows = rows_of(encode, batch.seen, f"encoder {encoder}", batch.first)
        if encoder not in plan.tested:
            refuse_unsteady(encode, batch.seen, rows, encoder)
            plan.tested.add(encoder)
        yield rows, batch.prints


def rows_of(encode: Any, seen: NDArray[Any], name: str, first: int) -> FeatureArray:
    """The features float32 (n, d) that an encoder gives for images as it sees them, `first` on of their set.

    Raises ValueError for features of another type or shape, and for NaN and infinity.
    """
    n = len(seen)
    try:
        rows = np.array(encode.encode(seen), order="C")  # a copy: it may be a buffer that is used again
    except Exception as error:
        error.add_note(f"{name}, images {first} to {first + n - 1}:")
        raise
    if rows.dtype != np.float32 or rows.ndim != 2 or rows.shape != (n, int(encode.dim)):
        raise ValueError(f"{name} gave {rows.dtype} {rows.shape} for {n} images; expected float32 ({n}, {encode.dim})")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{name} gave NaN or infinity for image {first + int(np.argmin(finite))} "
            f"and {int((~finite).sum()) - 1} others of its batch"
        )
    return rows


def _prepared(plan: Plan, source: PlannedSet, encoder: str, batch_size: int, part: range | None) -> Iterator[_Batch]:
    recipe = plan.benchmark.recipe(encoder)
    first, shape = 0 if part is None else part.start, None
    batches = image_stage.read_images(plan, source, batch_size, first)
    for images in batches if part is None else islice(batches, -(-len(part) // batch_size)):
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
