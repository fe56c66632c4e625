"""Images that are not independent draws: labels that a generator gives, kept with its images, read by scores.

Labels are kept as whole numbers below 2**53 derived from them, so that sets made apart know the prompts they share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError, derive_seed, named
from harness.benchmark import registry
from harness.generators import offered
from harness.images import FileList
from harness.images import listing as imagelist
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, PlannedSet
from harness.pipeline.store import Entry
from harness.uncertainty import Analysis, Design, SeedMember

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Labels of a set's images by kind (`clusters`, `strata`), int64 (n,); none where images are independent draws."""

    labels: Mapping[str, Labels] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def first(self, n: int | None) -> Groups:
        """Those of the first `n` images; of all where `n` is None."""
        return replace(self, labels={kind: labels[:n] for kind, labels in self.labels.items()})

    def fitting(self, rows: NDArray[Any], name: str) -> Groups:
        """The same, without strata where these rows allow none: fewer than two units in one, or copies across.

        Left out, the spread between strata counts as error: intervals are then too wide rather than too narrow.
        """
        if "strata" not in self.labels:
            return self
        try:
            self.design.units(rows, "fake")
        except UsageError:
            left = {kind: labels for kind, labels in self.labels.items() if kind != "strata"}
            said = (
                f"{name} has fixed label counts, which the interval ignores (a label has one "
                "independent image, or copies cross labels): it is slightly too wide"
            )
            return replace(self, labels=left, notes=(*self.notes, said))
        return self

    @property
    def design(self) -> Design:
        """The labels as statistics take them."""
        return Design(self.labels.get("clusters"), self.labels.get("strata"))


def marked(analysis: Analysis, real: Groups, fake: Groups) -> Analysis:
    """An analysis made with groups, its method and notes saying so where they made a difference."""
    sides = [side for side, groups in (("real", real), ("fake", fake)) if "clusters" in groups.labels]
    words = f", by clusters ({' and '.join(sides)})" if analysis.clustered and sides else ""
    own = ", by clusters (fake)" if words and "fake" in sides else ""
    return replace(
        analysis,
        method=analysis.method + words,
        method_fixed=analysis.method_fixed + own,
        notes=analysis.notes + real.notes + fake.notes,
    )


def ask(plan: Plan, generator: str, made: Any, draws: Sequence[int]) -> dict[str, Labels]:
    """The labels that a generator gives the images of a whole set, to be stored; empty where it gives none.

    Raises UsageError for labels that are none, and for strata in a pool that is not taken whole.
    """
    entry = plan.benchmark.generators[generator]
    if entry.component.files is None:
        return hashed(offered(made, draws, range(len(draws))))
    if entry.grouping is None:
        return {}
    if entry.groups == "strata" and len(draws) < made.size:
        raise UsageError(
            f"generator {generator}: `groups: strata`, but its sets are {len(draws)} of "
            f"{made.size} images drawn at random, so label counts are random; use all of them "
            "(n_fake), or remove `groups`"
        )
    found = registry.located(entry.component, entry.parameters, plan.benchmark.folder)
    listed = imagelist.listing(entry.component.files, {**found, "labels": "folders"})
    assert isinstance(listed, FileList)
    assert listed.labels is not None  # asked for: folders that give none were refused
    return hashed({"clusters": [listed.labels[i] for i in draws]})


def hashed(given: Mapping[str, Sequence[int | str]]) -> dict[str, Labels]:
    """Labels as they are stored, int64 (n,) of each kind: equal for equal labels of any two sets."""
    known: dict[int | str, int] = {}
    for labels in given.values():
        for label in labels:
            if label not in known:
                known[label] = derive_seed("label", label) >> 10  # exact in float64 too
    return {kind: np.array([known[label] for label in labels], np.int64) for kind, labels in given.items()}


def facts(labels: Mapping[str, Labels]) -> dict[str, Any]:
    """What an image set's facts say of its groups; nothing where it has none."""
    if not labels:
        return {}
    return {"groups": {kind: hashlib.sha256(labels[kind].tobytes()).hexdigest() for kind in sorted(labels)}}


def read(plan: Plan, source: PlannedSet, images: Entry) -> Groups:
    """The groups of a stored image set, of a generator as its entry reads them.

    Raises UsageError where the entry's `groups` reads labels that the generator does not give, and CorruptEntry.
    """
    reading = plan.benchmark.generators[source.generator].groups if isinstance(source, FakeSet) else None
    if reading == "none":
        return Groups()
    if not images.facts.get("groups"):
        if reading is not None and isinstance(source, FakeSet):
            raise UsageError(
                f"generator {source.generator}: `groups: {reading}` needs labels, but it gives none; "
                "add `groups(seeds, places)` to it or remove the key"
            )
        return Groups()
    (held,) = images.read(len(images.shards) - 1)
    if reading is not None:
        held = {reading: held.get(reading, next(iter(held.values())))}
    return Groups(held)


def caption(members: Mapping[str, Sequence[SeedMember]], *, real_clusters: bool) -> list[str]:
    """Notes for a leaderboard: whose images count in clusters or strata, from the analyses of each generator."""
    clustered = ["the real images"] if real_clusters else []
    clustered += [
        name
        for name, own in members.items()
        if any(m.analysis.clustered and m.analysis.clusters_fake is not None for m in own)
    ]
    balanced = [name for name, own in members.items() if any(m.analysis.strata_fake is not None for m in own)]
    said = []
    if clustered:
        said.append(
            "images in clusters (one prompt, one video), each counted as one draw: "
            f"{named(clustered)}; the intervals generalise to other clusters of the same kind"
        )
    if balanced:
        said.append(f"fixed label counts: {named(balanced)}; the intervals count only variation within labels")
    return said
