"""What the same images would have scored in other ways: changes with paired intervals, and ranks that flip.

Images, seeds and metrics stay; both the reference and the fakes are prepared and encoded anew, as the other pipeline
would have. Since the images are the same, a change is known far better than either value: its interval comes from the
differences of influences, image by image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base import UsageError
from harness.metrics import analyse, frechet_distance
from harness.pipeline import (
    FakeSet,
    ImageSource,
    Pipeline,
    Plan,
    load_again,
    load_analysis,
    load_features,
    load_groups,
    marked,
    metric_call,
)
from harness.studies.audit.variants import PIPELINE, PROTOCOL, Variant, variants
from harness.studies.rerank.reversals import Table, shared_level, sure_orders, turned
from harness.uncertainty import (
    Analysis,
    InfluenceForm,
    Means,
    Orders,
    SeedMember,
    combine,
    holm,
    means,
    quantile_of,
)

PINNED = "pinned"
PUBLISHED = (PIPELINE, PROTOCOL)


def audit(plan: Plan, pipeline_of: Any, encoders: Sequence[str] | None = None) -> Audited:
    """Score the benchmark as pinned and under every variant, and compare.

    `pipeline_of` makes the Pipeline of a Plan, so that the caller says where and how visibly work runs. Raises
    UsageError for a benchmark without an `audit` or whose pinned run has failures.
    """
    benchmark = plan.benchmark
    if benchmark.audit is None:
        raise UsageError("this benchmark declares no `audit`; add one, such as `audit: {jpeg: [90, 75]}`")
    asked = {encoder: list(variants(benchmark, encoder)) for encoder in encoders or benchmark.encoders}
    _scored(pipeline_of(plan))
    changes: list[Change] = []
    flips: list[Flip] = []
    shifts: list[Shift] = []
    printed: list[Printed] = []
    failed: list[str] = []
    for encoder, ways in asked.items():
        base = _Side(plan, encoder)
        # All that is said to flip under an encoder holds at once, for every pair and variant and the pinned way too.
        each = shared_level(benchmark.interval.level, len(ways) + 1)
        if base.ranked:
            printed += _printed(base, PINNED, whole=False)
            pinned = _table(base), _orders(base, each)
        for variant in ways:
            try:
                side = _side(plan, encoder, variant, pipeline_of)
            except UsageError as problem:
                failed.append(f"{encoder} under {variant.name}: {problem}")
                continue
            if base.ranked:
                found = turned(pinned[0], _table(side), orders=(pinned[1], _orders(side, each)))
                flips += (Flip(encoder, variant.name, *pair) for pair in found)
            if (variant.knob in PUBLISHED or not variant.same_unit) and base.ranked:
                printed += _printed(side, variant.name, whole=not variant.same_unit)
            if not variant.same_unit:
                continue
            changes += _changes(base, side, variant)
            real = [s.features(plan.reference) for s in (base, side)]
            if variant.n_fake is None and real[0].shape == real[1].shape:
                shifts.append(Shift(encoder, variant.name, variant.knob, frechet_distance(*real)))
    by, level = benchmark.rank_by.metric, benchmark.interval.level
    told = (tuple(changes), tuple(flips), tuple(shifts), tuple(printed), tuple(failed))
    return Audited(benchmark.name, by, level, tuple(asked), *told)


def _side(plan: Plan, encoder: str, variant: Variant, pipeline_of: Any) -> _Side:
    if variant.refused:
        raise UsageError(variant.refused)
    other = Plan(variant.benchmark(plan.benchmark, encoder), plan.store_root, plan.device)
    if variant.batch_size is not None:
        pipeline_of(other).encode_again(variant.batch_size)
    else:
        _scored(pipeline_of(other))
    return _Side(other, encoder, batch_size=variant.batch_size, n_fake=variant.n_fake)


def _scored(pipeline: Pipeline) -> None:
    pipeline.sample()
    pipeline.encode()
    pipeline.score()
    if pipeline.failures:
        raise UsageError(next(iter(pipeline.failures.values())).reason)


class _Side:
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

    def features(self, source: ImageSource) -> NDArray[np.float32]:
        """Features (n, d) of an image set, all of them."""
        if self.batch_size is None:
            return load_features(self.plan, source, self.encoder).rows
        return load_again(self.plan, source, self.encoder, self.batch_size)

    def _stored(self, fake: FakeSet) -> dict[str, Analysis]:
        found = {
            m: load_analysis(self.plan, fake, self.encoder, m) for m in self.plan.benchmark.metrics_of(self.encoder)
        }
        if None in found.values():
            raise UsageError(f"{self.encoder}: a score of {fake.generator} was lost; run the audit again")
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
        )
        return {metric: marked(analysis, of_real, of_fake) for metric, analysis in made.items()}

    def fakes(self, generator: str) -> list[FakeSet]:
        return [fake for fake in self.plan.fakes if fake.generator == generator]

    def value(self, metric: str, generator: str) -> float:
        return float(np.mean([self.found[metric, fake].value for fake in self.fakes(generator)]))

    def members(self, metric: str, generator: str) -> list[SeedMember]:
        return [
            SeedMember(fake.training_seed, fake.sampling_seed, self.found[metric, fake])
            for fake in self.fakes(generator)
        ]


def _changes(base: _Side, side: _Side, variant: Variant) -> Iterator[Change]:
    benchmark = base.plan.benchmark
    for metric in benchmark.metrics_of(base.encoder):
        for generator in benchmark.generators:
            before, after = base.value(metric, generator), side.value(metric, generator)
            wholes = [means(s.members(metric, generator)) for s in (base, side)]
            reach = _reach(wholes[0], wholes[1], benchmark.interval.level)
            low, high = (None, None) if reach is None else (after - before - reach, after - before + reach)
            yield Change(base.encoder, generator, metric, variant.name, before, after, low, high)


def _reach(before: Means, after: Means, level: float) -> float | None:
    """Half the interval of a change over the same images: both sides' differences of influences, image by image.

    A variant that sees only the first of the images leaves the others' influences to the pinned side alone. The
    second-order part is left in, which errs on the wide side. Image sets that have clusters (prompts) in common count
    as one, since their mean may vary as much as one of them does. None where influences are missing or images became
    equal under one preparation and not under the other.
    """
    fake_parts, real = [], []
    for one, two in zip(before.members, after.members, strict=True):
        forms = one.analysis.form, two.analysis.form
        if not isinstance(forms[0], InfluenceForm) or not isinstance(forms[1], InfluenceForm):
            return None
        ends = forms[0].influence_real, forms[1].influence_real
        if ends[0].shape != ends[1].shape:
            return None
        real.append(ends[1] - ends[0])
        part = _paired(one.analysis, two.analysis)
        if part is None:
            return None
        fake_parts.append(part)
    independent = 1 if before.together or after.together else len(fake_parts)
    shared = np.mean(real, axis=0)
    variance = float(np.mean(fake_parts)) / independent + float(shared.var(ddof=1)) / len(shared)
    return quantile_of(np.inf, level) * float(np.sqrt(variance))


def _paired(before: Analysis, after: Analysis) -> float | None:
    """Variance of the change over draws of the generated images: all of them before, the first of them after."""
    one, two = before.form.influence_fake, after.form.influence_fake
    if one is None or two is None or len(two) > len(one):
        return None
    if len(two) < len(one) and (len(one), len(two)) != (before.n_fake, after.n_fake):
        return None  # repeated images are one unit, so that rows and units are not the same
    both = two / len(two) - one[: len(two)] / len(one)
    rest = one[len(two) :] / len(one)
    return float(len(both) * both.var(ddof=1) + (len(rest) * rest.var(ddof=1) if len(rest) > 1 else 0.0))


def _printed(side: _Side, pipeline: str, *, whole: bool) -> Iterator[Printed]:
    benchmark = side.plan.benchmark
    metric, kept = benchmark.rank_by.metric, benchmark.interval
    sign = 1 if benchmark.lower_is_better(metric) else -1
    order = sorted(benchmark.generators, key=lambda name: sign * side.value(metric, name))
    for generator in benchmark.generators:
        estimate = combine(
            side.members(metric, generator), level=kept.level, target="T_N", reference=kept.reference
        ).estimate
        yield Printed(
            side.encoder,
            pipeline,
            generator,
            side.value(metric, generator),
            estimate.low,
            estimate.high,
            order.index(generator) + 1,
            whole,
            benchmark.is_random(side.encoder),
        )


def _table(side: _Side) -> Table:
    benchmark = side.plan.benchmark
    metric = benchmark.rank_by.metric
    groups = {generator: side.members(metric, generator) for generator in benchmark.generators}
    return Table(side.encoder, groups, benchmark.lower_is_better(metric))


def _orders(side: _Side, level: float) -> Orders:
    benchmark = side.plan.benchmark
    return sure_orders(_table(side), list(benchmark.generators), level=level, reference=benchmark.interval.reference)


TINY = 1e-12  # a pinned value of 0 has no shares
LAST_BITS = 1e-6  # of the pinned value: a change up to this is one of arithmetic


@dataclass(frozen=True)
class Change:
    """One metric of one generator under one encoder: pinned, under the variant, and the change with its interval.

    `low` and `high` are None for metrics without influence functions, whose change cannot be paired image by image.
    """

    encoder: str
    generator: str
    metric: str
    variant: str
    pinned: float
    value: float
    low: float | None
    high: float | None

    @property
    def change(self) -> float:
        """Variant less pinned."""
        return self.value - self.pinned


@dataclass(frozen=True)
class Flip:
    """Two generators in another order under a variant; `resolved` where both orders are beyond noise.

    All resolved flips of an encoder hold at once at the audit's level, over its pairs and variants and the pinned way.
    """

    encoder: str
    variant: str
    first: str
    second: str
    resolved: bool


@dataclass(frozen=True)
class Shift:
    """Distance between the reference prepared as pinned and the same images prepared as the variant has it."""

    encoder: str
    variant: str
    knob: str
    distance: float


@dataclass(frozen=True)
class Printed:
    """What a published pipeline prints for one generator, with the interval and the rank that it does not print.

    `pipeline` is "pinned", or the name of a variant; `whole` where it brought its own encoder, so that its numbers are
    in another unit than the pinned ones; `random` where that encoder's weights were drawn, not trained.
    """

    encoder: str
    pipeline: str
    generator: str
    value: float
    low: float
    high: float
    rank: int
    whole: bool
    random: bool


@dataclass(frozen=True)
class Audited:
    """All that an audit found under its `encoders`; `failed` says which variants an encoder could not take."""

    benchmark: str
    metric: str
    level: float
    encoders: tuple[str, ...]
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    shifts: tuple[Shift, ...]
    printed: tuple[Printed, ...]
    failed: tuple[str, ...]

    def knobs(self, encoder: str) -> list[tuple[str, float]]:
        """The knobs shown to move the ranking metric, that which moves it most first: median |change| / pinned value.

        A knob counts by its variants of which some generator's change is shown beyond noise, by the largest of them.
        """
        shown = self._shown(encoder)
        found: dict[str, float] = {}
        for variant in dict.fromkeys(change.variant for change in shown):
            own = [abs(c.change) / max(abs(c.pinned), TINY) for c in self._ranking(encoder) if c.variant == variant]
            knob = _knob(variant)
            found[knob] = max(found.get(knob, 0.0), float(np.median(own)))
        return sorted(found.items(), key=lambda item: -item[1])

    def unshown(self, encoder: str) -> list[str]:
        """The knobs of which no change of the ranking metric is shown beyond noise, in the order of the audit."""
        shown = dict(self.knobs(encoder))
        return list(dict.fromkeys(k for c in self._ranking(encoder) if (k := _knob(c.variant)) not in shown))

    def noise_known(self, encoder: str) -> bool:
        """Whether changes of the ranking metric have intervals; without them none can be shown beyond noise."""
        return any(change.low is not None for change in self._ranking(encoder))

    def _ranking(self, encoder: str) -> list[Change]:
        return [c for c in self.changes if (c.encoder, c.metric) == (encoder, self.metric)]

    def _shown(self, encoder: str) -> list[Change]:
        """The encoder's changes beyond noise, all at once at the audit's level: Holm over generators and variants."""
        own = self._ranking(encoder)
        adjusted = holm([_p(change, self.level) for change in own])
        return [change for change, p in zip(own, adjusted, strict=True) if p <= 1.0 - self.level]


def is_none(change: Change) -> bool:
    """Whether a change is of the last bits only."""
    return abs(change.change) <= LAST_BITS * abs(change.pinned)


def _knob(variant: str) -> str:
    return variant.partition(":")[0]


def _p(change: Change, level: float) -> float:
    """Two-sided p of no change, by the normal law that its interval was made with; 1 where no interval is known."""
    if change.low is None or change.high is None or is_none(change):
        return 1.0
    normal = NormalDist()
    se = (change.high - change.low) / 2 / normal.inv_cdf(0.5 + level / 2)
    return 2.0 * normal.cdf(-abs(change.change) / se) if se > 0 else 0.0


def facts(found: Audited) -> dict[str, Any]:
    """The audit as JSON."""
    told: Mapping[str, Any] = asdict(found)
    return {"study": "audit", **told, "changes": [{**asdict(c), "change": c.change} for c in found.changes]}
