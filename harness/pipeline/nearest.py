"""Which images of each generator lie nearest to a training image, and to one another, held against real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.images import ImageSet, joined
from harness.metrics import nearest_rows
from harness.pipeline.checked import copied
from harness.pipeline.encode import Features, load_features
from harness.pipeline.plan import Plan
from harness.pipeline.planned import PlannedSet
from harness.pipeline.sample import once_more, read_images

SEARCHED = 2000  # images of a set, its first: what is searched among pairs of them grows with the square
RARE = 0.01  # of real images have another this near: pairs of fakes nearer still are near duplicates
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Close:
    """Two images near each other: their places in their sets, counted from 0, and the distance of their features.

    `as_near` is the share of real images, never trained on, that lie as near to theirs: small is what chance hardly
    brings. Of images that are the same to the encoder `distance` is 0.
    """

    fake: int
    other: int
    distance: float
    as_near: float


@dataclass(frozen=True)
class Nearest:
    """One generator's closest pairs, each image in one at most, closest first; their images lie in the same order.

    training    with training images; empty without a training split
    within      of two of its own images
    repeated    share of its images that repeat an earlier one exactly
    near        share of its distinct images with another nearer than all but 1% of real images have one
    searched    how many of its images, its first, were looked at
    """

    training: tuple[Close, ...]
    within: tuple[Close, ...]
    repeated: float
    near: float
    searched: int
    pictures: Mapping[str, tuple[ImageSet, ImageSet]]

    def to_json(self) -> dict[str, Any]:
        """All but the images."""
        told = {"training": self.training, "within": self.within}
        shares = {name: getattr(self, name) for name in ("repeated", "near", "searched")}
        return {**{name: [asdict(close) for close in pairs] for name, pairs in told.items()}, **shares}


def nearest_images(plan: Plan, *, most: int = 6) -> dict[str, Nearest]:
    """By generator, `most` pairs of either kind of its first image set, under the encoder that ranks.

    Held-out real images are the yardstick: the reference's distances to the training split, and to one another.
    Generators without features are left out.
    """
    encoder = str(plan.benchmark.rank_by.encoder)
    sets = [fake for fake in plan.first_fakes if plan.features(fake, encoder) is not None]
    if not sets or plan.features(plan.reference, encoder) is None:
        return {}
    real = _first(load_features(plan, plan.reference, encoder))
    training = load_features(plan, plan.training, encoder).rows if plan.training else None
    to_training = None if training is None else np.sort(nearest_rows(training, real)[1])
    among_real = np.sort(nearest_rows(real, None)[1]) if len(real) > 1 else np.zeros(0)
    found, own = {}, {}
    for source in sets:
        features = load_features(plan, source, encoder)
        rows = _first(features)
        pairs: tuple[Close, ...] = ()
        if training is not None and to_training is not None:
            pairs = _closest(*nearest_rows(training, rows), to_training, most)
        distinct = np.unique(features.prints[: len(rows)], axis=0, return_index=True)[1]
        distinct.sort()
        within, near = _within(rows, distinct, among_real, most)
        repeated = 1.0 - len(features.known) / len(features.prints)
        found[source.generator] = Nearest(pairs, within, repeated, near, len(rows), {})
        shown = [pair.fake for pair in (*pairs, *within)] + [pair.other for pair in within]
        own[source.generator] = once_more(partial(_images, plan, source, shown))
    # The training images of all generators' pairs: the split is read once.
    places = [pair.other for one in found.values() for pair in one.training]
    trained = once_more(partial(_images, plan, plan.training, places)) if plan.training else None
    return {name: replace(one, pictures=_pictures(one, own[name], trained)) for name, one in found.items()}


def _pictures(
    one: Nearest, own: Mapping[int, ImageSet], trained: Mapping[int, ImageSet] | None
) -> dict[str, tuple[ImageSet, ImageSet]]:
    """Both sides of each kind of pair, out of the images at hand by their places."""
    sides = {"within": (one.within, own)} | ({} if trained is None else {"training": (one.training, trained)})
    return {
        kind: (_in_order(own, [pair.fake for pair in pairs]), _in_order(others, [pair.other for pair in pairs]))
        for kind, (pairs, others) in sides.items()
    }


def _first(features: Features) -> NDArray[np.float32]:
    return features.rows[:SEARCHED]


def _closest(others: NDArray[np.intp], apart: Vector, yardstick: Vector, most: int) -> tuple[Close, ...]:
    """The closest pairs, no image of either side twice: a hundred copies of one image are one finding."""
    seen: set[int] = set()
    found: list[Close] = []
    for fake in np.argsort(apart, kind="stable"):
        if int(others[fake]) not in seen:
            seen.add(int(others[fake]))
            found.append(Close(int(fake), int(others[fake]), *_held_against(apart[fake], yardstick)))
        if len(found) == most:
            break
    return tuple(found)


def _within(
    rows: NDArray[np.float32], distinct: NDArray[np.intp], yardstick: Vector, most: int
) -> tuple[tuple[Close, ...], float]:
    """Pairs among distinct images, each image in one, and the share of these that have a near duplicate."""
    if len(distinct) < 2:
        return (), 0.0
    others, apart = nearest_rows(rows[distinct], None)
    seen: set[int] = set()
    found: list[Close] = []
    for place in np.argsort(apart, kind="stable"):
        pair = {int(distinct[place]), int(distinct[others[place]])}
        if not pair & seen and len(found) < most:
            seen |= pair
            found.append(Close(min(pair), max(pair), *_held_against(apart[place], yardstick)))
    limit = np.quantile(yardstick, RARE) if len(yardstick) else 0.0
    return tuple(found), float(np.mean(apart < limit))


def _held_against(apart: float, yardstick: Vector) -> tuple[float, float]:
    as_near = np.searchsorted(yardstick, apart, "right") / len(yardstick) if len(yardstick) else 1.0
    return float(apart), float(as_near)


def _images(plan: Plan, source: PlannedSet, places: Sequence[int]) -> dict[int, ImageSet]:
    """The images at these places of a stored set, each as a set of one; read no further than the last of them."""
    wanted, start = set(places), 0
    kept: dict[int, ImageSet] = {}
    if not wanted:
        return {}
    for images in read_images(plan, source, plan.benchmark.batch_size):
        here = [place for place in wanted if start <= place < start + len(images)]
        kept |= {place: copied(images[place - start : place - start + 1]) for place in here}  # not their shards
        start += len(images)
        if len(kept) == len(wanted):
            break
    return kept


def _in_order(kept: Mapping[int, ImageSet], places: Sequence[int]) -> ImageSet:
    return joined([kept[place] for place in places]) if places else np.zeros((0, 1, 1, 3), np.uint8)
