"""Stage `sample`: image sets of generators and of real splits, into the store."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.benchmark import registry
from harness.generators import GROUPINGS, PlacedGenerator
from harness.images import (
    MIXED,
    Content,
    ImageSet,
    Mixed,
    OpenSplit,
    as_people_count,
    joined,
    packed,
    uint8_advice,
    unpacked,
)
from harness.pipeline import decoded, groups, likelihoods, models
from harness.pipeline.checked import Look, checked_parts, copied, found_now, open_split, remember
from harness.pipeline.names import NAMES, file_names, packed_names
from harness.pipeline.pace import Pace
from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, PlannedSet, RealSet
from harness.pipeline.store import CorruptEntry, Entry

SHARD_BYTES = 32 * 2**20
SHARDS = "shards"  # the fact of how many images each shard has
Found = TypeVar("Found")
Parts = Iterator[tuple[Sequence[int], ImageSet]]


def make_real(plan: Plan, source: RealSet) -> Entry:
    """Store a real image set, a whole split or a seeded draw of n of its images, which is held against its pins."""
    data, name = plan.benchmark.data, source.split
    if not plan.grouping(source) and (kept := decoded.parts(plan.store, data, name)) is not None:
        try:
            return _make_real(plan, source, OpenSplit(data.splits[name].size, None, _unread), kept)
        except CorruptEntry:
            decoded.forget(plan.store, data, name)
    split = open_split(data, name)
    return _make_real(plan, source, split, checked_parts(data, name, split))


def _unread(rows: Sequence[int]) -> ImageSet:
    raise AssertionError("the images of this split come from the store")


def drawn_rows(plan: Plan, source: RealSet, size: int) -> NDArray[np.intp] | None:
    """Which images of a split of this size a real set takes, in order; None where it takes all."""
    if source.n is None or source.n >= size:
        return None
    rng = np.random.default_rng(plan.seed("reference", source.split))
    return np.sort(rng.permutation(size)[: source.n])


def check_split(plan: Plan, name: str, sources: Sequence[RealSet]) -> Look:
    """Hold a split against its pins, whole, and store the real image sets of it that are missing.

    The first of them is stored while the split is read. It is in the store only where all was as pinned.
    """
    data = plan.benchmark.data
    split = open_split(data, name)
    unread: Parts | None = checked_parts(data, name, split)
    plan.looks[name] = found_now(split.labels)  # keys of image sets may hang on the labels
    try:
        for source in sources:
            if plan.images(source) is None:
                _make_real(plan, source, split, split.parts() if unread is None else unread)
                unread = None
        for _ in unread or ():
            pass
    except BaseException:
        del plan.looks[name]
        raise
    look = plan.looks[name] = remember(plan.store, data, name, split.labels)
    return look


def _make_real(plan: Plan, source: RealSet, split: OpenSplit, parts: Parts) -> Entry:
    """Store the images of `source` out of all of a split's, which are read to their end."""
    kind = plan.grouping(source)
    labels = groups.hashed({kind: _labels(plan, source.split, kind, split)} if kind else {})
    chosen = drawn_rows(plan, source, split.size)
    drawn = np.arange(split.size) if chosen is None else chosen
    labels = {kind: own[drawn] for kind, own in labels.items()}

    def batches() -> Iterator[ImageSet]:
        for rows, part in parts:
            start, stop = np.searchsorted(drawn, (rows[0], rows[-1] + 1))
            if stop - start == len(rows):
                yield part
            elif stop > start:
                yield part[drawn[start:stop] - rows[0]]

    return _store(plan, source, len(drawn), batches(), labels)


def _labels(plan: Plan, name: str, kind: str, whole: OpenSplit) -> list[int]:
    if whole.labels is None:
        raise UsageError(
            f"{plan.benchmark.data.where}: split {name} has `{kind}: labels`, but its images have "
            f"no labels; set `labels`, or remove `{kind}`"
        )
    found: list[int] = whole.labels.tolist()
    return found


def make_fakes(plan: Plan, generator: str, training_seed: int | None, sampling_seeds: Sequence[int]) -> list[Entry]:
    """Fit a generator once and store one image set per sampling seed."""
    made = plan.component("generators", generator)
    sample = made.sample if hasattr(made, "sample") else made
    if not callable(sample):
        raise UsageError(f"generator {generator}: {plan.benchmark.generators[generator].use} has no `sample(seeds)`")
    model = models.fitted(plan, generator, training_seed, made)
    if hasattr(made, "to") and registry.is_built_in("generators", plan.benchmark.generators[generator].use):
        made.to(plan.resolved_device)
    entries = []
    for sampling_seed in sampling_seeds:
        source = FakeSet(generator, training_seed, sampling_seed)
        n, size = plan.benchmark.n_fake, plan.benchmark.batch_size
        named = file_names(plan, generator, made)
        draws = drawn_images(plan, source, getattr(made, "size", None), named)
        labels = groups.ask(plan, generator, made, draws)
        pace = Pace(plan.resolved_device if hasattr(made, "to") else "cpu")
        batches = (
            pace.timed(partial(_checked, _at(made, sample, i), draws[i : i + size], i)) for i in range(0, n, size)
        )
        names = None if named is None else [named[i] for i in draws]

        def said(pace: Pace = pace) -> dict[str, Any]:
            costs = {} if pool_of(plan, generator, made) else {"cost": {**model.costs(), **pace.facts()}}
            return {**key_read(made), **costs, **likelihoods.offer(made)}

        entries.append(_store(plan, source, n, batches, labels, names=names, said=said))
    likelihoods.make(plan, generator, training_seed, made)
    return entries


def pool_of(plan: Plan, generator: str, made: Any) -> bool:
    """Whether a generator shows images that there are already, so that its pace is that of a disk."""
    return plan.benchmark.pool(generator) is not None or hasattr(made, "size")


def key_read(made: Any) -> dict[str, str]:
    """The key of the state dict that a component was made with, where its file holds more than that."""
    read = getattr(made, "weights_key", "")
    return {"weights_key": read} if isinstance(read, str) and read else {}


def load_images(plan: Plan, source: PlannedSet) -> Entry:
    """The stored image set, made now where it is missing."""
    found = plan.images(source)
    if found is not None:
        return found
    if isinstance(source, RealSet):
        return make_real(plan, source)
    return make_fakes(plan, source.generator, source.training_seed, [source.sampling_seed])[0]


def read_images(plan: Plan, source: PlannedSet, batch_size: int, first: int = 0) -> Iterator[ImageSet]:
    """The image set from image `first` on, the first of a batch, in chunks of the batch size, aligned to its start.

    Raises CorruptEntry, with the entry discarded, where stored bytes are not those of the manifest.
    """
    entry = load_images(plan, source)
    # Entries from before `shards` was a fact are read from their start.
    before = list(accumulate(entry.facts.get(SHARDS, ()), initial=0))
    start = bisect_right(before[:-1], first) - 1 if len(before) > 1 else 0
    try:
        shards = (shard for shard in entry.read(start) if not set(shard) <= {*GROUPINGS, NAMES})
        yield from _rebatched(_without_first(map(unpacked, shards), first - before[start]), batch_size)
    except CorruptEntry:
        plan.store.discard("images", plan.image_key(source))
        raise


def first_images(plan: Plan, n: int) -> dict[str, ImageSet]:
    """The first `n` images of the reference, and of each generator's first image set that there is, by name."""
    sources: dict[str, PlannedSet] = {"reference": plan.reference}
    for fake in plan.fakes:
        if plan.images(fake) is not None:
            sources.setdefault(fake.generator, fake)
    return {name: once_more(partial(_first_of, plan, source, n)) for name, source in sources.items()}


def once_more(read: Callable[[], Found]) -> Found:
    """What `read` gives of stored images, which are made anew and read again where they turn out to be corrupted."""
    try:
        return read()
    except CorruptEntry:
        return read()


def _first_of(plan: Plan, source: PlannedSet, n: int) -> ImageSet:
    chunks: list[ImageSet] = []
    for images in read_images(plan, source, plan.benchmark.batch_size):
        chunks.append(images)
        if sum(map(len, chunks)) >= n:
            break
    return copied(joined(chunks)[:n])  # a view would hold the whole shard, of every generator


def _without_first(parts: Iterator[ImageSet], n: int) -> Iterator[ImageSet]:
    for part in parts:
        if n < len(part):
            yield part[n:] if n else part
        n = max(0, n - len(part))


def _rebatched(parts: Iterator[ImageSet], size: int) -> Iterator[ImageSet]:
    rest: ImageSet | None = None
    for part in parts:
        start = 0
        if rest is not None:
            start = size - len(rest)
            rest = joined([rest, part[:start]])
            if len(rest) < size:
                continue
            yield rest
        whole = start + (len(part) - start) // size * size
        for first in range(start, whole, size):
            yield part[first : first + size]
        rest = copied(part[whole:]) if whole < len(part) else None  # a view would hold the whole shard
    if rest is not None:
        yield rest


def drawn_images(plan: Plan, source: FakeSet, pool: int | None, named: Sequence[str] | None = None) -> list[int]:
    """One seed per image; for a finite pool, indices drawn without replacement, disjoint between sampling seeds.

    `named` are the file names of a pool of files. Pools of the same names, as a person tells them, give the same draws.
    """
    n = plan.benchmark.n_fake
    if pool is None:
        label = plan.generator_label(source.generator)
        return [plan.seed("image", label, source.training_seed, source.sampling_seed, i) for i in range(n)]
    block = plan.block(source)
    if (block + 1) * n > pool:
        raise UsageError(
            f"generator {source.generator}: {pool} images, but sampling seed {source.sampling_seed} is image set "
            f"number {block + 1} of {n} each; lower n_fake or provide more images"
        )
    order = np.random.default_rng(_pool_seed(plan, source.generator, pool)).permutation(pool)
    places = range(pool) if named is None else as_people_count(named)
    return [places[i] for i in order[block * n : (block + 1) * n]]


def _pool_seed(plan: Plan, generator: str, size: int) -> int:
    """The seed of the one permutation of a finite pool of `size` images that sampling seeds cut into blocks."""
    if plan.benchmark.generators[generator].component.files is None:
        return plan.seed("pool", plan.generator_label(generator))
    # Image files count by content in the key, so where they lie must not decide which are drawn. Pools of one size are
    # permuted alike: of two folders with the same names the same are drawn, as a paired comparison needs it.
    return plan.seed("pool", "files", size)


def order_of_files(plan: Plan, size: int) -> NDArray[np.intp]:
    """The order in which a run takes the images of a pool of `size` image files, all of them, by their places."""
    return np.random.default_rng(plan.seed("pool", "files", size)).permutation(size)


def _at(made: Any, sample: Callable[[Sequence[int]], Any], first: int) -> Callable[[Sequence[int]], Any]:
    """`sample`, or for a generator that asks for places, its `sample_at` from place `first` on."""
    if not isinstance(made, PlacedGenerator):
        return sample
    return lambda seeds: made.sample_at(seeds, range(first, first + len(seeds)))


def _checked(sample: Callable[[Sequence[int]], Any], draws: list[int], first: int) -> ImageSet:
    try:
        images = sample(draws)
    except Exception as error:
        if not isinstance(error, UsageError):
            error.add_note(f"while making images {first} to {first + len(draws) - 1}:")
        raise
    if isinstance(images, list | tuple):
        try:
            images = Mixed(np.array(i)[..., None] if np.ndim(i) == 2 else np.array(i) for i in images)
        except ValueError as problem:
            raise UsageError(f"sample(seeds) gave a list of which {problem}") from problem
    if isinstance(images, Mixed):
        if len(images) != len(draws):
            raise UsageError(f"sample(seeds) gave {len(images)} images for {len(draws)} seeds; expected one per seed")
        return copied(images)
    # A copy: networks and simulators return views of a buffer that the next batch overwrites.
    images = np.array(images, order="C")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or len(images) != len(draws):
        raise UsageError(
            f"sample(seeds) gave {images.dtype} {images.shape} for {len(draws)} seeds; it must give uint8 "
            f"({len(draws)}, H, W, C) with C = 1 or 3, or a list of (H, W, C) where sizes differ{_kind_advice(images)}"
        )
    return images


def _kind_advice(images: np.ndarray) -> str:
    """How numbers that are not uint8 become so, each kind in its own way; nothing for uint8."""
    return "" if images.dtype == np.uint8 else f"; {uint8_advice(images.dtype.str[1:])}"


def _store(
    plan: Plan,
    source: PlannedSet,
    n: int,
    batches: Iterator[ImageSet],
    labels: Mapping[str, groups.Labels],
    *,
    names: Sequence[str] | None = None,
    said: Callable[[], Mapping[str, Any]] = dict,
) -> Entry:
    """Write shards of whole batches, one of the images' names and a last one of their groups, and their digests."""
    content = Content(n)
    counts: list[int] = []

    def shards() -> Iterator[dict[str, NDArray[Any]]]:
        held: list[ImageSet] = []
        for batch in batches:
            images = batch.held() if isinstance(batch, Mixed) else batch
            try:
                content.add(images)
            except ValueError as problem:
                raise UsageError(f"{problem} (H, W, C) in one set; give lists where sizes differ") from problem
            if content.shape == MIXED:
                _check_recipes(plan, source)
            held.append(images)
            if sum(part.nbytes for part in held) >= SHARD_BYTES:
                images, held = joined(held), []  # not both in memory while the shard is written
                counts.append(len(images))
                yield packed(images)
        if held:
            counts.append(sum(map(len, held)))
            yield packed(joined(held))
        if names is not None:
            yield packed_names(names)
        if labels:
            yield dict(labels)

    def facts() -> dict[str, Any]:
        own = {"n": n, "shape": content.shape, "content": content.digest, SHARDS: counts}
        return {**own, **groups.facts(labels), **said(), **({} if names is None else {NAMES: True})}

    return plan.store.put("images", plan.image_key(source), shards(), facts)


def _check_recipes(plan: Plan, source: PlannedSet) -> None:
    """Raise UsageError where sizes differ and a recipe leaves them so, before the other images are made."""
    for encoder in plan.benchmark.encoders:
        recipe = plan.benchmark.recipe(encoder)
        if recipe.output_size() is None:
            name = source.split if isinstance(source, RealSet) else source.generator
            raise UsageError(
                f"{name}: its images differ in size, and preprocessing {recipe.label} of encoder {encoder} "
                "keeps that; add `resize: {size: …}`, or a crop"
            )
