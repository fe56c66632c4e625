"""The units of work of a benchmark: what each is called, and its place in an order that is the same for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.pipeline.plan import Plan
from harness.pipeline.planned import FakeSet, PlannedSet, RealSet


@dataclass(frozen=True, slots=True)
class SampleUnit:
    """A generator fitted once, sampled with several seeds; or a real split."""

    source: PlannedSet
    sampling_seeds: tuple[int, ...] = ()

    def __str__(self) -> str:
        if isinstance(self.source, RealSet):
            return f"real images, split {self.source.split}"
        return name_of(FakeSet(self.source.generator, self.source.training_seed, self.sampling_seeds[0]))


@dataclass(frozen=True, slots=True)
class EncoderUnit:
    """An image set under an encoder: one `part` of its images, its numerics, its sizes, or at another `batch_size`."""

    source: PlannedSet
    encoder: str
    batch_size: int | None = None
    numerics: bool = False
    sizes: bool = False
    part: range | None = None

    def __str__(self) -> str:
        name = f"real split {self.source.split}" if isinstance(self.source, RealSet) else name_of(self.source)
        what = f" in batches of {self.batch_size}" if self.batch_size else ", numerics" if self.numerics else ""
        what += ", at smaller sizes" if self.sizes else ""
        what += f", images {self.part.start} to {self.part.stop - 1}" if self.part else ""
        return f"{name} under {self.encoder}{what}"


Unit = SampleUnit | EncoderUnit


def name_of(fake: FakeSet) -> str:
    """An image set in words."""
    training = "" if fake.training_seed is None else f" training seed {fake.training_seed}"
    return f"{fake.generator}{training} sampling seed {fake.sampling_seed}"


@dataclass(frozen=True)
class Share:
    """One of `count` equal shares of a benchmark's units, `index` from 1: `--shard index/count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def has(self, place: int) -> bool:
        """Whether the unit at this place is of this share."""
        return place % self.count == self.index - 1


@dataclass(frozen=True)
class Division:
    """Which share every unit of a plan belongs to: by the declaration alone, whatever is done already.

    A generator trained with one seed stays in one share, from its images to its scores, where there are enough of them
    for every share; else its image sets and encoders go to several. Parts of a set, and what is made of real images, go
    to several always.
    """

    plan: Plan
    share: Share

    @cached_property
    def _chains(self) -> dict[tuple[str, int | None], int]:
        found = dict.fromkeys((fake.generator, fake.training_seed) for fake in self.plan.fakes)
        return {chain: place for place, chain in enumerate(found)}

    def is_mine(self, unit: Unit) -> bool:
        """Whether this share has the unit."""
        return self.share.has(self.place(unit))

    def place(self, unit: Unit) -> int:
        """The place of a unit in the order that shares take turns in."""
        encoders = list(self.plan.benchmark.encoders)
        encoder = encoders.index(unit.encoder) if isinstance(unit, EncoderUnit) else 0
        if isinstance(unit, EncoderUnit) and unit.part is not None:
            encoder += self.plan.parts(unit.source).index(unit.part)
        source = unit.source
        if isinstance(source, RealSet):
            return (0 if source == self.plan.reference else len(encoders)) + encoder
        place = self._chains[source.generator, source.training_seed]
        if isinstance(unit, SampleUnit):
            return place
        if unit.part is not None or len(self._chains) < self.share.count:
            return place + self.plan.benchmark.sampling_seeds.index(source.sampling_seed) + encoder
        return place
