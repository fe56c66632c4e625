"""What a benchmark asks for, whatever is stored: its image sets, their sizes and parts, and every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from harness.base import derive_seed
from harness.benchmark import Benchmark, registry

COPIES = "_copies"
PART_IMAGES = 4096  # of a large set that are encoded as one unit of work, at least


@dataclass(frozen=True, slots=True)
class FakeSet:
    """One image set to be made: a generator, its training seed (None: not trained) and a sampling seed."""

    generator: str
    training_seed: int | None
    sampling_seed: int


@dataclass(frozen=True, slots=True)
class RealSet:
    """Images of one split of the dataset; `n` None takes the whole split."""

    split: str
    n: int | None = None


PlannedSet = FakeSet | RealSet  # an image set as a benchmark asks for it


@dataclass(frozen=True)
class Planned:
    """A benchmark as work to be done; nothing of it is looked up in a store."""

    benchmark: Benchmark

    @cached_property
    def fakes(self) -> tuple[FakeSet, ...]:
        """Every image set of the benchmark's cells, in their order."""
        return tuple(
            dict.fromkeys(
                FakeSet(cell.generator, cell.training_seed, cell.sampling_seed or 0) for cell in self.benchmark.cells()
            )
        )

    @cached_property
    def first_fakes(self) -> tuple[FakeSet, ...]:
        """The first image set of every generator."""
        return tuple({fake.generator: fake for fake in reversed(self.fakes)}.values())[::-1]

    @cached_property
    def reference(self) -> RealSet:
        """The real images that every metric compares with."""
        return RealSet(self.benchmark.reference_split, self.benchmark.n_real)

    @cached_property
    def training(self) -> RealSet | None:
        """The split that generators learn from, against which copies are looked for; None where there is none."""
        split = self.benchmark.training_split
        return RealSet(split) if split in self.benchmark.data.splits else None

    def size(self, source: PlannedSet) -> int:
        """How many images a set has."""
        if isinstance(source, FakeSet):
            return self.benchmark.n_fake
        whole = self.benchmark.data.splits[source.split].size
        return whole if source.n is None else min(source.n, whole)

    def parts(self, source: PlannedSet) -> tuple[range, ...]:
        """The images of each part that a set is encoded in: one part for most sets, ends where batches end."""
        n, batch = self.size(source), self.benchmark.batch_size
        rows = -(-PART_IMAGES // batch) * batch
        return tuple(range(start, min(start + rows, n)) for start in range(0, n, rows))

    def block(self, source: FakeSet) -> int:
        """Which of a finite pool's disjoint blocks of n_fake images a sampling seed stands for."""
        return self.benchmark.sampling_seeds.index(source.sampling_seed)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that are used: the reference, the training split, and those that generators learn from."""
        training = () if self.training is None else (self.training.split,)
        learnt = (self.fit_split(name) for name in self.benchmark.generators)
        return tuple(dict.fromkeys((self.reference.split, *training, *(name for name in learnt if name is not None))))

    def fit_split(self, generator: str) -> str | None:
        """The split that a generator's `fit` is given, None where the dataset has none for it."""
        entry = self.benchmark.generators[generator]
        split = entry.parameters.get("split", self.benchmark.training_split)
        return split if split in self.benchmark.data.splits else None

    def grouping(self, source: RealSet) -> Literal["clusters", "strata"] | None:
        """What a split's labels say of its images; numbers per label are fixed in a split that is taken whole only."""
        split = self.benchmark.data.splits[source.split]
        if split.clusters is not None:
            return "clusters"
        return "strata" if split.strata is not None and source.n in (None, split.size) else None

    def score_names(self, encoder: str) -> tuple[str, ...]:
        """The metrics under an encoder, and the check for copies."""
        return (*self.benchmark.metrics_of(encoder), COPIES)

    def seed(self, purpose: str, *parts: Any) -> int:
        """A seed that belongs to this benchmark's seed, a purpose and its parts."""
        return derive_seed(self.benchmark.seed, purpose, *parts)

    def training_seed(self, generator: str, training_seed: int | None) -> int:
        """The seed that `fit` is given: one and the same for all generators that differ only in how they sample."""
        label = dict(self.generator_label(generator))
        sampling = self.benchmark.generators[generator].component.sampling
        label["parameters"] = {name: value for name, value in label["parameters"].items() if name not in sampling}
        return self.seed("training", label, training_seed)

    def generator_label(self, generator: str) -> Mapping[str, Any]:
        """What a generator's seeds hang on: what it is, not what the benchmark calls it."""
        entry = self.benchmark.generators[generator]
        # A network's file counts by content here too, or moving it would change its images under the same key.
        contents = registry.contents(entry.component, entry.parameters, self.benchmark.folder)
        return {"use": entry.use, "parameters": plain({**entry.parameters, **contents})}


def plain(value: Any) -> Any:
    """A JSON value: tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
