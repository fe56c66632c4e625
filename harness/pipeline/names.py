"""File names of a stored image set, by which images of two sets are known to belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet
from harness.pipeline.store import CorruptEntry

NAMES = "names"  # of the shard and of the fact that there is one
BETWEEN = "\0"  # what no file's name has in it


def file_names(plan: Plan, generator: str, made: Any) -> tuple[str, ...] | None:
    """The names of a generator's whole pool; None where its images are no files, or rows of a table or an array."""
    if plan.benchmark.generators[generator].component.files is None:
        return None
    names: tuple[str, ...] | None = made.names
    return names


def packed_names(names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The shard that holds the names."""
    return {NAMES: np.frombuffer(BETWEEN.join(names).encode(), np.uint8)}


def stored_names(plan: Plan) -> dict[str, dict[int, list[str]]]:
    """Generator → sampling seed → the file name of each image, of every stored set whose images have names."""
    found: dict[str, dict[int, list[str]]] = {}
    for fake in plan.fakes:
        if (names := _of(plan, fake)) is not None:
            found.setdefault(fake.generator, {})[fake.sampling_seed] = names
    return found


def _of(plan: Plan, source: FakeSet) -> list[str] | None:
    """The file name of each image of a stored set, in its order; None where its images have none or it is not stored.

    An entry that is damaged counts as not stored: it is made again with its images.
    """
    entry = plan.images(source)
    if entry is None or not entry.facts.get(NAMES):
        return None
    try:
        shard = next(iter(entry.read(len(entry.shards) - (2 if entry.facts.get("groups") else 1))))
    except CorruptEntry:
        return None
    return bytes(shard[NAMES]).decode().split(BETWEEN)
