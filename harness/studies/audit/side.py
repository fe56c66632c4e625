"""All analyses of a benchmark under one encoder, as the store has them or made now in another way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.metrics import analyse
from harness.pipeline import (
    FakeSet,
    Plan,
    PlannedSet,
    load_again,
    load_analyses,
    load_features,
    load_groups,
    marked,
    metric_call,
)
from harness.uncertainty import Analysis, Orders, SeedMember, Table, sure_orders


class Side:
    """All analyses of one plan under one encoder: as stored, or made now of features in other batches or fewer rows."""

    def __init__(self, plan: Plan, encoder: str, *, batch_size: int | None = None, n_fake: int | None = None) -> None:
        self.plan, self.encoder, self.batch_size, self.n_fake = plan, encoder, batch_size, n_fake
        self.found: dict[tuple[str, FakeSet], Analysis] = {}
        for fake in plan.fakes:
            made = self._made(fake) if batch_size or n_fake else self._stored(fake)
            self.found |= {(metric, fake): analysis for metric, analysis in made.items()}

    @property
    def ranked(self) -> bool:
        """Whether the metric that ranks is computed under the encoder."""
        return self.plan.benchmark.rank_by.metric in self.plan.benchmark.metrics_of(self.encoder)

    def features(self, source: PlannedSet) -> NDArray[np.float32]:
        """Features (n, d) of an image set, all of them."""
        if self.batch_size is None:
            return load_features(self.plan, source, self.encoder).rows
        return load_again(self.plan, source, self.encoder, self.batch_size)

    def _stored(self, fake: FakeSet) -> dict[str, Analysis]:
        found = load_analyses(self.plan, fake, self.encoder)
        if None in found.values():
            raise UsageError(f"{self.encoder}: a score of {fake.generator} is missing; run the audit again")
        return {metric: analysis for metric, analysis in found.items() if analysis is not None}

    def _made(self, fake: FakeSet) -> dict[str, Analysis]:
        contents = [self.plan.images(source) for source in (self.plan.reference, fake)]
        seeds = [self.plan.seed("replicates", entry.facts["content"]) for entry in contents if entry is not None]
        real, rows = self.features(self.plan.reference), self.features(fake)[: self.n_fake]
        of_real = load_groups(self.plan, self.plan.reference).fitting(real, self.plan.reference.split)
        of_fake = load_groups(self.plan, fake).first(self.n_fake).fitting(rows, fake.generator)
        made = analyse(
            {metric: metric_call(self.plan, metric) for metric in self.plan.benchmark.metrics_of(self.encoder)},
            real,
            rows,
            design_real=of_real.design,
            design_fake=of_fake.design,
            real_seed=seeds[0],
            fake_seed=seeds[1],
            replicates=self.plan.benchmark.interval.replicates,
            processor=self.plan.processor,
        )
        return {metric: marked(analysis, of_real, of_fake) for metric, analysis in made.items()}

    def fakes(self, generator: str) -> list[FakeSet]:
        """A generator's image sets, one a seed."""
        return [fake for fake in self.plan.fakes if fake.generator == generator]

    def value(self, metric: str, generator: str) -> float:
        """The mean over the generator's image sets, as a published pipeline prints it."""
        return float(np.mean([self.found[metric, fake].value for fake in self.fakes(generator)]))

    def members(self, metric: str, generator: str) -> list[SeedMember]:
        """A metric's analyses of a generator, one an image set."""
        return [
            SeedMember(fake.training_seed, fake.sampling_seed, self.found[metric, fake])
            for fake in self.fakes(generator)
        ]

    def table(self) -> Table:
        """Every generator's values of the metric that ranks."""
        benchmark = self.plan.benchmark
        metric = benchmark.rank_by.metric
        groups = {generator: self.members(metric, generator) for generator in benchmark.generators}
        return Table(self.encoder, groups, benchmark.lower_is_better(metric))

    def orders(self, level: float) -> Orders:
        """Which pairs of generators are ordered beyond noise by the metric that ranks, all at once at `level`."""
        benchmark = self.plan.benchmark
        names = list(benchmark.generators)
        return sure_orders(self.table(), names, level=level, reference=benchmark.interval.reference)
