"""What the same images would have scored under other preprocessing: changes with paired intervals, and ranks that flip.

Each variant changes one thing of the pinned recipe, or takes another named recipe whole. Images, seeds, encoders and
metrics stay; both the reference and the fakes are prepared anew, as the other pipeline would have. Since the images are
the same, a change is known far better than either value: its interval comes from the differences of influences, image
by image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from harness.benchmark import Audit, Benchmark
from harness.errors import UsageError
from harness.metrics import frechet_distance
from harness.recipes import Preprocessing
from harness.stages import FakeSet, Pipeline, Plan
from harness.stages.features import load_features
from harness.stages.scores import load_analysis
from harness.uncertainty import Analysis, SeedMember, difference
from harness.uncertainty.interval import quantile_of

PINNED = "pinned"


@dataclass(frozen=True)
class Variant:
    """One other preprocessing: the knob that it turns, its setting, and the recipe that results."""

    knob: str
    setting: str
    recipe: Preprocessing

    @property
    def name(self) -> str:
        """Knob and setting."""
        return f"{self.knob}: {self.setting}"


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
    """Two generators in another order under a variant; `resolved` where both orders are beyond noise."""

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
class Audited:
    """All that an audit found; `failed` says which variants an encoder could not take."""

    benchmark: str
    metric: str
    level: float
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    shifts: tuple[Shift, ...]
    failed: tuple[str, ...]

    def knobs(self, encoder: str) -> list[tuple[str, float]]:
        """The knobs, the one that moves the ranking metric most first: largest median |change| / pinned value."""
        found: dict[str, float] = {}
        for variant in dict.fromkeys(c.variant for c in self.changes):
            own = [
                abs(c.change) / max(abs(c.pinned), 1e-12)
                for c in self.changes
                if (c.variant, c.encoder, c.metric) == (variant, encoder, self.metric)
            ]
            knob = variant.partition(":")[0]
            found[knob] = max(found.get(knob, 0.0), float(np.median(own)) if own else 0.0)
        return sorted(found.items(), key=lambda item: -item[1])


def variants(benchmark: Benchmark, encoder: str) -> Iterator[Variant]:
    """The declared variants of an encoder's own recipe; those that are the pinned one itself are left out."""
    pinned = benchmark.recipe(encoder)
    declared = benchmark.audit or Audit()
    for resize in declared.resize:
        if pinned.resize is None:
            raise UsageError(f"audit.resize: the recipe of {encoder} resizes nothing, so there is no resize to vary")
        library, filter_, *rest = resize.split()
        changed: dict[str, Any] = {"library": library, "filter": filter_, "size": pinned.resize.size}
        if rest:
            changed["antialias"] = rest == ["antialiased"]
        yield from _changed(pinned, "resize", resize, resize=type(pinned.resize).model_validate(changed))
    for quality in declared.jpeg:
        yield from _changed(pinned, "jpeg", "none" if quality is None else str(quality), jpeg=quality)
    for rule in declared.quantise:
        yield from _changed(pinned, "quantise", rule, quantise=rule)
    for channels in declared.channels:
        yield from _changed(pinned, "channels", channels, channels=channels)
    for name in declared.recipes:
        from harness.recipes import RECIPES

        yield from _changed(pinned, "recipe", name, **dict(RECIPES[name]))


def _changed(pinned: Preprocessing, knob: str, setting: str, **steps: Any) -> Iterator[Variant]:
    recipe = pinned.model_copy(update=steps)
    if recipe != pinned:
        yield Variant(knob, setting, recipe)


def audit(plan: Plan, pipeline_of: Any, encoders: Sequence[str] | None = None) -> Audited:
    """Score the benchmark as pinned and under every variant, and compare.

    `pipeline_of` makes the Pipeline of a Plan, so that the caller says where and how visibly work runs. Raises
    UsageError for a benchmark without an `audit` or whose pinned run has failures.
    """
    benchmark = plan.benchmark
    if benchmark.audit is None:
        raise UsageError("this benchmark declares no `audit`; add one, such as `audit: {jpeg: [90, 75]}`")
    chosen = list(encoders or benchmark.encoders)
    _scored(pipeline_of(plan))
    changes: list[Change] = []
    flips: list[Flip] = []
    shifts: list[Shift] = []
    failed: list[str] = []
    for encoder in chosen:
        base = _Side(plan, encoder)
        for variant in variants(benchmark, encoder):
            other = Plan(_with_recipe(benchmark, encoder, variant.recipe), plan.store_root, plan.device)
            try:
                _scored(pipeline_of(other))
            except UsageError as problem:
                failed.append(f"{encoder} under {variant.name}: {problem}")
                continue
            side = _Side(other, encoder)
            changes += _changes(base, side, variant)
            flips += _flips(base, side, variant)
            real = [load_features(p, p.reference, encoder).rows for p in (plan, other)]
            if real[0].shape == real[1].shape:
                shifts.append(Shift(encoder, variant.name, variant.knob, frechet_distance(*real)))
    by, level = benchmark.rank_by.metric, benchmark.interval.level
    return Audited(benchmark.name, by, level, tuple(changes), tuple(flips), tuple(shifts), tuple(failed))


def _with_recipe(benchmark: Benchmark, encoder: str, recipe: Preprocessing) -> Benchmark:
    entry = benchmark.encoders[encoder].model_copy(update={"preprocessing": recipe})
    by = benchmark.rank_by.model_copy(update={"encoder": encoder})
    return benchmark.model_copy(update={"encoders": {encoder: entry}, "rank_by": by})


def _scored(pipeline: Pipeline) -> None:
    pipeline.sample()
    pipeline.encode()
    pipeline.score()
    if pipeline.failures:
        raise UsageError(next(iter(pipeline.failures.values())).reason)


class _Side:
    """All analyses of one plan under one encoder."""

    def __init__(self, plan: Plan, encoder: str) -> None:
        self.plan, self.encoder = plan, encoder
        self.found: dict[tuple[str, FakeSet], Analysis] = {}
        for fake in plan.fakes:
            for metric in plan.benchmark.metrics:
                analysis = load_analysis(plan, fake, encoder, metric)
                if analysis is None:
                    raise UsageError(f"{encoder}: a score of {fake.generator} was lost; run the audit again")
                self.found[metric, fake] = analysis

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
    for metric in benchmark.metrics:
        for generator in benchmark.generators:
            before, after = base.value(metric, generator), side.value(metric, generator)
            pairs = [(base.found[metric, f], side.found[metric, f]) for f in base.fakes(generator)]
            reach = _reach(pairs, benchmark.interval.level)
            low, high = (None, None) if reach is None else (after - before - reach, after - before + reach)
            yield Change(base.encoder, generator, metric, variant.name, before, after, low, high)


def _reach(pairs: Sequence[tuple[Analysis, Analysis]], level: float) -> float | None:
    """Half the interval of a change over the same images: both sides' differences of influences, image by image.

    The second-order part is left in, which errs on the wide side. None where influences are missing or images became
    equal under one preparation and not under the other.
    """
    fake_part, real = 0.0, []
    for before, after in pairs:
        for one, two in (
            (before.influence_real, after.influence_real),
            (before.influence_fake, after.influence_fake),
        ):
            if one is None or two is None or one.shape != two.shape:
                return None
        real.append(np.asarray(after.influence_real) - np.asarray(before.influence_real))
        gap = np.asarray(after.influence_fake) - np.asarray(before.influence_fake)
        fake_part += float(gap.var(ddof=1)) / len(gap) / len(pairs) ** 2
    shared = np.mean(real, axis=0)
    variance = fake_part + float(shared.var(ddof=1)) / len(shared)
    return quantile_of(np.inf, level) * float(np.sqrt(variance))


def _flips(base: _Side, side: _Side, variant: Variant) -> Iterator[Flip]:
    benchmark = base.plan.benchmark
    metric = benchmark.rank_by.metric
    for first, second in combinations(benchmark.generators, 2):
        found = [
            difference(
                s.members(metric, first), s.members(metric, second),
                level=benchmark.interval.level, reference=benchmark.interval.reference,
            )
            for s in (base, side)
        ]  # fmt: skip
        if found[0].value * found[1].value < 0:
            resolved = all(one.low > 0 or one.high < 0 for one in found)
            yield Flip(base.encoder, variant.name, first, second, resolved)


def facts(found: Audited) -> dict[str, Any]:
    """The audit as JSON."""
    from dataclasses import asdict

    told: Mapping[str, Any] = asdict(found)
    return {"study": "audit", **told, "changes": [{**asdict(c), "change": c.change} for c in found.changes]}
